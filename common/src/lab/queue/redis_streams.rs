//! A queue in Redis Streams: a consumer group, entries whose fields are body, attempt and context.

use std::path::Path;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::streams::{
    StreamAutoClaimReply, StreamId, StreamPendingCountReply, StreamRangeReply, StreamReadReply,
};
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo as _, Pipeline, RedisResult,
    cmd, pipe,
};
use tokio::sync::Mutex;

use super::broker::{self, Broker};
use super::message::{ATTEMPT, BODY, Fate, Message};
use super::{QueueError, Wanted};

pub(super) const PROGRAM: &str = "redis-server";

const GROUP: &str = "workers";
const CONSUMER: &str = "lesson";
/// How long one question for a message waits for an answer.
const BLOCK: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(super) struct RedisStreams {
    stream: String,
    redeliver_after: Duration,
    writing: MultiplexedConnection,
    // A connection that waits for a message answers nothing else; those who wait take turns.
    reading: Mutex<MultiplexedConnection>,
    pub(super) version: String,
    pub(super) address: String,
    // None if somebody else runs it.
    _broker: Option<Broker>,
}

impl RedisStreams {
    pub(super) async fn start(
        program: &Path,
        stream: &str,
        redeliver_after: Duration,
    ) -> Result<Self, QueueError> {
        // A socket in a folder that is ours lets nobody else in, and no port has to be free.
        let config = |folder: &Path| {
            format!(
                "port 0\nunixsocket {folder}/redis\nunixsocketperm 600\ndir {folder}\nsave \"\"\n\
                 appendonly no\nmaxmemory 64mb\nmaxmemory-policy noeviction\n",
                folder = folder.display()
            )
        };
        let arguments = |_: &Path, config: &Path| vec![config.display().to_string()];
        let broker = Broker::start(program, config, arguments)?;
        let socket = broker.folder().join("redis");
        let address = format!("redis+unix://{}", socket.display());
        let client = Client::open(ConnectionAddr::Unix(socket).into_connection_info()?)?;
        broker.until(async |_| connect(&client).await.ok()).await?;
        let mut queue = Self::join(&address, stream, redeliver_after).await?;
        queue.version = broker::version(program);
        queue._broker = Some(broker);
        Ok(queue)
    }

    /// Joins the queue of a server that others run.
    pub(super) async fn join(
        address: &str,
        stream: &str,
        redeliver_after: Duration,
    ) -> Result<Self, QueueError> {
        let client = Client::open(address)?;
        let mut writing = connect(&client).await?;
        let reading = Mutex::new(connect(&client).await?);
        let mut group = cmd("XGROUP");
        let group = group.arg(&["CREATE", stream, GROUP, "0", "MKSTREAM"]);
        match group.exec_async(&mut writing).await {
            // Whoever joined before has made it.
            Err(error) if error.code() != Some("BUSYGROUP") => return Err(error.into()),
            _ => {}
        }
        let about: String = cmd("INFO").arg("server").query_async(&mut writing).await?;
        let version = about
            .lines()
            .find_map(|line| line.strip_prefix("redis_version:"));
        Ok(Self {
            stream: stream.to_owned(),
            redeliver_after,
            writing,
            reading,
            version: version.unwrap_or("of unknown version").to_owned(),
            address: address.to_owned(),
            _broker: None,
        })
    }

    /// Counts the entries that are in the stream: one that is settled is taken out of it.
    pub(super) async fn outstanding(&self) -> Result<u64, QueueError> {
        let mut length = cmd("XLEN");
        let length = length.arg(&self.stream);
        Ok(length.query_async(&mut self.writing.clone()).await?)
    }

    pub(super) async fn push(&self, message: &Message) -> Result<(), QueueError> {
        let mut pipe = pipe();
        add(&mut pipe, &self.stream, message);
        Ok(pipe.exec_async(&mut self.writing.clone()).await?)
    }

