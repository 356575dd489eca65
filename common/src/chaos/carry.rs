//! One connection: a request to the service, and its answer back.
//!
//! ```text
//! caller ──head──► meet ──change──► status? ─► answer
//!                                   delay ─► service ──► answer ──trickle · reset──► caller
//! ```
//!
//! Start at [`carry`].

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};

use super::change::change;
use super::head::Head;
use super::log::ChaosOutcome;
use super::proxy::Shared;
use super::switch::{ChaosReset, Effect};

/// Leave to send the body of a request that asked for it with `Expect`.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
/// How long a caller may go on sending what nobody reads any more. A connection that is closed before would lose the
/// answer.
const FAREWELL: Duration = Duration::from_secs(5);

/// How long a caller may take for the head of its request. Servers may think before they answer, for as long as they like.
const HEAD_WITHIN: Duration = Duration::from_secs(30);

/// A request on its way, and what was done to it.
struct Carried {
    shared: Arc<Shared>,
    number: u64,
    effects: Vec<Effect>,
    did: Vec<String>,
}

/// Carries one request.
pub(super) async fn carry(shared: Arc<Shared>, mut caller: TcpStream) {
    // Bytes that trickle are sent one by one.
    let _ = caller.set_nodelay(true);
    let mut behind = Vec::new();
    // Who sends no head asks for nothing, as a browser does that opens connections in advance.
    let head = tokio::time::timeout(HEAD_WITHIN, Head::read(&mut caller, &mut behind)).await;
    let Ok(Ok(Some(mut head))) = head else {
        return;
    };
    let (method, path) = (head.method(), head.path());
    let effects = shared.plan().meet(&path);
    let number = shared.log().came(&method, &path);
    let mut carried = Carried {
        shared,
        number,
        effects,
        did: Vec::new(),
    };
    let status = carried.begin(&mut head).await;
    if let Some(status) = status {
        carried.ended(ChaosOutcome::Answered(status));
        let _ = answer(&mut caller, status).await;
        return;
    }
    head.close();
    if carried.pass_on(&mut caller, &head, behind).await.is_err() {
        carried.ended(ChaosOutcome::Lost);
    }
}

impl Carried {
    /// Does what comes before the service; returns the status of an answer that needs none.
    async fn begin(&mut self, head: &mut Head) -> Option<u16> {
        let mut status = None;
        for effect in &self.effects {
            let done = match effect {
                Effect::Limit(bytes) => {
                    let over = head.lines.iter().any(|line| line.len() > *bytes);
                    status = status.or(over.then_some(431));
                    over
                }
                Effect::Delay(by) => {
                    tokio::time::sleep(*by).await;
                    true
                }
                Effect::Status(told) => {
                    status = status.or(Some(*told));
                    true
                }
                Effect::Reset(_) | Effect::Trickle(_) => false,
                other => change(head, other),
            };
            if done {
                self.did.push(effect.to_string());
            }
        }
        status
    }

    async fn pass_on(
        &mut self,
        caller: &mut TcpStream,
        head: &Head,
        behind: Vec<u8>,
    ) -> io::Result<()> {
        let service = TcpStream::connect(&self.shared.target).await;
        let Ok(mut service) = service else {
            self.ended(ChaosOutcome::Lost);
            return answer(caller, 502).await;
        };
        let _ = service.set_nodelay(true);
        if self.resets(ChaosReset::InRequest) {
            let (mut from_caller, mut to_caller) = caller.split();
            let (_, mut to_service) = service.split();
            if head.lines.iter().any(|line| line.is("expect")) {
                // Nobody reads what the service says here, and without its leave the caller sends no body.
                to_caller.write_all(CONTINUE).await?;
            }
            // Whoever hangs up before the half is there, such as a service that answers without reading, changes nothing:
            // what follows is a reset.
            let _ = send_half(head, behind, &mut from_caller, &mut to_service).await;
            self.ended(ChaosOutcome::Reset);
            cut(&to_service);
            cut(&to_caller);
            return Ok(());
        }
        let (mut from_caller, mut to_caller) = caller.split();
        let (mut from_service, mut to_service) = service.split();
        let sending = async {
            to_service.write_all(&head.bytes()).await?;
            to_service.write_all(&behind).await?;
            tokio::io::copy(&mut from_caller, &mut to_service).await?;
            // The caller has gone, or has no more to say.
            to_service.shutdown().await
        };
        let whole = tokio::select! {
            returned = self.give_back(&mut from_service, &mut to_caller) => returned?,
            never = async {
                // A service may answer without having read everything.
                let _ = sending.await;
                std::future::pending::<io::Result<bool>>().await
            } => never?,
        };
        if !whole {
            // An orderly end would take the place of the reset.
            return Ok(());
        }
        let _ = to_caller.shutdown().await;
        farewell(&mut from_caller).await;
        Ok(())
    }

