//! Links that show a run to anybody.

use uuid::Uuid;

use super::decode::read_id;

/// Most links at a time; older ones end.
const MOST: usize = 10_000;

/// Which token opens which run, oldest first.
#[derive(Debug, Default)]
pub(super) struct Shares(Vec<(Uuid, Uuid)>);

impl Shares {
    /// Shares a run, under the token asked for or one of its own. A run has one token.
    pub(super) fn share(&mut self, run: Uuid, token: Option<Uuid>) -> Uuid {
        if let Some(token) = self.token_of(run) {
            return token;
        }
        // Turned round, so that a run's id alone does not open it by accident.
        let token = token.unwrap_or_else(|| Uuid::from_u128(!run.as_u128()));
        if self.0.len() >= MOST {
            self.0.remove(0);
        }
        self.0.push((token, run));
        token
    }

    pub(super) fn unshare(&mut self, run: Uuid) {
        self.0.retain(|(_, shared)| *shared != run);
    }

    pub(super) fn token_of(&self, run: Uuid) -> Option<Uuid> {
        let found = self.0.iter().find(|(_, shared)| *shared == run);
        found.map(|(token, _)| *token)
    }

    /// Returns the run that a token opens.
    pub(super) fn run_of(&self, token: &str) -> Option<Uuid> {
        let token = read_id(token)?;
        let found = self.0.iter().find(|(has, _)| *has == token);
        found.map(|(_, run)| *run)
    }
}
