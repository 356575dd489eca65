//! A port that can be shut: connections break, and nobody listens any more. Start at [`Door::open_at`].

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// A port of this machine that passes connections on as long as it is open.
#[derive(Debug)]
pub struct Door {
    address: SocketAddr,
    behind: String,
    passing: Option<JoinHandle<()>>,
}

impl Door {
    /// Opens a door on a port, 0 for any free one, in front of the address `behind`.
    ///
    /// # Errors
    /// If the port cannot be had.
    pub async fn open_at(port: u16, behind: String) -> Result<Self> {
        let mut door = Self {
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            behind,
            passing: None,
        };
        door.open().await?;
        Ok(door)
    }

    /// Returns the address for clients.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Opens the door again, on the same port.
    ///
    /// # Errors
    /// If somebody has taken the port meanwhile.
    pub async fn open(&mut self) -> Result<()> {
        if self.passing.is_none() {
            let listener = TcpListener::bind(self.address).await;
            let listener = listener.with_context(|| format!("{} cannot be had", self.address))?;
            self.address = listener.local_addr()?;
            self.passing = Some(tokio::spawn(pass(listener, self.behind.clone())));
        }
        Ok(())
    }

    /// Shuts the door. When this returns the port is closed and every connection through it is broken.
    pub async fn shut(&mut self) {
        if let Some(passing) = self.passing.take() {
            passing.abort();
            // It was told to end, so that it ended without a result is what is expected.
            let _ = passing.await;
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if let Some(passing) = &self.passing {
            passing.abort();
        }
    }
}

async fn pass(listener: TcpListener, behind: String) {
    // Dropped with this task, and every connection with it.
    let mut connections = JoinSet::new();
    loop {
        // An accept that fails, for want of descriptors, is tried again when the next one comes.
        if let Ok((mut outside, _)) = listener.accept().await {
            let behind = behind.clone();
            connections.spawn(async move {
                let Ok(mut inside) = TcpStream::connect(&behind).await else {
                    return;
                };
                let _ = (outside.set_nodelay(true), inside.set_nodelay(true));
                let _ = copy_bidirectional(&mut outside, &mut inside).await;
            });
        }
        while connections.try_join_next().is_some() {}
    }
}