    /// Passes the answer back; false if it was cut off. Its outcome is in the log before the caller sees any of it.
    async fn give_back(
        &mut self,
        from: &mut ReadHalf<'_>,
        to: &mut WriteHalf<'_>,
    ) -> io::Result<bool> {
        let mut behind = Vec::new();
        let mut head = loop {
            let Some(head) = Head::read(from, &mut behind).await? else {
                return Err(io::ErrorKind::UnexpectedEof.into());
            };
            // "Continue" is no answer yet.
            if !matches!(head.status(), 100 | 102..200) {
                break head;
            }
            to.write_all(&head.bytes()).await?;
        };
        if self.resets(ChaosReset::BeforeAnswer) {
            self.ended(ChaosOutcome::Reset);
            cut(to);
            return Ok(false);
        }
        head.close();
        if self.resets(ChaosReset::InAnswer) {
            self.ended(ChaosOutcome::Reset);
            let left = send_half(&head, behind, from, to).await?;
            // The service shall not notice: it is the way to the caller that breaks.
            tokio::io::copy(&mut from.take(left), &mut tokio::io::sink()).await?;
            cut(to);
            return Ok(false);
        }
        let trickle = self.effects.iter().find_map(|effect| match effect {
            Effect::Trickle(pause) => Some((*pause, effect.to_string())),
            _ => None,
        });
        if let Some((_, words)) = &trickle {
            self.did.push(words.clone());
        }
        self.ended(ChaosOutcome::Passed(head.status()));
        to.write_all(&head.bytes()).await?;
        let Some((pause, _)) = trickle else {
            to.write_all(&behind).await?;
            tokio::io::copy(from, to).await?;
            return Ok(true);
        };
        loop {
            for byte in std::mem::take(&mut behind) {
                tokio::time::sleep(pause).await;
                to.write_all(&[byte]).await?;
            }
            if from.read_buf(&mut behind).await? == 0 {
                return Ok(true);
            }
        }
    }

    /// Returns true if the connection is to be reset here, and notes that it was.
    fn resets(&mut self, at: ChaosReset) -> bool {
        let reset = Effect::Reset(at);
        let resets = self.effects.contains(&reset);
        if resets {
            self.did.push(reset.to_string());
        }
        resets
    }

    /// Notes what became of the request; the first note counts.
    fn ended(&mut self, outcome: ChaosOutcome) {
        if self.number > 0 {
            let did = std::mem::take(&mut self.did);
            self.shared.log().ended(self.number, did, outcome);
            self.number = 0;
        }
    }
}

/// Sends the head and half of the body; half of the head if there is no body. Returns how many bytes of the body are
/// still to come, as far as its head tells.
async fn send_half(
    head: &Head,
    mut body: Vec<u8>,
    from: &mut (impl AsyncRead + Unpin),
    to: &mut WriteHalf<'_>,
) -> io::Result<u64> {
    let bytes = head.bytes();
    let length = head.content_length();
    let chunked = head.lines.iter().any(|line| line.is("transfer-encoding"));
    if length.unwrap_or_default() == 0 && !chunked {
        to.write_all(&bytes[..bytes.len() / 2]).await?;
        return Ok(0);
    }
    to.write_all(&bytes).await?;
    let Some(length) = length else {
        // Of a body whose length nobody knows, what comes first is halved.
        while body.len() < 2 && from.read_buf(&mut body).await? > 0 {}
        to.write_all(&body[..body.len() / 2]).await?;
        return Ok(0);
    };
    let half = length / 2;
    let came = body.len().min(half);
    to.write_all(&body[..came]).await?;
    // A body may be longer than memory.
    let behind = (half - came) as u64;
    tokio::io::copy(&mut from.take(behind), to).await?;
    Ok(length.saturating_sub(half.max(body.len())) as u64)
}

/// Makes the connection end with a reset when it is dropped.
fn cut(stream: &WriteHalf<'_>) {
    // Where it cannot be set, the connection ends too early all the same.
    let _ = stream.as_ref().set_zero_linger();
}

async fn answer(caller: &mut TcpStream, status: u16) -> io::Result<()> {
    let reason = StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason());
    let body = format!(
        "{status} {}, by the chaos proxy\n",
        reason.unwrap_or("error")
    );
    let head = format!(
        "HTTP/1.1 {status} {}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        reason.unwrap_or("Error"),
        body.len()
    );
    caller.write_all((head + &body).as_bytes()).await?;
    let (mut from, mut to) = caller.split();
    to.shutdown().await?;
    farewell(&mut from).await;
    Ok(())
}

/// Reads what the caller still sends, for a while: closing before would make a reset of it.
async fn farewell(from: &mut ReadHalf<'_>) {
    let mut nowhere = tokio::io::sink();
    let _ = tokio::time::timeout(FAREWELL, tokio::io::copy(from, &mut nowhere)).await;
}
