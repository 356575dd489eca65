//! A queue in NATS JetStream: a work queue in memory, messages whose headers are attempt and context.

use std::path::Path;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::message::Acker;
use async_nats::jetstream::stream::{Config, RetentionPolicy, StorageType};
use async_nats::jetstream::{self, Context};
use async_nats::{HeaderMap, HeaderName, HeaderValue};
use futures_util::StreamExt as _;
use serde_json::Value;

use super::broker::{self, Broker};
use super::message::{ATTEMPT, BODY, Fate, Message};
use super::{QueueError, Wanted};

pub(super) const PROGRAM: &str = "nats-server";

/// How long one question for a message waits for an answer.
const ASK: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Nats {
    subject: String,
    jetstream: Context,
    consumer: PullConsumer,
    pub(super) version: String,
    pub(super) address: String,
    // None if somebody else runs it.
    _broker: Option<Broker>,
}

impl Nats {
    pub(super) async fn start(
        program: &Path,
        subject: &str,
        redeliver_after: Duration,
    ) -> Result<Self, QueueError> {
        // A port cannot be hidden from others on this machine; they do not know the token.
        let token = format!("{:032x}", rand::random::<u128>());
        let config = |folder: &Path| {
            format!(
                "listen: 127.0.0.1:-1\nauthorization {{ token: \"{token}\" }}\n\
                 ports_file_dir: \"{folder}\"\n\
                 jetstream {{ store_dir: \"{folder}\", max_memory_store: 67108864, max_file_store: 0 }}\n",
                folder = folder.display()
            )
        };
        let arguments = |_: &Path, config: &Path| vec!["-c".into(), config.display().to_string()];
        let broker = Broker::start(program, config, arguments)?;
        let url = broker.until(async |folder| port(folder)).await?;
        let host = url.strip_prefix("nats://").unwrap_or(&url);
        let address = format!("nats://{token}@{host}");
        let (_, jetstream) = connect(&address).await?;
        let consumer = broker.until(async |_| {
            // JetStream is ready a little after the port.
            made(&jetstream, subject, redeliver_after).await.ok()
        });
        Ok(Self {
            consumer: consumer.await?,
            subject: subject.to_owned(),
            jetstream,
            version: broker::version(program),
            address,
            _broker: Some(broker),
        })
    }

    /// Joins the queue of a server that others run.
    pub(super) async fn join(
        address: &str,
        subject: &str,
        redeliver_after: Duration,
    ) -> Result<Self, QueueError> {
        let (client, jetstream) = connect(address).await?;
        Ok(Self {
            consumer: made(&jetstream, subject, redeliver_after).await?,
            subject: subject.to_owned(),
            version: client.server_info().version,
            jetstream,
            address: address.to_owned(),
            _broker: None,
        })
    }

    /// Counts the messages that are in the work queue: one that is acknowledged is taken out of it.
    pub(super) async fn outstanding(&self) -> Result<u64, QueueError> {
        let name = self.subject.replace('.', "-");
        let stream = self.jetstream.get_stream(name).await.map_err(failed)?;
        Ok(stream.cached_info().state.messages)
    }

    pub(super) async fn push(&self, message: &Message) -> Result<(), QueueError> {
        self.publish(self.subject.clone(), message).await
    }

    /// Waits for a message, and returns with it what acknowledges it.
    pub(super) async fn pull(
        &self,
        is_wanted: &Wanted<'_>,
    ) -> Result<Option<(Message, Acker)>, QueueError> {
        while is_wanted() {
            let asked = self.consumer.fetch().max_messages(1).expires(ASK);
            let mut batch = asked.messages().await.map_err(failed)?;
            while let Some(next) = batch.next().await {
                // One that could not be taken comes again.
                let Ok(taken) = next else { continue };
                let times = taken.info().map_or(1, |info| info.delivered);
                let again = u64::try_from(times - 1).unwrap_or(0);
                let message = message(taken.headers.as_ref(), &taken.payload).taken_again(again);
                let (_, acker) = taken.split();
                return Ok(Some((message, acker)));
            }
        }
        Ok(None)
    }

    pub(super) async fn settle(&self, acker: &Acker, fate: &Fate) -> Result<(), QueueError> {
        // First the new one: what is between the two is done twice, and never not at all.
        match fate {
            Fate::Done => {}
            Fate::Again(message) => self.push(message).await?,
            Fate::Aside(message) => self.publish(aside(&self.subject), message).await?,
        }
        acker.double_ack().await.map_err(failed)
    }

