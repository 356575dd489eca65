//! Projects, which the wire calls sessions.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::model::Timestamp;

/// The one workspace of the stand-in.
pub(super) const TENANT: Uuid = Uuid::from_u128(0x0000_0000_0000_4000_8000_0000_0000_0001);

/// A project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Project {
    pub(super) id: Uuid,
    pub(super) name: String,
    description: Option<String>,
    start: Timestamp,
}

impl Project {
    pub(super) fn to_json(&self, run_count: usize) -> Value {
        json!({
            "id": self.id,
            "tenant_id": TENANT,
            "name": self.name,
            "description": self.description,
            "start_time": self.start,
            "end_time": null,
            "extra": null,
            "reference_dataset_id": null,
            "default_dataset_id": null,
            "run_count": run_count,
            "trace_tier": "longlived",
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
            let _ = self.create(id_of(name), name, None, now);
        }
    }

    /// Creates a project; none if its name or id is taken.
    pub(super) fn create(
        &mut self,
        id: Uuid,
        name: &str,
        description: Option<String>,
        now: Timestamp,
    ) -> Option<&Project> {
        let taken = self.0.iter().any(|has| has.name == name || has.id == id);
        if taken || self.0.len() >= MAX_PROJECTS {
            return None;
        }
        self.0.push(Project {
            id,
            name: name.to_owned(),
            description,
            start: now,
        });
        self.0.last()
    }

    pub(super) fn named(&self, name: &str) -> Option<&Project> {
        self.0.iter().find(|project| project.name == name)
    }

    /// Returns the id of a project, or the one that it would get.
    pub(super) fn id_of(&self, name: &str) -> Uuid {
        self.named(name)
            .map_or_else(|| id_of(name), |project| project.id)
    }

    pub(super) fn by_id(&self, id: Uuid) -> Option<&Project> {
        self.0.iter().find(|project| project.id == id)
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
