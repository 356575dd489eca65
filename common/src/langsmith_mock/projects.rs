//! Projects, which the wire calls sessions.

use serde_json::{Value, json};
use uuid::Uuid;

use super::query::{Body, Unclear};
use crate::model::{JsonMap, Timestamp};

/// The one workspace of the stand-in.
pub(super) const TENANT: Uuid = Uuid::from_u128(0x0000_0000_0000_4000_8000_0000_0000_0001);

/// A project.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Project {
    pub(super) id: Uuid,
    pub(super) name: String,
    pub(super) reference_dataset: Option<Uuid>,
    description: Option<String>,
    extra: Option<JsonMap>,
    start: Timestamp,
    end: Option<Timestamp>,
}

/// What a request sets of a project; what it leaves out stays.
#[derive(Debug, Clone, Default)]
pub(super) struct Change {
    pub(super) name: Option<String>,
    description: Option<String>,
    extra: Option<JsonMap>,
    reference_dataset: Option<Uuid>,
    end: Option<Timestamp>,
}

impl Change {
    pub(super) fn read(body: Body<'_>) -> Result<Self, Unclear> {
        let extra = match body.get("extra") {
            None => None,
            Some(Value::Object(extra)) => Some(extra.clone()),
            Some(_) => return Err(Unclear::Field("\"extra\" is no JSON object".to_owned())),
        };
        Ok(Self {
            name: body.text("name")?.map(str::to_owned),
            description: body.text("description")?.map(str::to_owned),
            extra,
            reference_dataset: body.id("reference_dataset_id")?,
            end: body.time("end_time")?,
        })
    }
}

impl Project {
    pub(super) fn to_json(&self, run_count: Option<usize>) -> Value {
        json!({
            "id": self.id,
            "tenant_id": TENANT,
            "name": self.name,
            "description": self.description,
            "start_time": self.start,
            "end_time": self.end,
            "extra": self.extra,
            "reference_dataset_id": self.reference_dataset,
            "default_dataset_id": null,
            "run_count": run_count.unwrap_or(0),
            "trace_tier": "longlived",
        })
    }

    pub(super) fn change(&mut self, change: Change) {
        if let Some(name) = change.name {
            self.name = name;
        }
        self.description = change.description.or(self.description.take());
        self.extra = change.extra.or(self.extra.take());
        self.reference_dataset = change.reference_dataset.or(self.reference_dataset);
        self.end = change.end.or(self.end);
    }

    /// Tells whether the project's metadata holds all entries of a JSON object.
    pub(super) fn has_metadata(&self, wanted: &Value) -> bool {
        let has = self.extra.as_ref().and_then(|extra| extra.get("metadata"));
        wanted.as_object().is_some_and(|wanted| {
            wanted
                .iter()
                .all(|(key, value)| has.and_then(|has| has.get(key)) == Some(value))
        })
    }
}

/// All projects, in order of creation.
#[derive(Debug, Default)]
pub(super) struct Projects(Vec<Project>);

/// More names than this come from a mistake; further runs are stored without a project of their own.
const MAX_PROJECTS: usize = 10_000;

impl Projects {
    /// Creates a project unless it exists, as ingesting a run does.
    pub(super) fn ensure(&mut self, name: &str, now: Timestamp) {
        if self.named(name).is_none() {
            let _ = self.create(id_of(name), name, now);
        }
    }

    /// Creates a project; none if its name or id is taken.
    pub(super) fn create(&mut self, id: Uuid, name: &str, now: Timestamp) -> Option<&mut Project> {
        let taken = self.0.iter().any(|has| has.name == name || has.id == id);
        if taken || self.0.len() >= MAX_PROJECTS {
            return None;
        }
        self.0.push(Project {
            id,
            name: name.to_owned(),
            reference_dataset: None,
            description: None,
            extra: None,
            start: now,
            end: None,
        });
        self.0.last_mut()
    }

    pub(super) fn named(&self, name: &str) -> Option<&Project> {
        self.0.iter().find(|project| project.name == name)
    }

    pub(super) fn named_mut(&mut self, name: &str) -> Option<&mut Project> {
        self.0.iter_mut().find(|project| project.name == name)
    }

    /// Returns the id of a project, or the one that it would get.
    pub(super) fn id_of(&self, name: &str) -> Uuid {
        self.named(name)
            .map_or_else(|| id_of(name), |project| project.id)
    }

    /// Returns the name of the project with this id.
    pub(super) fn by_id(&self, id: Uuid) -> Option<&Project> {
        self.0.iter().find(|project| project.id == id)
    }

    pub(super) fn by_id_mut(&mut self, id: Uuid) -> Option<&mut Project> {
        self.0.iter_mut().find(|project| project.id == id)
    }

    pub(super) fn remove(&mut self, id: Uuid) {
        self.0.retain(|project| project.id != id);
    }

    pub(super) fn all(&self) -> &[Project] {
        &self.0
    }
}

/// Derives a project's id from its name, so that the same name has the same id at every start.
pub(super) fn id_of(name: &str) -> Uuid {
    // FNV-1a, twice, over different offsets: no security rests on it.
    let half = |mut hash: u64| {
        for byte in name.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        hash
    };
    let bits = half(0xcbf2_9ce4_8422_2325).to_be_bytes();
    let more = half(0x8422_2325_cbf2_9ce4).to_be_bytes();
    let mut bytes = [0_u8; 16];
    bytes[..8].copy_from_slice(&bits);
    bytes[8..].copy_from_slice(&more);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}
