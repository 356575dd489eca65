//! A service of a lesson's story: an axum router on a port of its own.

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::chaos::ChaosTarget;

/// A running HTTP service on loopback. It stops when it is dropped.
///
/// It has a thread and a runtime of its own, as it would have a process of its own: it goes on between
/// cells, and works on a stock kernel too, where every cell has its own copy of tokio.
#[derive(Debug)]
pub struct Service {
    name: String,
    url: String,
    // Dropping the sender tells the server to finish what it is doing and stop.
    _stop: oneshot::Sender<()>,
}

impl Service {
    /// Starts a router on a free port of this machine. It answers when this returns.
    ///
    /// # Errors
    /// When no port can be bound, or no thread started.
    pub fn try_start(name: impl Into<String>, router: Router) -> std::io::Result<Self> {
        let (name, listener) = (name.into(), std::net::TcpListener::bind("127.0.0.1:0")?);
        listener.set_nonblocking(true)?;
        let url = format!("http://{}", listener.local_addr()?);
        let (stop, stopped) = oneshot::channel::<()>();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::Builder::new()
            .name(format!("service {name}"))
            .spawn(move || {
                if let Err(error) = runtime.block_on(serve(listener, router, stopped)) {
                    tracing::warn!(%error, "a lesson's service ended");
                }
            })?;
        Ok(Self {
            name,
            url,
            _stop: stop,
        })
    }

    /// Starts a router on a free port of this machine. It answers when this returns.
    ///
    /// # Panics
    /// When no port can be bound; a lesson cannot go on without.
    #[allow(clippy::expect_used, reason = "lessons stop where they cannot go on")]
    pub fn start(name: impl Into<String>, router: Router) -> Self {
        Self::try_start(name, router).expect("a free port on 127.0.0.1")
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

impl From<&Service> for ChaosTarget {
    fn from(service: &Service) -> Self {
        service.url.as_str().into()
    }
}

async fn serve(
    listener: std::net::TcpListener,
    router: Router,
    stopped: oneshot::Receiver<()>,
) -> std::io::Result<()> {
    let until = async move {
        // Either way the service's handle is gone.
        let _ = stopped.await;
    };
    let listener = TcpListener::from_std(listener)?;
    axum::serve(listener, router)
        .with_graceful_shutdown(until)
        .await
}
