//! When a service ends. The load ends by [`common::client::terminated`]; a service has to be deaf to Ctrl-C, so it
//! hears for itself. Start at [`end_of_service`].

use anyhow::Result;

/// Listens for the end of a service: SIGTERM, or that standard input closes, as it does when whoever started the
/// service asks it to end, or is gone.
///
/// Ctrl-C in a terminal comes to all its processes; a service leaves it to the load, which needs its services for
/// the last of its report.
///
/// # Errors
/// If the system gives no thread, or has no signals.
pub(super) fn end_of_service() -> Result<impl Future<Output = ()> + Send + 'static> {
    let terminated = terminated_but_not_interrupted()?;
    let (closed, closing) = tokio::sync::oneshot::channel();
    // A thread of its own: nothing can end a read of standard input, and a runtime would wait for it.
    std::thread::Builder::new()
        .name("standard input".into())
        .spawn(move || {
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            let _ = closed.send(());
        })?;
    Ok(async move {
        tokio::select! {
            _ = closing => {}
            () = terminated => {}
        }
    })
}

#[cfg(unix)]
fn terminated_but_not_interrupted() -> Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};

    // Heard once, it no longer ends the process.
    drop(signal(SignalKind::interrupt())?);
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        terminate.recv().await;
    })
}

#[cfg(windows)]
fn terminated_but_not_interrupted() -> Result<impl Future<Output = ()> + Send + 'static> {
    drop(tokio::signal::windows::ctrl_c()?);
    Ok(std::future::pending())
}
