//! Bodies → what they say of runs. A decoder of its own, so that no mistake of ours is forgiven.

use std::io::Read as _;

use anyhow::{Context as _, Result, bail};
use memchr::memmem::Finder;
use prost::Message;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::wire::Request;

/// What one body says of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Mention {
    /// The run's id; for a span, its trace's and its own.
    pub(super) id: String,
    /// The body brings the run's beginning.
    pub(super) begins: bool,
    /// The body brings the run's end.
    pub(super) ends: bool,
    /// The body brings inputs.
    pub(super) inputs: bool,
    /// The body brings outputs.
    pub(super) outputs: bool,
    /// The run was cut because it was too large, and says so.
    pub(super) cut: bool,
}

/// Undoes the compression.
pub(super) fn unpacked(request: &Request) -> Result<Vec<u8>> {
    let mut plain = Vec::new();
    match request.encoding.as_str() {
        "" | "identity" => plain.clone_from(&request.body),
        "zstd" => {
            zstd::stream::copy_decode(request.body.as_slice(), &mut plain).context("zstd")?;
        }
        "gzip" => {
            let mut unpack = flate2::read::MultiGzDecoder::new(request.body.as_slice());
            unpack.read_to_end(&mut plain).context("gzip")?;
        }
        other => bail!("a body packed with {other}"),
    }
    Ok(plain)
}

/// Reads a body that was taken.
pub(super) fn mentions(request: &Request) -> Result<Vec<Mention>> {
    let body = unpacked(request)?;
    let path = request.target.split('?').next().unwrap_or_default();
    if request.is_otlp() {
        return spans(&body);
    }
    if path.ends_with("/runs/multipart") {
        return multipart(&request.content_type, &body);
    }
    if path.ends_with("/runs/batch") {
        return batch(&body);
    }
    let run: Run = serde_json::from_slice(&body).context("a run")?;
    let id = match &run.id {
        Some(id) => id.clone(),
        None => path.rsplit('/').next().unwrap_or_default().to_owned(),
    };
    Ok(vec![run.mention(id, request.method == "POST")])
}

