//! An order → that of a child, and what is left of it where a trace is rooted anew.

use std::fmt::Write as _;

use super::write::ascii;
use super::{DottedOrder, Segment};
use crate::model::ids::RunId;

impl DottedOrder {
    /// Makes the dotted order of a root run.
    pub fn root(segment: Segment) -> Self {
        Self {
            text: ascii(&segment.text()).into(),
            trace: segment.id.into(),
            parent: None,
            run: segment.id,
            start: segment.start,
            depth: 0,
            received: 0,
        }
    }

    /// Makes the dotted order of a run one level below this one.
    pub fn child(&self, segment: Segment) -> Self {
        let (above, own) = (self.text.as_bytes(), segment.text());
        let len = above.len() + 1 + Segment::LEN;
        let join = |text: &mut [u8]| {
            text[..above.len()].copy_from_slice(above);
            text[above.len()] = b'.';
            text[above.len() + 1..].copy_from_slice(&own);
        };
        // Few are so deep that the text has to be put together on the heap first.
        let mut near = [0; 8 * (Segment::LEN + 1)];
        let text = match near.get_mut(..len) {
            Some(text) => {
                join(text);
                ascii(text).into()
            }
            None => {
                let mut text = vec![0; len];
                join(&mut text);
                ascii(&text).into()
            }
        };
        Self {
            text,
            trace: self.trace,
            parent: Some(self.run),
            run: segment.id,
            start: segment.start,
            depth: self.depth + 1,
            received: self.received,
        }
    }

    /// Returns the order with every id replaced, and all else as it was.
    pub(in crate::model) fn map_ids(&self, id: impl Fn(RunId) -> RunId) -> Self {
        let mut text = String::with_capacity(self.text.len());
        for segment in self.text.split('.') {
            if !text.is_empty() {
                text.push('.');
            }
            let (time, own) = segment.split_at(segment.len().saturating_sub(36));
            text.push_str(time);
            match own.parse::<RunId>() {
                // Writing to a String cannot fail.
                Ok(own) => drop(write!(text, "{}", id(own))),
                Err(_) => text.push_str(own),
            }
        }
        Self {
            text: text.into(),
            trace: id(self.trace.into()).into(),
            parent: self.parent.map(&id),
            run: id(self.run),
            start: self.start,
            depth: self.depth,
            received: self.received,
        }
    }

    /// Returns the order without the ancestor `above` and all that is above it; none if there is no
    /// such ancestor.
    pub fn below(&self, above: RunId) -> Option<Self> {
        let (mut at, mut levels) = (0, 0);
        let mut segments = self.text.split('.');
        loop {
            let segment = segments.next()?;
            at += segment.len() + 1;
            levels += 1;
            if segment.parse::<Segment>().is_ok_and(|it| it.id == above) {
                break;
            }
        }
        let text = self.text.get(at..)?;
        let first: Segment = segments.next()?.parse().ok()?;
        Some(Self {
            text: text.into(),
            trace: first.id.into(),
            parent: self.parent.filter(|parent| *parent != above),
            run: self.run,
            start: self.start,
            depth: self.depth.saturating_sub(levels),
            received: self.received.saturating_sub(at),
        })
    }
}
