//! The intervals as bars over a common zero.
//!
//! ```text
//! gateway → generator              ├─●─┤
//! gateway → retriever   ├──●──┤      │            its clock is behind
//!                     −250 ms        0
//! ```

use chrono::TimeDelta;
use maud::{Markup, html};

use super::estimate::{ClockSkew, HostPair};
use crate::analysis::figure::{Figure, MARGIN, WIDTH};
use crate::analysis::label::{count, duration, fit};
use crate::analysis::palette::{BLUE, BROKEN, HAIRLINE, INK, LINE, MUTED};
use crate::analysis::svg::{Anchor, NAME, NOTE, SMALL, Type, line, rect, text};

/// Most pairs that are drawn; the rest is counted.
const MAX_PAIRS: usize = 24;
const ROW: f64 = 30.0;
const NAMES: f64 = 190.0;

impl ClockSkew {
    /// Draws the interval of each pair. A clock that cannot be the same is in the accent color; where one
    /// side is not known, the bar fades out into a dashed line.
    pub fn figure(&self) -> Figure {
        let shown = &self.pairs[..self.pairs.len().min(MAX_PAIRS)];
        let skewed = self.pairs.iter().filter(|pair| pair.is_skewed());
        let skewed: Vec<&HostPair> = skewed.collect();
        let title = match (&skewed[..], self.pairs.is_empty()) {
            (_, true) => "No call from one host to another".to_owned(),
            ([], _) => "All clocks may go by the same time".to_owned(),
            ([one], _) => one.in_words(),
            (several, _) => format!(
                "{} of {} differ",
                several.len(),
                count(self.pairs.len(), "clock pair")
            ),
        };
        let height = 16.0 + ROW * shown.len() as f64 + 40.0;
        let more = self.pairs.len() - shown.len();
        Figure::new(
            &title,
            &self.to_string(),
            (WIDTH, height),
            draw(shown, more),
        )
    }
}

fn draw(pairs: &[HostPair], more: usize) -> Markup {
    let micros = |span: TimeDelta| span.num_microseconds().unwrap_or(0) as f64;
    let ends = pairs
        .iter()
        .flat_map(|pair| [pair.least, pair.most])
        .flatten();
    let (low, high) = ends.fold((0.0_f64, 0.0_f64), |(low, high), end| {
        (low.min(micros(end)), high.max(micros(end)))
    });
    let (left, right) = (MARGIN + NAMES, WIDTH - MARGIN - 30.0);
    let width = (high - low).max(1.0);
    let x = |value: f64| left + 24.0 + (value - low) / width * (right - left - 48.0);
    let bottom = 12.0 + ROW * pairs.len() as f64;
    let small = Type::small().anchor(Anchor::Middle);
    let name = Type::new(NAME, INK);
    html! {
        (line((x(0.0), 0.0), (x(0.0), bottom), LINE, 1.0, None))
        (text(x(0.0), bottom + 12.0, small, "the same"))
        @for (at, pair) in pairs.iter().enumerate() {
            @let y = 10.0 + ROW * (at as f64 + 0.5);
            @let color = if pair.is_skewed() { BROKEN } else { BLUE };
            @let words = format!("{} → {}", fit(&pair.from, 24), fit(&pair.to, 24));
            (line((left, y + ROW / 2.0), (right, y + ROW / 2.0), HAIRLINE, 1.0, None))
            (text(MARGIN, y, name, &name.fit(&words, NAMES - 12.0)))
            @let from = pair.least.map_or(left, |least| x(micros(least)));
            @let to = pair.most.map_or(right, |most| x(micros(most)));
            @if pair.least.is_none() || pair.most.is_none() {
                (line((from, y), (to, y), color, 1.6, Some("4 3")))
            } @else {
                (rect(from, y - 4.0, (to - from).max(2.0), 8.0, 2.0, color, None))
            }
            @for end in [pair.least, pair.most].into_iter().flatten() {
                @let end = x(micros(end));
                (line((end, y - 7.0), (end, y + 7.0), color, 1.6, None))
            }
            @if let Some(offset) = pair.offset().filter(|_| pair.is_skewed()) {
                @let look = Type::new(SMALL, BROKEN).anchor(Anchor::Middle);
                @let words = duration(offset);
                @let half = look.px(&words) / 2.0;
                (text(x(micros(offset)).clamp(left + half, right - half), y - 11.0, look, &words))
            }
        }
        @if more > 0 {
            (text(MARGIN, bottom + 12.0, Type::new(NOTE, MUTED), &format!("… {more} more")))
        }
        (text(right, bottom + 26.0, Type::small().anchor(Anchor::End), "how far the second clock is ahead"))
    }
}
