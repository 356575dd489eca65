//! What a filter can ask of a run: the fields, what they are compared with, and what a run has there.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};

use super::filter::How;
use super::scene::Seen;
use crate::model::{JsonMap, Timestamp};

/// A value written in a filter.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Constant {
    Text(String),
    Number(f64),
    Flag(bool),
    Null,
    /// A text that was compared with a time.
    Time(Timestamp),
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
    Seconds,
    Time,
    Flag,
    List,
    /// One side of the entries of a map or of a list of records: conditions on several sides within
    /// one `and` are about the same entry.
    Side(Pairs),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pairs {
    Metadata,
    Inputs,
    Outputs,
    Feedback,
}

/// A field of a run, as the language names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

const FIELDS: [Field; 38] = {
    const fn field(name: &'static str, kind: Kind) -> Field {
        Field { name, kind }
    }
    [
        field("id", Kind::Text),
        field("run_id", Kind::Text),
        field("name", Kind::Text),
        field("run_type", Kind::Text),
        field("status", Kind::Text),
        field("error", Kind::Text),
        field("trace_id", Kind::Text),
        field("parent_run_id", Kind::Text),
        field("session_id", Kind::Text),
        field("thread_id", Kind::Text),
        field("dotted_order", Kind::Text),
        field("reference_example_id", Kind::Text),
        field("inputs", Kind::Text),
        field("outputs", Kind::Text),
        field("is_root", Kind::Flag),
        field("start_time", Kind::Time),
        field("end_time", Kind::Time),
        field("first_token_time", Kind::Time),
        field("latency", Kind::Seconds),
        field("time_to_first_token", Kind::Seconds),
        field("prompt_tokens", Kind::Number),
        field("completion_tokens", Kind::Number),
        field("total_tokens", Kind::Number),
        field("prompt_cost", Kind::Number),
        field("completion_cost", Kind::Number),
        field("total_cost", Kind::Number),
        field("tags", Kind::List),
        field("tag", Kind::List),
        field("metadata", Kind::List),
        field("metadata_key", Kind::Side(Pairs::Metadata)),
        field("metadata_value", Kind::Side(Pairs::Metadata)),
        field("input_key", Kind::Side(Pairs::Inputs)),
        field("input_value", Kind::Side(Pairs::Inputs)),
        field("output_key", Kind::Side(Pairs::Outputs)),
        field("output_value", Kind::Side(Pairs::Outputs)),
        field("feedback_key", Kind::Side(Pairs::Feedback)),
        field("feedback_score", Kind::Side(Pairs::Feedback)),
        field("feedback_value", Kind::Side(Pairs::Feedback)),
    ]
};

impl Field {
    pub(super) fn named(name: &str) -> Option<Self> {
        FIELDS.into_iter().find(|field| field.name == name)
    }

    /// Turns a written value into one that the field can be compared with.
    pub(super) fn fit(self, how: How, constant: Constant) -> Result<Constant, String> {
        if constant == Constant::Null {
            return Ok(constant);
        }
        let name = self.name;
        match (self.kind, constant) {
            (Kind::Time, Constant::Text(text)) => read_time(&text)
                .map(Constant::Time)
                .ok_or_else(|| format!("{text:?} is no time to compare {name} with")),
            (Kind::Seconds, Constant::Text(text)) => read_seconds(&text)
                .map(Constant::Number)
                .ok_or_else(|| format!("{text:?} is no duration, such as \"5s\", for {name}")),
            (Kind::Time, _) => Err(format!("{name} is compared with a time in quotes")),
            (Kind::Number, Constant::Text(text)) => match text.parse() {
                Ok(number) => Ok(Constant::Number(number)),
                Err(_) => Err(format!("{name} is compared with a number, not {text:?}")),
            },
            (Kind::Number | Kind::Seconds, Constant::Flag(_)) => {
                Err(format!("{name} is compared with a number"))
            }
            (Kind::Flag, constant @ Constant::Flag(_)) => Ok(constant),
            (Kind::Flag, _) => Err(format!("{name} is true or false")),
            (Kind::List, Constant::Text(text)) => Ok(Constant::Text(text)),
            (Kind::List, _) => Err(format!("{name} holds texts")),
            (Kind::Text, Constant::Flag(flag)) if name == "error" => Ok(Constant::Flag(flag)),
            (Kind::Text, Constant::Text(text)) => Ok(Constant::Text(text)),
            (Kind::Text, _) if how != How::Has => {
                Err(format!("{name} is compared with a text in quotes"))
            }
            (_, constant) => Ok(constant),
        }
    }

