//! What came to the server before that which it is about: this may lie on disk, or just come from there.

use std::collections::HashMap;

use uuid::Uuid;

/// How often one operation may come too early: the endpoint may fail again while what it is about is on
/// its way from the disk.
const OFTEN: u8 = 3;

/// Operations remembered; while there are more, the others do not wait. So nothing goes round for ever.
const REMEMBERED: usize = 16_384;

/// Counts how often operations came too early.
#[derive(Debug, Default)]
pub(super) struct Early(HashMap<Uuid, u8>);

impl Early {
    /// Counts once more; false if it was too often.
    pub(super) fn may_wait(&mut self, id: Uuid) -> bool {
        if self.0.len() >= REMEMBERED && !self.0.contains_key(&id) {
            return false;
        }
        let times = self.0.entry(id).or_default();
        *times += 1;
        let may_wait = *times <= OFTEN;
        if !may_wait {
            self.forget(id);
        }
        may_wait
    }

    /// Forgets one that arrived.
    pub(super) fn forget(&mut self, id: Uuid) {
        self.0.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_waits_for_ever_and_what_is_remembered_is_bounded() {
        let mut early = Early::default();
        let ids = 0..REMEMBERED as u128;
        for id in ids.clone().map(Uuid::from_u128) {
            assert!(early.may_wait(id));
        }
        assert!(!early.may_wait(Uuid::max()), "one too many");
        for id in ids.map(Uuid::from_u128) {
            let waited = (1..=OFTEN).filter(|_| early.may_wait(id)).count();
            assert_eq!(waited + 1, usize::from(OFTEN));
        }
        assert!(early.may_wait(Uuid::max()), "there is room again");
        early.forget(Uuid::max());
        assert!(early.0.is_empty());
    }
}