/// Returns true if a body has a run named `bad`.
pub(super) fn names_bad(request: &Request) -> bool {
    let find =
        |text: &[u8]| memchr::memmem::find(&unpacked(request).unwrap_or_default(), text).is_some();
    find(br#""name":"bad""#) || find(br#""name": "bad""#)
}

/// A run in JSON, as far as we ask.
#[derive(Debug, Default, Deserialize)]
struct Run {
    id: Option<String>,
    end_time: Option<Value>,
    inputs: Option<IgnoredAny>,
    outputs: Option<IgnoredAny>,
}

impl Run {
    fn mention(&self, id: String, begins: bool) -> Mention {
        Mention {
            id,
            begins,
            ends: self.end_time.as_ref().is_some_and(|end| !end.is_null()),
            inputs: self.inputs.is_some(),
            outputs: self.outputs.is_some(),
            cut: false,
        }
    }
}

fn batch(body: &[u8]) -> Result<Vec<Mention>> {
    #[derive(Deserialize)]
    struct Batch {
        #[serde(default)]
        post: Vec<Run>,
        #[serde(default)]
        patch: Vec<Run>,
    }
    let batch: Batch = serde_json::from_slice(body).context("a batch")?;
    let posts = batch.post.iter().map(|run| (run, true));
    let patches = batch.patch.iter().map(|run| (run, false));
    let said = |(run, begins): (&Run, bool)| {
        let id = run.id.clone().context("a run without an id")?;
        Ok(run.mention(id, begins))
    };
    posts.chain(patches).map(said).collect()
}

fn multipart(content_type: &str, body: &[u8]) -> Result<Vec<Mention>> {
    let boundary = content_type
        .split(';')
        .find_map(|part| part.trim().strip_prefix("boundary="))
        .context("a multipart body without a boundary")?
        .trim_matches('"');
    let delimiter = format!("--{boundary}");
    let finder = Finder::new(delimiter.as_bytes());
    let mut starts: Vec<usize> = finder.find_iter(body).collect();
    starts.push(body.len());
    let mut mentions = Vec::new();
    for pair in starts.windows(2) {
        let part = &body[pair[0] + delimiter.len()..pair[1]];
        if part.starts_with(b"--") {
            return Ok(mentions);
        }
        mentions.extend(part_of_a_run(part)?);
    }
    // A body that was cut off would otherwise count for as much as it has.
    bail!("a multipart body without its end")
}

/// Reads one part; nothing if it is not of a run.
fn part_of_a_run(part: &[u8]) -> Result<Option<Mention>> {
    let at = memchr::memmem::find(part, b"\r\n\r\n").context("a part without headers")?;
    let (head, body) = (&part[..at], &part[at + 4..]);
    let body = body.strip_suffix(b"\r\n").unwrap_or(body);
    let head = String::from_utf8_lossy(head);
    let name = head
        .split("name=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .context("a part without a name")?;
    let mut words = name.splitn(3, '.');
    let event = words.next().unwrap_or_default();
    let id = words.next().unwrap_or_default().to_owned();
    if !matches!(event, "post" | "patch") {
        return Ok(None);
    }
    let mut mention = Mention {
        id,
        ..Mention::default()
    };
    match words.next() {
        None => {
            let run: Run = serde_json::from_slice(body).context("a run's own part")?;
            mention = run.mention(mention.id, event == "post");
        }
        Some("inputs") => mention.inputs = is_json(body)?,
        Some("outputs") => mention.outputs = is_json(body)?,
        Some("extra") => mention.cut = memchr::memmem::find(body, b"truncated").is_some(),
        Some(_) => {}
    }
    Ok(Some(mention))
}

fn is_json(body: &[u8]) -> Result<bool> {
    let _: IgnoredAny = serde_json::from_slice(body).context("a part that should be JSON")?;
    Ok(true)
}

/// Spans as OTLP has them, as far as we ask: `opentelemetry/proto/trace/v1`.
#[derive(Clone, PartialEq, Message)]
struct Export {
    #[prost(message, repeated, tag = "1")]
    resources: Vec<Resource>,
}

#[derive(Clone, PartialEq, Message)]
struct Resource {
    #[prost(message, repeated, tag = "2")]
    scopes: Vec<Scope>,
}

#[derive(Clone, PartialEq, Message)]
struct Scope {
    #[prost(message, repeated, tag = "2")]
    spans: Vec<Span>,
}

#[derive(Clone, PartialEq, Message)]
struct Span {
    #[prost(bytes = "vec", tag = "1")]
    trace: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    id: Vec<u8>,
    #[prost(fixed64, tag = "7")]
    start: u64,
    #[prost(fixed64, tag = "8")]
    end: u64,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<Attribute>,
}

#[derive(Clone, PartialEq, Message)]
struct Attribute {
    #[prost(string, tag = "1")]
    key: String,
}

fn spans(body: &[u8]) -> Result<Vec<Mention>> {
    let export = Export::decode(body).context("an OTLP body")?;
    let scopes = export.resources.iter().flat_map(|it| &it.scopes);
    let mention = |span: &Span| {
        let has = |name: &str| span.attributes.iter().any(|it| it.key.ends_with(name));
        Mention {
            id: format!("{:02x?}{:02x?}", span.trace, span.id),
            begins: span.start > 0,
            ends: span.end > 0,
            inputs: has("prompt"),
            outputs: has("completion"),
            cut: false,
        }
    };
    Ok(scopes.flat_map(|it| &it.spans).map(mention).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(target: &str, body: &str) -> Request {
        Request {
            method: "POST".to_owned(),
            target: target.to_owned(),
            content_type: "multipart/form-data; boundary=b".to_owned(),
            body: body.as_bytes().to_vec(),
            ..Request::default()
        }
    }

    #[test]
    fn a_multipart_body_is_read_part_by_part() {
        let part = |name: &str, json: &str| {
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{json}\r\n")
        };
        let body = part("post.1", r#"{"end_time":"now"}"#)
            + &part("post.1.inputs", "{}")
            + &part("patch.2", "{}")
            + "--b--\r\n";
        let read = mentions(&request("/runs/multipart", &body)).expect("read");
        let said: Vec<_> = read
            .iter()
            .map(|it| (it.id.as_str(), it.begins, it.ends, it.inputs))
            .collect();
        assert_eq!(
            said,
            [
                ("1", true, true, false),
                ("1", false, false, true),
                ("2", false, false, false)
            ]
        );
        let cut = body.replace("--b--", "");
        assert!(mentions(&request("/runs/multipart", &cut)).is_err());
    }

    #[test]
    fn a_batch_and_a_single_run_are_read() {
        let body = r#"{"post":[{"id":"1"}],"patch":[{"id":"1","end_time":"now"}]}"#;
        let read = mentions(&request("/runs/batch", body)).expect("read");
        assert!(read[0].begins && read[1].ends);
        let single = mentions(&request("/runs", r#"{"id":"7"}"#)).expect("read");
        assert_eq!(single[0].id, "7");
    }
}
