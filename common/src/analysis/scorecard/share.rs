//! A part of a whole.

use std::fmt;

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

/// So many of so many. Of nothing there is no ratio.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// How many are as they should be.
    pub got: usize,
    /// How many there are.
    pub of: usize,
}

impl Share {
    /// Returns the share from 0 to 1; none of nothing.
    pub fn ratio(self) -> Option<f64> {
        (self.of > 0).then(|| self.got as f64 / self.of as f64)
    }

    /// Returns true if there is something, and all of it is as it should be.
    pub fn is_all(self) -> bool {
        self.of > 0 && self.got == self.of
    }

    /// Counts one more.
    pub(super) fn count(&mut self, good: bool) {
        self.of += 1;
        self.got += usize::from(good);
    }

    /// Returns the share in per cent. It is rounded down, so that only all is 100 %, and what is more
    /// than nothing is not 0 %.
    pub(super) fn percent(self) -> Option<String> {
        let tenths = (1_000 * self.got).checked_div(self.of)?;
        Some(match (tenths, self.got) {
            (0, 1..) => "< 0.1 %".to_owned(),
            (tenths, _) if tenths % 10 == 0 => format!("{} %", tenths / 10),
            (tenths, _) => format!("{}.{} %", tenths / 10, tenths % 10),
        })
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.got, self.of)
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut share = serializer.serialize_struct("Share", 3)?;
        share.serialize_field("got", &self.got)?;
        share.serialize_field("of", &self.of)?;
        share.serialize_field("ratio", &self.ratio())?;
        share.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_all_is_a_hundred_per_cent_and_only_nothing_is_zero() {
        let percent = |got, of| Share { got, of }.percent();
        assert_eq!(percent(9_999, 10_000).as_deref(), Some("99.9 %"));
        assert_eq!(percent(10_000, 10_000).as_deref(), Some("100 %"));
        assert_eq!(percent(1, 100_000).as_deref(), Some("< 0.1 %"));
        assert_eq!(percent(0, 7).as_deref(), Some("0 %"));
        assert_eq!(percent(39, 40).as_deref(), Some("97.5 %"));
        assert_eq!(percent(0, 0), None);
    }
}
