//! From one operation to what each replica of it is.
//!
//! ```text
//! RunOp ──► route: own ────────────────────────► exporter of the client's destination
//!      └──► route: audit ── new ids, project ──┘
//!      └──► route: partner ── new ids, updates ► exporter of the partner's destination
//! ```

use std::collections::HashMap;
use std::sync::Arc;

use super::config::ConfigError;
use super::exporters::{Exporters, Lane};
use super::replica::Replica;
use super::slices::Slices;
use crate::export::Destination;
use crate::model::{JsonMap, Part, Place, RunId, RunOp, Unwritten};
use crate::trace::{HeldOp, RunSink, one_by_one};

/// The ways of the operations of one client, to the exporters it shares with its clones.
#[derive(Debug)]
pub(super) struct Routes {
    each: Vec<Route>,
    // The project of feedback that names none: it is on a run of this client's.
    project: String,
    // Ends the exporters with the last client and the last run.
    _exporters: Arc<Exporters>,
}

#[derive(Debug)]
struct Route {
    lane: Arc<Lane>,
    project: Option<String>,
    ids: Ids,
    reroot: bool,
    slices: Slices,
    metadata: JsonMap,
    tags: Option<Vec<String>>,
}

/// Which ids runs have on a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ids {
    Kept,
    New,
    /// Kept in the run's own project, new in any other: where no replica is primary.
    ByProject,
}

impl Routes {
    /// Lays the routes to replicas, and starts the exporters that are missing.
    pub(super) fn new(
        exporters: Arc<Exporters>,
        own: &Destination,
        project: &str,
        replicas: Vec<Replica>,
    ) -> Result<Self, ConfigError> {
        let primaries = replicas.iter().filter(|it| it.primary == Some(true));
        let has_primary = match primaries.count() {
            0 => false,
            1 => true,
            _ => return Err(ConfigError::TwoPrimaries),
        };
        let mut each: Vec<Route> = Vec::new();
        for replica in replicas {
            let ids = match replica.primary {
                _ if replica.same_ids => Ids::Kept,
                Some(true) => Ids::Kept,
                Some(false) => Ids::New,
                None if has_primary => Ids::New,
                None => Ids::ByProject,
            };
            let route = Route {
                lane: exporters.lane(replica.destination(own))?,
                project: replica.project,
                ids,
                reroot: replica.reroot,
                slices: Slices::default(),
                metadata: replica.metadata,
                tags: replica.tags,
            };
            if each.iter().any(|known| known.collides(&route, project)) {
                return Err(ConfigError::RepeatedReplica {
                    endpoint: route.lane.shown(),
                    project: route.project.unwrap_or_else(|| project.to_owned()),
                });
            }
            each.push(route);
        }
        Ok(Self {
            each,
            project: project.to_owned(),
            _exporters: exporters,
        })
    }

    /// Returns the first route's exporter: the one that questions go to.
    pub(super) fn main(&self) -> Option<&Arc<Lane>> {
        self.each.first().map(|route| &route.lane)
    }

    /// Makes of an operation what it is on each route. Returns false if there is none, or if `give` did once.
    fn each_of<'a>(
        &'a self,
        op: RunOp,
        mut give: impl FnMut(&'a Arc<Lane>, RunOp) -> bool,
    ) -> bool {
        let own = match &op {
            RunOp::Post(run) | RunOp::Patch(run) => run.project.as_deref(),
            RunOp::Feedback(feedback) => feedback.project.as_deref(),
        };
        let own = own.unwrap_or(&self.project).to_owned();
        let mut routes = self.each.iter().enumerate().filter(|(at, route)| {
            // A run's own project may turn out to be the one that another replica names.
            let before = &self.each[..*at];
            !before.iter().any(|known| known.collides(route, &own))
        });
        let Some((_, mut route)) = routes.next() else {
            return false;
        };
        let mut taken = true;
        for (_, next) in routes {
            taken &= give(&route.lane, route.changed(op.clone(), &own));
            route = next;
        }
        give(&route.lane, route.changed(op, &own)) && taken
    }

