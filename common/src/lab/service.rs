//! A service of a lesson's story: an axum router on a port of its own.

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// A running HTTP service on loopback. It stops when it is dropped.
#[derive(Debug)]
pub struct Service {
    name: String,
    url: String,
    // Dropping the sender tells the server to finish what it is doing and stop.
    _stop: oneshot::Sender<()>,
}

impl Service {
    /// Starts a router on a free port of this machine.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn try_start(name: impl Into<String>, router: Router) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(async move {
            let until = async move {
                // Either way the service's handle is gone.
                let _ = stopped.await;
            };
            if let Err(error) = axum::serve(listener, router)
                .with_graceful_shutdown(until)
                .await
            {
                tracing::warn!(%error, "a lesson's service ended");
            }
        });
        Ok(Self {
            name: name.into(),
            url,
            _stop: stop,
        })
    }

    /// Starts a router on a free port of this machine.
    ///
    /// # Panics
    /// When no port can be bound; a lesson cannot go on without.
    #[allow(clippy::expect_used, reason = "lessons stop where they cannot go on")]
    pub async fn start(name: impl Into<String>, router: Router) -> Self {
        Self::try_start(name, router)
            .await
            .expect("a free port on 127.0.0.1")
    }

    /// Returns the service's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the address of a path of the service.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}
