//! Somebody at a terminal, who is asked and types. Start at [`Person`].

use common::lab::terminal::ask;
use tokio::sync::{Mutex, mpsc};

/// Somebody who can be asked. What they type is read on a thread of its own: a terminal blocks, and the program has to
/// hear Ctrl-C meanwhile.
#[derive(Debug)]
pub struct Person(Mutex<mpsc::Receiver<String>>);

impl Person {
    /// Listens to whoever is at the terminal.
    pub fn at_terminal() -> Self {
        Self::typing(std::iter::from_fn(|| {
            let mut line = String::new();
            let read = std::io::stdin().read_line(&mut line).unwrap_or(0);
            (read > 0).then_some(line)
        }))
    }

    /// Listens to these lines, which may take their time.
    pub fn typing(lines: impl Iterator<Item = String> + Send + 'static) -> Self {
        let (heard, typed) = mpsc::channel(1);
        std::thread::spawn(move || {
            for line in lines {
                if heard.blocking_send(line).is_err() {
                    break;
                }
            }
        });
        Self(Mutex::new(typed))
    }

    /// Asks, and waits for a line; none when whoever was asked has gone.
    pub async fn asked(&self, question: &str) -> Option<String> {
        ask(question);
        self.0.lock().await.recv().await
    }
}
