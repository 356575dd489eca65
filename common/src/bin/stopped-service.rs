//! A service that takes requests from its standard input, and is ended in every way in which services end.
//!
//! ```text
//! request ID ──► two runs ──► accepted OPERATIONS · answered ID
//! fork       ──► from here on a forked process handles what comes; its parent waits for it
//! exit       ──► the process ends at once, as workers of pools do
//! the end    ──► `main` returns
//!                             dropped OPERATIONS REASON · unsent WHY, whenever that happens
//! ```
//!
//! `common::lab::stopping` starts it, asks it, and ends it. It is unix's: signals and forks.

use std::process::ExitCode;

#[cfg(unix)]
fn main() -> ExitCode {
    service::main()
}

#[cfg(not(unix))]
fn main() -> ExitCode {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "stopped-service needs signals and forks");
    ExitCode::FAILURE
}

#[cfg(unix)]
mod service {
    use std::fmt::Display;
    use std::io::{self, BufRead as _, Write as _};
    use std::process::ExitCode;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::mpsc::{Sender, channel};
    use std::time::Duration;

    use common::analysis::REQUEST_ID;
    use common::client::{Client, ClientBuilder, Config};
    use common::export::{BatchConfig, BatchExporter, Destination, SpoolConfig};
    use common::model::RunOp;
    use common::trace::RunSink;
    use fork::{Fork, fork, waitpid};
    use serde_json::json;

    const HELP: &str = "Handles requests from standard input, and traces them.

Usage: stopped-service [--grace MS] [--flush-each MS] [--spool FOLDER [--durable]] [--by-hand]

  --grace MS        On SIGTERM send what is held, for so long at most
  --flush-each MS   Send what is held before each answer, for so long at most
  --spool FOLDER    Keep on disk what cannot be sent
  --durable         … and everything else, before the call that records it returns
  --by-hand         Send from a thread written by hand, which a fork leaves behind

Runs go where LANGSMITH_ENDPOINT, LANGSMITH_API_KEY and LANGSMITH_PROJECT say.
";

    /// How long the first operation waits for others: what nobody flushes is still held when the end comes.
    const LINGER: Duration = Duration::from_secs(60);

    #[derive(Default)]
    struct Options {
        grace: Option<Duration>,
        flush_each: Option<Duration>,
        spool: Option<String>,
        durable: bool,
        by_hand: bool,
    }

    pub(super) fn main() -> ExitCode {
        let options = match Options::read(std::env::args().skip(1)) {
            Ok(Some(options)) => options,
            Ok(None) => {
                let _ = io::stdout().write_all(HELP.as_bytes());
                return ExitCode::SUCCESS;
            }
            Err(why) => return complain(why),
        };
        match serve(&options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => complain(error),
        }
    }

    fn serve(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
        let config = Config::from_env()?;
        let by_hand = match options.by_hand {
            true => Some(Arc::new(ByHand::start(&config.destination())?)),
            false => None,
        };
        let mut builder = ClientBuilder::from(config)
            .batch(options.batch())
            .on_drop(|reason, count| say(format_args!("dropped {count} {reason}")));
        if let Some(sink) = &by_hand {
            builder = builder.sink(sink.clone()).enabled(true);
        }
        let client = builder.build()?;
        let _guard = match options.grace {
            Some(grace) => Some(client.flush_on_termination(grace)?),
            None => None,
        };
        say("ready");
        for line in io::stdin().lock().lines() {
            let line = line?;
            match line.split_once(' ').unwrap_or((&line, "")) {
                ("request", id) => {
                    handle(&client, id);
                    if let Some(deadline) = options.flush_each
                        && let Err(error) = client.flush(deadline)
                    {
                        say(format_args!("unsent {error}"));
                    }
                    let taken = by_hand.as_ref().map(|it| it.taken.load(Ordering::SeqCst));
                    let accepted = taken.unwrap_or_else(|| client.stats().accepted);
                    say(format_args!("accepted {accepted}"));
                    say(format_args!("answered {id}"));
                }
                // Nobody's destructor runs, and nobody's `atexit` is for this.
                ("exit", _) => std::process::exit(0),
                ("fork", _) => match fork()? {
                    Fork::Child => say("forked"),
                    Fork::Parent(child) => {
                        waitpid(child)?;
                        std::process::exit(0);
                    }
                },
                (other, _) => say(format_args!("unsent `{other}` is nothing to do")),
            }
        }
        Ok(())
    }

    /// Answers a request: a run, and one for the call of a model below it.
    fn handle(client: &Client, id: &str) {
        let answer = client
            .run("answer")
            .metadata(REQUEST_ID, id)
            .inputs(json!({"question": "How do I keep traces at a shutdown?"}))
            .start();
        let model = answer.child("generate").run_type("llm").start();
        model.end_with(json!({"text": "Flush, within the grace."}));
        answer.end_with(json!({"answer": "Flush, within the grace."}));
    }

    /// The exporter that many begin with: a channel, and a thread that empties it.
    #[derive(Debug)]
    struct ByHand {
        queue: Sender<RunOp>,
        taken: AtomicU64,
    }

    impl ByHand {
        fn start(to: &Destination) -> Result<Self, common::export::StartError> {
            let exporter = BatchExporter::start(to, BatchConfig::default())?;
            let (queue, waiting) = channel();
            std::thread::spawn(move || {
                for op in waiting {
                    exporter.submit(op);
                }
            });
            let taken = AtomicU64::new(0);
            Ok(Self { queue, taken })
        }
    }

    impl RunSink for ByHand {
        fn submit(&self, op: RunOp) {
            // After a fork the receiver is a copy that nobody reads: sending succeeds all the same.
            if self.queue.send(op).is_ok() {
                self.taken.fetch_add(1, Ordering::SeqCst);
            }
        }
    }

    impl Options {
        /// Reads the command line; nothing if help is asked for.
        fn read(mut given: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
            let mut options = Self::default();
            while let Some(argument) = given.next() {
                let mut millis = || {
                    let given = given.next().and_then(|text| text.parse().ok());
                    given
                        .map(Duration::from_millis)
                        .ok_or(format!("give {argument} milliseconds"))
                };
                match argument.as_str() {
                    "--grace" => options.grace = Some(millis()?),
                    "--flush-each" => options.flush_each = Some(millis()?),
                    "--spool" => options.spool = Some(given.next().ok_or("give --spool a folder")?),
                    "--durable" => options.durable = true,
                    "--by-hand" => options.by_hand = true,
                    "-h" | "--help" => return Ok(None),
                    other => return Err(format!("`{other}` is no argument of stopped-service")),
                }
            }
            Ok(Some(options))
        }

        fn batch(&self) -> BatchConfig {
            let spool = self.spool.as_ref().map(|folder| {
                let spool = SpoolConfig::new(folder);
                if self.durable { spool.durable() } else { spool }
            });
            BatchConfig {
                linger: LINGER,
                spool,
                ..BatchConfig::default()
            }
        }
    }

    /// Says a line to whoever started this.
    fn say(line: impl Display) {
        let mut out = io::stdout().lock();
        // Nobody is left to tell if standard output is gone.
        let _ = writeln!(out, "{line}");
        let _ = out.flush();
    }

    fn complain(why: impl Display) -> ExitCode {
        say(format_args!("✗ {why}\n  → stopped-service --help"));
        ExitCode::from(2)
    }
}