    /// Returns why a field cannot be compared in this way.
    pub(super) fn objection(self, how: How, values: &[Constant]) -> Option<String> {
        let name = self.name;
        match (how, self.kind) {
            (How::Has, Kind::List) => None,
            (How::Has, _) => Some(format!("has() looks into tags or metadata, not {name}")),
            (How::Gt | How::Gte | How::Lt | How::Lte, Kind::List | Kind::Flag) => {
                Some(format!("{name} has no order"))
            }
            (How::In, _) if values.is_empty() => Some("the list is empty".to_owned()),
            _ => None,
        }
    }

    /// Returns what the field holds in a run; none if the run has none.
    pub(super) fn of(self, seen: &Seen<'_>) -> Option<Constant> {
        let run = &seen.run;
        let text = |text: &dyn ToString| Some(Constant::Text(text.to_string()));
        #[expect(clippy::cast_precision_loss, reason = "tokens are compared as numbers")]
        let count = |count: u64| Some(Constant::Number(count as f64));
        let tally = seen.tally.as_ref();
        match self.name {
            "id" | "run_id" => text(&run.id),
            "name" => text(&run.name),
            "run_type" => text(&run.run_type),
            "status" => text(&run.status()),
            "error" => run.error.clone().map(Constant::Text),
            "trace_id" => text(&run.trace_id),
            "parent_run_id" => run.parent_run_id.and_then(|id| text(&id)),
            "session_id" => text(&seen.session),
            "thread_id" => seen.thread.clone().map(Constant::Text),
            "dotted_order" => text(&run.dotted_order.as_str()),
            "reference_example_id" => run.reference_example_id.and_then(|id| text(&id)),
            "inputs" => run.inputs.as_ref().map(written),
            "outputs" => run.outputs.as_ref().map(written),
            "is_root" => Some(Constant::Flag(run.is_root())),
            "start_time" => Some(Constant::Time(run.start_time)),
            "end_time" => run.end_time.map(Constant::Time),
            "first_token_time" => seen.first_token.map(Constant::Time),
            "latency" => seen.latency().map(Constant::Number),
            "time_to_first_token" => seen.wait().map(Constant::Number),
            "prompt_tokens" => count(tally?.prompt_tokens),
            "completion_tokens" => count(tally?.completion_tokens),
            "total_tokens" => count(tally?.total_tokens),
            "prompt_cost" => tally?.prompt_cost.map(Constant::Number),
            "completion_cost" => tally?.completion_cost.map(Constant::Number),
            "total_cost" => tally?.total_cost.map(Constant::Number),
            _ => None,
        }
    }
}

fn written(fields: &JsonMap) -> Constant {
    Constant::Text(serde_json::to_string(fields).unwrap_or_default())
}

fn read_time(text: &str) -> Option<Timestamp> {
    DateTime::parse_from_rfc3339(text)
        .map(|time| time.with_timezone(&Utc))
        .or_else(|_| text.parse::<NaiveDateTime>().map(|time| time.and_utc()))
        .ok()
        .or_else(|| {
            let date: NaiveDate = text.parse().ok()?;
            Some(date.and_hms_opt(0, 0, 0)?.and_utc())
        })
}

/// Reads `5s`, `500ms`, `1.5m`, `2h`, `1d`, or seconds without a unit.
fn read_seconds(text: &str) -> Option<f64> {
    let text = text.trim();
    let split = text
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    let number: f64 = number.trim().parse().ok()?;
    number.is_finite().then_some(number * factor)
}
