//! How much of a stream its run keeps.

/// How much of a stream its run keeps, in bytes: 256 KiB, some 60,000 tokens. What comes after that is
/// counted, and a marker says how much it was. Each reducer here has a `keep` of its own.
pub const CAPTURE_BYTES: usize = 256 * 1024;

/// What is still to be kept, and what was left out.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    left: usize,
    chunks: u64,
    bytes: u64,
}

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            left: bytes,
            chunks: 0,
            bytes: 0,
        }
    }

    /// Returns true if nothing is kept any more: what is kept has no gaps.
    pub(super) fn is_spent(&self) -> bool {
        self.chunks > 0
    }

    /// Takes so much for a chunk that is kept whole or not at all; false if it is not.
    pub(super) fn spend(&mut self, bytes: usize) -> bool {
        let fits = !self.is_spent() && bytes <= self.left;
        if fits {
            self.left -= bytes;
        } else {
            self.leave_out();
        }
        fits
    }

    /// Counts a chunk that is not kept.
    pub(super) fn leave_out(&mut self) {
        self.chunks += 1;
    }

    /// Adds to a text as much of `more` as may be kept.
    pub(super) fn push(&mut self, text: &mut String, more: &str) {
        let most = if self.is_spent() { 0 } else { self.left };
        let kept = &more[..more.floor_char_boundary(most)];
        text.push_str(kept);
        self.left -= kept.len();
        if kept.len() < more.len() {
            self.leave_out();
            self.bytes += (more.len() - kept.len()) as u64;
        }
    }

    /// Says how much was left out, if anything was.
    pub(super) fn marker(&self) -> Option<String> {
        let Self { chunks, bytes, .. } = self;
        match (chunks, bytes) {
            (0, _) => None,
            (_, 0) => Some(format!("[left out: {chunks} more chunks]")),
            _ => Some(format!("[left out: {bytes} more bytes in {chunks} chunks]")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_and_what_follows_is_counted() {
        let (mut budget, mut text) = (Budget::new(6), String::new());
        for more in ["ä", "ö", "", "büß", "end"] {
            budget.push(&mut text, more);
        }
        assert_eq!(text, "äöb");
        let marker = budget.marker();
        assert_eq!(
            marker.as_deref(),
            Some("[left out: 7 more bytes in 2 chunks]")
        );
    }

    #[test]
    fn chunks_are_kept_without_gaps() {
        let mut budget = Budget::new(10);
        let kept = [4, 7, 1].map(|bytes| budget.spend(bytes));
        assert_eq!(kept, [true, false, false]);
        assert_eq!(
            budget.marker().as_deref(),
            Some("[left out: 2 more chunks]")
        );
    }
}
