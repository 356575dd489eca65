//! Every way between two processes, as what travels it: written on one side, read on the other.

use std::ffi::OsString;
use std::sync::{Arc, Mutex};

use common::model::JsonMap;
use common::propagation::carrier::{file, mcp, stream};
use common::propagation::{ChildEnv, Entries, Extractor, Injector, Job};
use http::{HeaderMap, HeaderName, HeaderValue};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, MetaObject, RequestMetaObject,
};
use serde_json::{Value, json};

/// What a receiver has in its hands.
pub(crate) type Received = Box<dyn Extractor>;

/// A way between two processes.
pub(crate) trait Medium {
    /// Sends what `write` says, as bytes, and returns what the other side reads.
    fn carry(&self, write: &dyn Fn(&mut dyn Injector)) -> Received;

    /// Receives names and values that somebody else wrote, as they are; none if they cannot stand there.
    fn raw(&self, entries: &[(&str, &[u8])]) -> Option<Received>;
}

fn texts<'e>(entries: &[(&'e str, &'e [u8])]) -> Option<Vec<(&'e str, &'e str)>> {
    let text =
        |(name, value): &(&'e str, &'e [u8])| Some((*name, std::str::from_utf8(value).ok()?));
    entries.iter().map(text).collect()
}

/// Writes an object by hand, since a name may be there twice.
fn object(entries: &[(&str, &str)]) -> String {
    let members = entries
        .iter()
        .map(|(name, value)| format!("{}:{}", Value::from(*name), Value::from(*value)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

fn written(write: &dyn Fn(&mut dyn Injector)) -> Entries {
    let mut entries = Entries::new();
    write(&mut entries);
    entries
}

/// Headers of HTTP/1: requests, streams of events, the upgrade of a WebSocket.
pub(crate) struct Http;

impl Medium for Http {
    fn carry(&self, write: &dyn Fn(&mut dyn Injector)) -> Received {
        let mut headers = HeaderMap::new();
        write(&mut headers);
        let lines: Vec<u8> = headers
            .iter()
            .flat_map(|(name, value)| [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"])
            .flatten()
            .copied()
            .collect();
        let entries: Vec<(String, Vec<u8>)> = lines
            .split(|byte| *byte == b'\n')
            .filter_map(|line| {
                let line = line.strip_suffix(b"\r")?;
                let colon = line.iter().position(|byte| *byte == b':')?;
                let name = String::from_utf8(line[..colon].to_vec()).ok()?;
                Some((name, line[colon + 1..].trim_ascii().to_vec()))
            })
            .collect();
        let entries: Vec<(&str, &[u8])> = entries
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
            .collect();
        self.raw(&entries).expect("what was written can be read")
    }

    fn raw(&self, entries: &[(&str, &[u8])]) -> Option<Received> {
        let mut headers = HeaderMap::new();
        for (name, value) in entries {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            headers.append(name, HeaderValue::from_bytes(value).ok()?);
        }
        Some(Box::new(headers))
    }
}

/// The metadata of a gRPC request.
pub(crate) struct Grpc;

impl Medium for Grpc {
    fn carry(&self, write: &dyn Fn(&mut dyn Injector)) -> Received {
        let mut request = tonic::Request::new(());
        let headers: &mut HeaderMap = request.metadata_mut().as_mut();
        write(headers);
        let http = request.into_parts().0.into_headers();
        Box::new(tonic::metadata::MetadataMap::from_headers(http).into_headers())
    }

    fn raw(&self, entries: &[(&str, &[u8])]) -> Option<Received> {
        Http.raw(entries)
    }
}

/// The fields of an entry of Redis Streams: names and values in a row, both bytes.
pub(crate) struct RedisFields;

impl Medium for RedisFields {
    fn carry(&self, write: &dyn Fn(&mut dyn Injector)) -> Received {
        let mut fields = vec![("body".to_owned(), "{}".to_owned())];
        write(&mut fields);
        let fields: Vec<(&str, &[u8])> = fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        self.raw(&fields).expect("bytes")
    }

    fn raw(&self, entries: &[(&str, &[u8])]) -> Option<Received> {
        let read: Vec<(String, Vec<u8>)> = entries
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.to_vec()))
            .collect();
        Some(Box::new(read))
    }
}

/// The headers of a NATS message, as its client keeps them.
pub(crate) struct NatsHeaders;

impl Medium for NatsHeaders {
    fn carry(&self, write: &dyn Fn(&mut dyn Injector)) -> Received {
        let entries = written(write);
        let entries: Vec<(&str, &[u8])> = entries
            .iter()
            .map(|(name, value)| (name, value.as_bytes()))
            .collect();
        self.raw(&entries)
            .expect("what is written stands in headers")
    }

    fn raw(&self, entries: &[(&str, &[u8])]) -> Option<Received> {
        let mut headers = async_nats::HeaderMap::new();
        for (name, value) in texts(entries)? {
            let name: async_nats::HeaderName = name.parse().ok()?;
            let value: async_nats::HeaderValue = value.parse().ok()?;
            headers.append(name, value);
        }
        let read: Vec<(String, String)> = headers
            .iter()
            .flat_map(|(name, values)| {
                values
                    .iter()
                    .map(move |value| (name.to_string(), value.to_string()))
            })
            .collect();
        Some(Box::new(read))
    }
}

/// The attributes of a message of other queues: a map of texts.
pub(crate) struct Attributes;

impl Medium for Attributes {
    fn carry(&self, write: &dyn Fn(&mut dyn Injector)) -> Received {
        let mut attributes = std::collections::BTreeMap::<String, String>::new();
        write(&mut attributes);
        Box::new(attributes)
    }

    fn raw(&self, entries: &[(&str, &[u8])]) -> Option<Received> {
        let mut attributes = std::collections::HashMap::<String, Vec<u8>>::new();
        for (name, value) in entries {
            if attributes
                .insert((*name).to_owned(), value.to_vec())
                .is_some()
            {
                return None;
            }
        }
        Some(Box::new(attributes))
    }
}

/// A job in a table.
pub(crate) struct JobRow;

impl Medium for JobRow {
    fn carry(&self, write: &dyn Fn(&mut dyn Injector)) -> Received {
        let mut job = Job::new(json!({"page": 7}));
        write(&mut job.trace_context);
        let row = serde_json::to_string(&job).expect("JSON");
        let job: Job<Value> = serde_json::from_str(&row).expect("a job");
        assert_eq!(job.body["page"], 7);
        Box::new(job.trace_context)
    }

    fn raw(&self, entries: &[(&str, &[u8])]) -> Option<Received> {
        let row = format!(
            r#"{{"trace_context":{},"body":7}}"#,
            object(&texts(entries)?)
        );
        let job: Job<u8> = serde_json::from_str(&row).expect("a job");
        Some(Box::new(job.trace_context))
    }
}

/// The first frame of a WebSocket.
pub(crate) struct FirstFrame;

impl Medium for FirstFrame {
    fn carry(&self, write: &dyn Fn(&mut dyn Injector)) -> Received {
        let frame = stream::first_frame(&written(write));
        Box::new(stream::read_first_frame(&frame).expect("a frame of ours"))
    }

    fn raw(&self, entries: &[(&str, &[u8])]) -> Option<Received> {
        let frame = format!("{{ \"trace_context\" : {} }}", object(&texts(entries)?));
        Some(Box::new(
            stream::read_first_frame(&frame).expect("a frame of ours"),
        ))
    }
}

/// The first of a stream's events.
pub(crate) struct SseEvent;

impl Medium for SseEvent {
    fn carry(&self, write: &dyn Fn(&mut dyn Injector)) -> Received {
        let event = stream::event(&written(write));
        let lines: Vec<&str> = event.lines().collect();
        let [name, data, ""] = lines[..] else {
            panic!("not one event of two lines: {event}")
        };
        let name = name.strip_prefix("event: ").expect("a name");
        let data = data.strip_prefix("data: ").expect("data");
        Box::new(stream::read_event(name, data).expect("an event of ours"))
    }

    fn raw(&self, entries: &[(&str, &[u8])]) -> Option<Received> {
        let data = object(&texts(entries)?);
        Some(Box::new(
            stream::read_event("trace_context", &data).expect("an event of ours"),
        ))
    }
}

/// What MCP keeps beside a method's own parameters.
pub(crate) struct McpMeta;

impl Medium for McpMeta {
    fn carry(&self, write: &dyn Fn(&mut dyn Injector)) -> Received {
        let mut call = json!({"method": "tools/call", "params": {"_meta": {"progressToken": 7}}});
        write(mcp::meta_mut(&mut call).expect("a call"));
        let line = call.to_string();
        let call: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(mcp::meta(&call)["progressToken"], 7);
        Box::new(mcp::meta(&call).clone())
    }

    fn raw(&self, entries: &[(&str, &[u8])]) -> Option<Received> {
        let mut meta = JsonMap::new();
        for (name, value) in texts(entries)? {
            if meta.insert(name.to_owned(), value.into()).is_some() {
                return None;
            }
        }
        Some(Box::new(meta))
    }
}

/// What the other side reads of MCP's `_meta` behind the official crate on both sides: a client that calls a
/// tool, a pipe, a server that keeps what came.
pub(crate) struct McpCall;

impl Medium for McpCall {
    fn carry(&self, write: &dyn Fn(&mut dyn Injector)) -> Received {
        let mut meta = JsonMap::new();
        write(&mut meta);
        Box::new(called(meta))
    }

    fn raw(&self, entries: &[(&str, &[u8])]) -> Option<Received> {
        let mut meta = JsonMap::new();
        for (name, value) in texts(entries)? {
            if meta.insert(name.to_owned(), value.into()).is_some() {
                return None;
            }
        }
        Some(Box::new(called(meta)))
    }
}

/// Keeps the `_meta` of the last call.
#[derive(Clone, Default)]
struct Keeps(Arc<Mutex<JsonMap>>);

impl rmcp::ServerHandler for Keeps {
    async fn call_tool(
        &self,
        _call: CallToolRequestParams,
        context: rmcp::service::RequestContext<rmcp::RoleServer>,
    ) -> Result<CallToolResponse, rmcp::ErrorData> {
        let mut kept = self.0.lock().expect("nobody panicked");
        kept.clone_from(&context.meta.0.0);
        Ok(CallToolResult::success(vec![]).into())
    }
}

fn called(meta: JsonMap) -> JsonMap {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().expect("a runtime");
    let server = Keeps::default();
    runtime.block_on(async {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let serving = tokio::spawn(rmcp::serve_server(server.clone(), theirs));
        let client = rmcp::serve_client((), ours).await.expect("it answers");
        let mut call = CallToolRequestParams::new("any");
        call.meta = Some(RequestMetaObject(MetaObject(meta)));
        client.call_tool(call).await.expect("it answers");
        client.cancel().await.expect("it ends");
        let served = serving.await.expect("it ends").expect("it was called");
        served.waiting().await.expect("it ends");
    });
    let kept = server.0.lock().expect("nobody panicked");
    assert!(kept["progressToken"].is_number(), "rmcp's own is kept");
    kept.clone()
}

/// The environment of a child process.
pub(crate) struct Environment;

impl Medium for Environment {
    fn carry(&self, write: &dyn Fn(&mut dyn Injector)) -> Received {
        let mut env = ChildEnv::new();
        write(&mut env);
        let mut command = std::process::Command::new("child");
        env.apply(&mut command);
        let get = |variable: &str| -> Option<OsString> {
            let set = command.get_envs().find(|(name, _)| *name == variable)?;
            Some(set.1?.to_owned())
        };
        Box::new(ChildEnv::read(get, Some(std::process::id())))
    }

    fn raw(&self, entries: &[(&str, &[u8])]) -> Option<Received> {
        let mut vars = Vec::<(&str, OsString)>::new();
        for (name, value) in entries {
            let variable = match *name {
                "traceparent" => "TRACEPARENT",
                "tracestate" => "TRACESTATE",
                "baggage" => "BAGGAGE",
                "langsmith-trace" if !vars.iter().any(|(set, _)| *set == "LANGSMITH_TRACE") => {
                    "LANGSMITH_TRACE"
                }
                "langsmith-trace" => "TRACEPARENT_LANGSMITH",
                // No other header has a variable, and none has two cases.
                _ => return None,
            };
            if vars.iter().any(|(set, _)| *set == variable) || value.contains(&0) {
                return None;
            }
            vars.push((variable, os_string(value)?));
        }
        let get = |variable: &str| {
            let set = vars.iter().find(|(name, _)| *name == variable)?;
            Some(set.1.clone())
        };
        Some(Box::new(ChildEnv::read(get, Some(7))))
    }
}

#[cfg(unix)]
fn os_string(bytes: &[u8]) -> Option<OsString> {
    Some(std::os::unix::ffi::OsStringExt::from_vec(bytes.to_vec()))
}

#[cfg(not(unix))]
fn os_string(bytes: &[u8]) -> Option<OsString> {
    Some(String::from_utf8(bytes.to_vec()).ok()?.into())
}

/// A file.
pub(crate) struct OneFile;

impl Medium for OneFile {
    fn carry(&self, write: &dyn Fn(&mut dyn Injector)) -> Received {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("context.json");
        file::write(&path, &written(write)).expect("written");
        Box::new(file::read(&path).expect("a file of ours"))
    }

    fn raw(&self, entries: &[(&str, &[u8])]) -> Option<Received> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("context.json");
        let text = format!(r#"{{"trace_context":{}}}"#, object(&texts(entries)?));
        std::fs::write(&path, text).expect("written");
        // One that is longer than such a file may be is refused as a whole: another test's matter.
        file::read(&path)
            .ok()
            .map(|entries| Box::new(entries) as Received)
    }
}
