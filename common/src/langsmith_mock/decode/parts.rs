//! Parts put together into operations.

use std::collections::HashMap;

use serde_json::Value;

use super::multipart::Part;
use super::{Attachment, Decoded, OpKind, ReceivedOp, read_id, weight};
use crate::langsmith_mock::violation::{Violation, ViolationCode};
use crate::model::{JsonMap, RunId};

/// Fields that travel in parts of their own, in the order in which the official SDKs send them.
const SIDES: [&str; 6] = [
    "inputs",
    "outputs",
    "events",
    "extra",
    "error",
    "serialized",
];

#[derive(Debug)]
struct Group {
    kind: OpKind,
    id: String,
    main: Option<JsonMap>,
    sides: Vec<(&'static str, Value)>,
    violations: Vec<Violation>,
}

/// Groups parts by operation and id, in the order of first mention.
///
/// Parts of one operation may come in any order. A second post or patch of the same run within a
/// body is an operation of its own, as the compressing SDKs send it.
pub(super) fn assemble(parts: Vec<Part>, decoded: &mut Decoded) {
    let mut groups: Vec<Group> = Vec::new();
    let mut latest: HashMap<(OpKind, String), usize> = HashMap::new();
    for part in parts {
        match place(&part.name) {
            Place::Run { kind, id, side } => {
                let key = (kind, id.to_ascii_lowercase());
                let taken = |at: &usize| match side {
                    None => groups[*at].main.is_some(),
                    Some(side) => groups[*at].sides.iter().any(|(has, _)| *has == side),
                };
                let at = match latest.get(&key) {
                    Some(at) if !taken(at) => *at,
                    _ => {
                        groups.push(Group {
                            kind,
                            id: id.to_owned(),
                            main: None,
                            sides: Vec::new(),
                            violations: Vec::new(),
                        });
                        latest.insert(key, groups.len() - 1);
                        groups.len() - 1
                    }
                };
                fill(&mut groups[at], side, &part);
            }
            Place::Attachment { id, name } => {
                let run = read_id(id);
                if name.contains('.') || name.is_empty() {
                    decoded.violations.push(Violation::new(
                        ViolationCode::AttachmentName,
                        run.map(RunId),
                        format!("attachment {name:?} has a dot in its name, or no name"),
                    ));
                }
                match run {
                    Some(run) => decoded.attachments.push((
                        run,
                        Attachment {
                            name: name.to_owned(),
                            content_type: part.content_type,
                            data: part.data,
                        },
                    )),
                    None => decoded.violations.push(malformed_id(id)),
                }
            }
            Place::Feedback => match serde_json::from_slice(&part.data) {
                Ok(feedback) => decoded.feedback.push(feedback),
                Err(error) => decoded.violations.push(not_json(&part.name, None, &error)),
            },
            Place::Unknown => decoded.violations.push(Violation::new(
                ViolationCode::PartUnknown,
                None,
                format!("part {:?} is none that LangSmith knows", part.name),
            )),
        }
    }
    decoded.ops.extend(groups.into_iter().map(finish));
}

enum Place<'a> {
    Run {
        kind: OpKind,
        id: &'a str,
        side: Option<&'static str>,
    },
    Attachment {
        id: &'a str,
        name: &'a str,
    },
    Feedback,
    Unknown,
}

fn place(name: &str) -> Place<'_> {
    let Some((event, rest)) = name.split_once('.') else {
        return Place::Unknown;
    };
    let (id, suffix) = rest
        .split_once('.')
        .map_or((rest, None), |(id, suffix)| (id, Some(suffix)));
    let kind = match event {
        "post" => OpKind::Post,
        "patch" => OpKind::Patch,
        "attachment" => {
            return suffix.map_or(Place::Unknown, |name| Place::Attachment { id, name });
        }
        "feedback" if suffix.is_none() => return Place::Feedback,
        _ => return Place::Unknown,
    };
    let side = match suffix {
        None => None,
        Some(suffix) => match SIDES.iter().find(|side| **side == suffix) {
            Some(side) => Some(*side),
            None => return Place::Unknown,
        },
    };
    Place::Run { kind, id, side }
}

fn fill(group: &mut Group, side: Option<&'static str>, part: &Part) {
    let run = read_id(&group.id).map(RunId);
    let value: Value = match serde_json::from_slice(&part.data) {
        Ok(value) => value,
        Err(error) => {
            group.violations.push(not_json(&part.name, run, &error));
            // Without it the part would count as missing too.
            match side {
                None => group.main = Some(JsonMap::new()),
                Some(side) => group.sides.push((side, Value::Null)),
            }
            return;
        }
    };
    let Some(side) = side else {
        let Value::Object(main) = value else {
            group.violations.push(Violation::new(
                ViolationCode::FieldMalformed,
                run,
                format!("part {:?} is no JSON object", part.name),
            ));
            group.main = Some(JsonMap::new());
            return;
        };
        for side in SIDES {
            if main.get(side).is_some_and(|value| !value.is_null()) {
                group.violations.push(Violation::new(
                    ViolationCode::InlineField,
                    run,
                    format!(
                        "{side:?} stands in the main part; it belongs in {:?}",
                        format!("{}.{side}", part.name)
                    ),
                ));
            }
        }
        group.main = Some(main);
        return;
    };
    group.sides.push((side, value));
}

fn finish(group: Group) -> ReceivedOp {
    let Group {
        kind,
        id,
        main,
        sides,
        mut violations,
    } = group;
    if main.is_none() {
        violations.push(Violation::new(
            ViolationCode::MainPartMissing,
            read_id(&id).map(RunId),
            format!("there are parts of {kind}.{id}, but not the part \"{kind}.{id}\" itself"),
        ));
    }
    let mut fields = main.unwrap_or_default();
    for (side, value) in sides {
        fields.insert(side.to_owned(), value);
    }
    ReceivedOp {
        kind,
        id,
        bytes: fields.values().map(weight).sum(),
        fields,
        violations,
    }
}

fn not_json(name: &str, run: Option<RunId>, error: &serde_json::Error) -> Violation {
    Violation::new(
        ViolationCode::PartNotJson,
        run,
        format!("part {name:?} is no JSON: {error}"),
    )
}

fn malformed_id(id: &str) -> Violation {
    Violation::new(
        ViolationCode::IdMalformed,
        None,
        format!("{id:?} is no hyphenated UUID"),
    )
}