    /// Waits for an entry, and returns its id with it.
    pub(super) async fn pull(
        &self,
        is_wanted: &Wanted<'_>,
    ) -> Result<Option<(Message, String)>, QueueError> {
        while is_wanted() {
            let mut reading = self.reading.lock().await;
            let mut read = cmd("XREADGROUP");
            read.arg(&["GROUP", GROUP, CONSUMER, "COUNT", "1"]);
            read.arg("BLOCK")
                .arg(millis(BLOCK))
                .arg("STREAMS")
                .arg(&self.stream)
                .arg(">");
            let read: StreamReadReply = read.query_async(&mut *reading).await?;
            if let Some(id) = read.keys.into_iter().flat_map(|key| key.ids).next() {
                return Ok(Some(taken(id, 0)));
            }
            let mut claim = cmd("XAUTOCLAIM");
            claim
                .arg(&[&self.stream, GROUP, CONSUMER])
                .arg(millis(self.redeliver_after));
            claim.arg(&["0-0", "COUNT", "1"]);
            let claimed: StreamAutoClaimReply = claim.query_async(&mut *reading).await?;
            if let Some(id) = claimed.claimed.into_iter().next() {
                let again = times_delivered(&mut reading, &self.stream, &id.id).await?;
                return Ok(Some(taken(id, again.saturating_sub(1))));
            }
        }
        Ok(None)
    }

    pub(super) async fn settle(&self, id: &str, fate: &Fate) -> Result<(), QueueError> {
        // As one, so that a message is never twice in the queue or in none.
        let mut pipe = pipe();
        pipe.atomic();
        match fate {
            Fate::Done => {}
            Fate::Again(message) => add(&mut pipe, &self.stream, message),
            Fate::Aside(message) => add(&mut pipe, &self.aside_stream(), message),
        }
        pipe.cmd("XACK").arg(&[&self.stream, GROUP, id]).ignore();
        pipe.cmd("XDEL").arg(&[&self.stream, id]).ignore();
        Ok(pipe.exec_async(&mut self.writing.clone()).await?)
    }

    pub(super) async fn aside(&self) -> Result<Vec<Message>, QueueError> {
        let mut range = cmd("XRANGE");
        range.arg(self.aside_stream()).arg("-").arg("+");
        let entries: StreamRangeReply = range.query_async(&mut self.writing.clone()).await?;
        Ok(entries.ids.into_iter().map(|id| taken(id, 0).0).collect())
    }

    fn aside_stream(&self) -> String {
        format!("{}:aside", self.stream)
    }
}

async fn connect(client: &Client) -> RedisResult<MultiplexedConnection> {
    // A machine under load answers late, and a question that blocks answers when there is something.
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(broker::START))
        .set_response_timeout(None);
    let mut connection = client
        .get_multiplexed_async_connection_with_config(&config)
        .await?;
    cmd("PING").exec_async(&mut connection).await?;
    Ok(connection)
}

fn add(pipe: &mut Pipeline, stream: &str, message: &Message) {
    let add = pipe.cmd("XADD").arg(stream).arg("*");
    add.arg(BODY)
        .arg(&message.body)
        .arg(ATTEMPT)
        .arg(message.attempt);
    for (name, value) in message.entries.iter() {
        add.arg(name).arg(value);
    }
    add.ignore();
}

fn taken(id: StreamId, again: u64) -> (Message, String) {
    let pairs = id.map.into_iter().filter_map(|(name, value)| {
        let bytes: Vec<u8> = redis::from_redis_value(value).ok()?;
        Some((name, String::from_utf8_lossy(&bytes).into_owned()))
    });
    (Message::of(pairs).taken_again(again), id.id)
}

async fn times_delivered(
    connection: &mut MultiplexedConnection,
    stream: &str,
    id: &str,
) -> Result<u64, QueueError> {
    let mut pending = cmd("XPENDING");
    pending.arg(&[stream, GROUP, id, id, "1"]);
    let pending: StreamPendingCountReply = pending.query_async(connection).await?;
    let times = pending
        .ids
        .first()
        .map_or(1, |pending| pending.times_delivered);
    Ok(u64::try_from(times).unwrap_or(u64::MAX))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
