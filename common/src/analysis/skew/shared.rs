//! Marzullo's algorithm: the interval that most of many intervals share.

/// An interval that intervals share, and how many do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shared {
    pub(super) least: Option<i64>,
    pub(super) most: Option<i64>,
    pub(super) agree: usize,
}

/// Finds the interval that most of these share; of several the first. A missing end reaches for ever.
///
/// A call that was not waited for gives a wrong interval. It is one of many, and the many outvote it.
pub(super) fn shared(intervals: &[(Option<i64>, Option<i64>)]) -> Shared {
    let mut edges: Vec<(i64, i8)> = Vec::with_capacity(2 * intervals.len());
    for (least, most) in intervals {
        edges.push((least.unwrap_or(i64::MIN), -1));
        edges.push((most.unwrap_or(i64::MAX), 1));
    }
    // At one place all begin before any ends: intervals that touch agree.
    edges.sort_unstable();
    let (mut open, mut best) = (0_usize, 0);
    let mut begin = None;
    for (at, (_, edge)) in edges.iter().enumerate() {
        if *edge < 0 {
            open += 1;
            if open > best {
                (best, begin) = (open, Some(at));
            }
        } else {
            open -= 1;
        }
    }
    // Looked for once: to look at each beginning takes the square of the calls.
    let begin = begin.map(|at| &edges[at..]).unwrap_or_default();
    let least = begin.first().map_or(i64::MIN, |(place, _)| *place);
    let end = begin.iter().find(|(_, edge)| *edge > 0);
    let found = (least, end.map_or(i64::MAX, |(place, _)| *place));
    Shared {
        least: (found.0 > i64::MIN).then_some(found.0),
        most: (found.1 < i64::MAX).then_some(found.1),
        agree: best,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_that_most_share_is_found_and_a_false_one_is_outvoted() {
        let some = |least, most| (Some(least), Some(most));
        let votes = [some(8, 12), some(11, 13), some(10, 12), some(40, 50)];
        let found = shared(&votes);
        assert_eq!(
            (found.least, found.most, found.agree),
            (Some(11), Some(12), 3)
        );
        let found = shared(&[(None, Some(5)), (None, Some(3)), some(-9, 0)]);
        assert_eq!(
            (found.least, found.most, found.agree),
            (Some(-9), Some(0), 3)
        );
        assert_eq!(shared(&[]).agree, 0);
    }
}