    /// Returns the route if there is no other, and nothing changes on it.
    fn only_plain(&self) -> Option<&Route> {
        match &self.each[..] {
            [only] if only.is_plain() => Some(only),
            _ => None,
        }
    }
}

impl RunSink for Routes {
    fn submit(&self, op: RunOp) {
        self.offer(op);
    }

    fn offer(&self, op: RunOp) -> bool {
        if let Some(only) = self.only_plain() {
            return only.lane.exporter.offer(op);
        }
        self.each_of(op, |lane, op| lane.exporter.offer(op))
    }

    fn release(&self, held: Vec<HeldOp>, places: &mut HashMap<RunId, Place>) {
        let is_durable = |route: &Route| route.lane.exporter.is_durable();
        if !self.each.iter().any(is_durable) {
            return one_by_one(self, held, places);
        }
        // The disk is waited for once in each place.
        let ops = held.into_iter().map(HeldOp::write);
        if let Some(only) = self.only_plain() {
            return only.lane.exporter.submit_all(ops.collect());
        }
        let mut loads: Vec<(&Arc<Lane>, Vec<RunOp>)> = Vec::new();
        for op in ops {
            self.each_of(op, |lane, op| {
                let known = loads.iter_mut().find(|(other, _)| Arc::ptr_eq(other, lane));
                match known {
                    Some((_, load)) => load.push(op),
                    None => loads.push((lane, vec![op])),
                }
                true
            });
        }
        for (lane, load) in loads {
            lane.exporter.submit_all(load);
        }
    }

    fn begin(&self, run: Arc<dyn Unwritten>, bytes: usize) -> Option<Place> {
        if let Some(only) = self.only_plain() {
            return only.lane.exporter.begin_run(run, bytes);
        }
        self.submit(run.write(Part::Begin));
        None
    }

    fn end(&self, run: Arc<dyn Unwritten>, place: Option<Place>, bytes: usize) {
        match self.only_plain() {
            Some(only) => only.lane.exporter.end_run(run, place, bytes),
            None => self.submit(run.write(Part::End)),
        }
    }
}

impl Route {
    /// Returns true if nothing of an operation changes on this route.
    fn is_plain(&self) -> bool {
        self.project.is_none()
            && self.ids != Ids::New
            && !self.reroot
            && self.metadata.is_empty()
            && self.tags.is_none()
    }

    fn project<'a>(&'a self, own: &'a str) -> &'a str {
        self.project.as_deref().unwrap_or(own)
    }

    fn keeps_ids(&self, own: &str) -> bool {
        match self.ids {
            Ids::Kept => true,
            Ids::New => false,
            Ids::ByProject => self.project(own) == own,
        }
    }

    /// Returns true if a run of the project `own` has the same ids on both routes to one place.
    fn collides(&self, other: &Self, own: &str) -> bool {
        if !Arc::ptr_eq(&self.lane, &other.lane) {
            return false;
        }
        match (self.keeps_ids(own), other.keeps_ids(own)) {
            (true, true) => true,
            (false, false) => self.project(own) == other.project(own),
            _ => false,
        }
    }

    /// Makes of an operation what it is on this route.
    fn changed(&self, mut op: RunOp, own: &str) -> RunOp {
        if self.reroot {
            match &mut op {
                RunOp::Feedback(feedback) => self.slices.place(feedback),
                run => self.slices.note(run.reroot_here()),
            }
        }
        if !self.keeps_ids(own) {
            op.replicate(self.project(own));
        }
        if let Some(run) = op.run_mut() {
            if self.project.is_some() {
                run.project.clone_from(&self.project);
            }
            if !self.metadata.is_empty() {
                let metadata = Arc::make_mut(&mut run.extra.metadata);
                metadata.extend(self.metadata.clone());
            }
            if let Some(tags) = &self.tags {
                run.tags.clone_from(tags);
            }
        }
        op
    }
}
