//! A server that does to each connection what a script says: a raw socket, no HTTP library.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use socket2::SockRef;

/// One thing to do to a connection.
#[derive(Debug, Clone)]
pub enum Act {
    /// Reads one whole request.
    Read,
    /// Reads so many bytes, or what comes.
    ReadSome(usize),
    /// Writes.
    Write(Vec<u8>),
    /// Writes byte by byte, with this pause between two, until it is done or nobody listens.
    Trickle(Vec<u8>, Duration),
    /// Writes the same for ever, or until nobody listens.
    Endless(Vec<u8>),
    /// Says that nothing more will be written, and reads on.
    HalfClose,
    /// Throws the connection away: the other side sees a reset.
    Reset,
    /// Neither reads nor writes, until the other side gives up.
    Stall,
}

/// A whole answer that leaves the connection open.
pub fn answer(status: u16) -> Act {
    Act::Write(format!("HTTP/1.1 {status} X\r\nContent-Length: 2\r\n\r\n{{}}").into_bytes())
}

/// A request, answered.
pub fn ok() -> Vec<Act> {
    vec![Act::Read, answer(202)]
}

/// What happened at the server.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// How many connections there were.
    pub connections: usize,
    /// Whole requests: the head, and the body.
    pub requests: Vec<(String, Vec<u8>)>,
    /// Everything that was read, parts of requests included.
    pub read: Vec<u8>,
    /// How many bytes were written.
    pub written: usize,
    /// How many connections were over.
    pub ended: usize,
}

impl Seen {
    /// Returns the requests but those of `/info`.
    pub fn ingest(&self) -> Vec<&(String, Vec<u8>)> {
        let requests = self.requests.iter();
        requests
            .filter(|(head, _)| !head.contains("/info"))
            .collect()
    }
}

#[derive(Default)]
struct Log {
    seen: Mutex<Seen>,
    changed: Condvar,
}

/// The server. Its last script is for all further connections.
pub struct Faulty {
    pub address: SocketAddr,
    log: Arc<Log>,
}

impl Faulty {
    pub fn start(scripts: impl IntoIterator<Item = Vec<Act>>) -> Self {
        Self::at((Ipv4Addr::LOCALHOST, 0).into(), scripts).expect("loopback")
    }

    pub fn at(
        address: SocketAddr,
        scripts: impl IntoIterator<Item = Vec<Act>>,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let scripts: Vec<_> = scripts.into_iter().collect();
        let log = Arc::new(Log::default());
        let shared = log.clone();
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
                let script = scripts.get(number).or(scripts.last()).cloned();
                let log = shared.clone();
                std::thread::spawn(move || {
                    log.change(|seen| seen.connections += 1);
                    play(&stream, script.unwrap_or_default(), &log);
                    log.change(|seen| seen.ended += 1);
                });
            }
        });
        Ok(Self { address, log })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn seen(&self) -> Seen {
        self.log.seen.lock().expect("log").clone()
    }

    /// Waits until this is true of what was seen.
    pub fn wait(&self, done: impl Fn(&Seen) -> bool) {
        let guard = self.log.seen.lock().expect("log");
        drop(
            self.log
                .changed
                .wait_while(guard, |seen| !done(seen))
                .expect("log"),
        );
    }
}

impl Log {
    fn change(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen.lock().expect("log"));
        self.changed.notify_all();
    }
}

/// Plays a script, then closes; ends early if the other side is gone.
fn play(mut stream: &TcpStream, script: Vec<Act>, log: &Log) {
    let mut unread = Vec::new();
    for act in script {
        let done = match act {
            Act::Read => read_request(stream, &mut unread, log),
            Act::ReadSome(count) => {
                while unread.len() < count && fill(stream, &mut unread, log) {}
                true
            }
            Act::Write(bytes) => write(stream, &bytes, log),
            Act::Trickle(bytes, pause) => bytes.iter().all(|byte| {
                std::thread::sleep(pause);
                write(stream, &[*byte], log)
            }),
            Act::Endless(bytes) => loop {
                if !write(stream, &bytes, log) {
                    break false;
                }
            },
            Act::HalfClose => {
                let closed = stream.shutdown(Shutdown::Write).is_ok();
                while fill(stream, &mut unread, log) {}
                closed
            }
            Act::Reset => {
                let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
                return;
            }
            Act::Stall => {
                // What is not read stays in the buffers, so the other side cannot write.
                let mut byte = [0];
                loop {
                    match stream.peek(&mut byte) {
                        Ok(0) => break,
                        Ok(_) => std::thread::park_timeout(Duration::from_millis(1)),
                        Err(error) if error.kind() == ErrorKind::Interrupted => {}
                        Err(_) => break,
                    }
                    if is_gone(stream) {
                        break;
                    }
                }
                true
            }
        };
        if !done {
            break;
        }
    }
    let _ = stream.flush();
}

/// Returns true if the other side has closed: then what is written is answered by a reset.
fn is_gone(stream: &TcpStream) -> bool {
    SockRef::from(stream)
        .take_error()
        .is_ok_and(|error| error.is_some())
}

fn write(mut stream: &TcpStream, bytes: &[u8], log: &Log) -> bool {
    let written = stream.write_all(bytes).is_ok();
    if written {
        log.change(|seen| seen.written += bytes.len());
    }
    written
}

fn fill(mut stream: &TcpStream, unread: &mut Vec<u8>, log: &Log) -> bool {
    let mut chunk = vec![0; 64 * 1024];
    match stream.read(&mut chunk) {
        Ok(0) | Err(_) => false,
        Ok(count) => {
            unread.extend_from_slice(&chunk[..count]);
            log.change(|seen| seen.read.extend_from_slice(&chunk[..count]));
            true
        }
    }
}

fn read_request(stream: &TcpStream, unread: &mut Vec<u8>, log: &Log) -> bool {
    let end = loop {
        let end = unread.windows(4).position(|window| window == b"\r\n\r\n");
        match end {
            Some(end) => break end + 4,
            None if fill(stream, unread, log) => {}
            None => return false,
        }
    };
    let head = String::from_utf8_lossy(&unread[..end]).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length
            .then(|| value.trim().parse::<usize>().ok())
            .flatten()
    });
    let whole = end + length.unwrap_or(0);
    while unread.len() < whole {
        if !fill(stream, unread, log) {
            return false;
        }
    }
    let rest = unread.split_off(whole);
    let body = std::mem::replace(unread, rest).split_off(end);
    log.change(|seen| seen.requests.push((head, body)));
    true
}