    pub(super) async fn aside(&self) -> Result<Vec<Message>, QueueError> {
        let stream = aside(&self.subject).replace('.', "-");
        let stream = self.jetstream.get_stream(stream).await.map_err(failed)?;
        let messages = stream.cached_info().state.messages;
        let mut found = Vec::new();
        for sequence in 1..=messages {
            let raw = stream.get_raw_message(sequence).await.map_err(failed)?;
            found.push(message(Some(&raw.headers), &raw.payload));
        }
        Ok(found)
    }

    async fn publish(&self, subject: String, message: &Message) -> Result<(), QueueError> {
        let mut headers = HeaderMap::new();
        headers.insert(ATTEMPT, message.attempt.to_string());
        for (name, value) in message.entries.iter() {
            // As its parts: a name or a value that cannot stand in a header is an error, and no panic.
            let name: HeaderName = name.parse().map_err(failed)?;
            let value: HeaderValue = value.parse().map_err(failed)?;
            headers.append(name, value);
        }
        let body = message.body.clone().into();
        let sent = self.jetstream.publish_with_headers(subject, headers, body);
        // The server has it when it says so.
        sent.await.map_err(failed)?.await.map_err(failed)?;
        Ok(())
    }
}

/// Connects to `nats://TOKEN@HOST:PORT`; without a token, or with a user and a password, likewise.
async fn connect(address: &str) -> Result<(async_nats::Client, Context), QueueError> {
    let rest = address.strip_prefix("nats://").unwrap_or(address);
    let (options, url) = match rest.split_once('@') {
        Some((token, host)) if !token.contains(':') => (
            async_nats::ConnectOptions::with_token(token.to_owned()),
            format!("nats://{host}"),
        ),
        _ => (async_nats::ConnectOptions::new(), address.to_owned()),
    };
    // A machine under load answers late.
    let options = options
        .connection_timeout(broker::START)
        .request_timeout(Some(broker::START));
    let client = options.connect(url).await.map_err(failed)?;
    let mut jetstream = jetstream::new(client.clone());
    jetstream.set_timeout(broker::START);
    Ok((client, jetstream))
}

/// Makes the two streams in memory, and the consumer that all workers share.
async fn made(
    jetstream: &Context,
    subject: &str,
    redeliver_after: Duration,
) -> Result<PullConsumer, QueueError> {
    let config = |subject: String, retention| Config {
        name: subject.replace('.', "-"),
        subjects: vec![subject],
        storage: StorageType::Memory,
        retention,
        ..Config::default()
    };
    let put_aside = config(aside(subject), RetentionPolicy::Limits);
    jetstream
        .get_or_create_stream(put_aside)
        .await
        .map_err(failed)?;
    let work = config(subject.to_owned(), RetentionPolicy::WorkQueue);
    let stream = jetstream.get_or_create_stream(work).await.map_err(failed)?;
    let workers = pull::Config {
        durable_name: Some("workers".to_owned()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: redeliver_after,
        ..pull::Config::default()
    };
    stream.create_consumer(workers).await.map_err(failed)
}

fn aside(subject: &str) -> String {
    format!("aside.{subject}")
}

/// Reads where the server listens, from the file that it writes when it does.
fn port(folder: &Path) -> Option<String> {
    let files = std::fs::read_dir(folder).ok()?.flatten();
    let mut ports = files.filter(|file| file.path().extension().is_some_and(|end| end == "ports"));
    let text = std::fs::read(ports.next()?.path()).ok()?;
    let ports: Value = serde_json::from_slice(&text).ok()?;
    ports["nats"][0].as_str().map(str::to_owned)
}

fn message(headers: Option<&HeaderMap>, body: &[u8]) -> Message {
    let headers = headers.into_iter().flat_map(HeaderMap::iter);
    let pairs = headers.flat_map(|(name, values)| {
        values
            .iter()
            .map(move |value| (name.to_string(), value.to_string()))
    });
    let body = (BODY.to_owned(), String::from_utf8_lossy(body).into_owned());
    Message::of(pairs.chain([body]))
}

fn failed(error: impl std::fmt::Display) -> QueueError {
    QueueError::Nats(error.to_string())
}
