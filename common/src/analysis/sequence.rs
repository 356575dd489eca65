//! The sequence of hops: which service called which, and what became of the trace header.
//!
//! ```text
//! gateway        retriever      generator
//!    │── search ────►│              │      joined
//!    │── write ╌╌╌╌╌╌✗╌╌╌╌╌╌╌╌╌╌╌╌╌►│      header stripped
//! ```
//!
//! Start at [`sequence`].

use maud::{Markup, html};

use super::figure::{Figure, MARGIN, WIDTH};
use super::label::{count, fit};
use super::palette::{BLUE, BROKEN, INK, LINE, MUTED, PAPER};
use super::svg::{Anchor, NAME, NOTE, SMALL, Type, cross, line, n, rect, text};

/// Most calls that are drawn; the rest is counted.
const MAX_HOPS: usize = 15;
/// Most services that are drawn; calls of others are counted.
const MAX_SERVICES: usize = 8;
const STEP: f64 = 52.0;
/// Middle of the first arrow.
const FIRST: f64 = 78.0;

/// What became of the trace header on a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HeaderState {
    /// It arrived, and the callee continued the trace.
    Joined,
    /// It was not sent, or something on the way removed it: the callee began a trace of its own.
    Stripped,
    /// It arrived, but nobody can read it: the callee began a trace of its own.
    Malformed,
}

impl HeaderState {
    fn words(self) -> &'static str {
        match self {
            Self::Joined => "joined",
            Self::Stripped => "header stripped",
            Self::Malformed => "header malformed",
        }
    }
}

/// One call from a service to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// Who called.
    pub from: String,
    /// Who was called.
    pub to: String,
    /// What was asked, such as `POST /search`.
    pub label: String,
    /// What became of the trace header.
    pub header: HeaderState,
}

impl Hop {
    /// Makes a hop.
    pub fn new(
        from: impl Into<String>,
        to: impl Into<String>,
        label: impl Into<String>,
        header: HeaderState,
    ) -> Self {
        Self {
            from: from.into(),
            to: to.into(),
            label: label.into(),
            header,
        }
    }
}

/// Draws services as vertical lines and calls as arrows between them, from top to bottom.
///
/// Services stand in the order of first mention. The arrow of a lost header is cut by a cross and
/// says why. After 15 calls or 8 services the rest is counted. The text alternative lists the
/// calls.
///
/// ```
/// use common::analysis::{HeaderState, Hop, sequence};
///
/// let figure = sequence(&[
///     Hop::new("gateway", "retriever", "POST /search", HeaderState::Joined),
///     Hop::new("gateway", "generator", "POST /write", HeaderState::Stripped),
/// ]);
/// assert!(figure.to_string().contains("gateway → generator: POST /write (header stripped)"));
/// ```
pub fn sequence(hops: &[Hop]) -> Figure {
    let mut services: Vec<&str> = Vec::new();
    let mut drawn: Vec<(usize, usize, &Hop)> = Vec::new();
    for hop in hops {
        let mut place = |name| {
            services
                .iter()
                .position(|known| *known == name)
                .or_else(|| {
                    (services.len() < MAX_SERVICES).then(|| {
                        services.push(name);
                        services.len() - 1
                    })
                })
        };
        if let (Some(from), Some(to)) = (place(&hop.from), place(&hop.to))
            && drawn.len() < MAX_HOPS
        {
            drawn.push((from, to, hop));
        }
    }
    let lost = hops
        .iter()
        .filter(|hop| hop.header != HeaderState::Joined)
        .count();
    let title = match (hops.len(), lost) {
        (0, _) => "No call was made".to_owned(),
        (_, 0) => "Every call carries the trace on".to_owned(),
        (all, lost) => format!("The trace is lost on {lost} of {}", count(all, "call")),
    };
    let mut alt: Vec<String> = drawn
        .iter()
        .map(|(_, _, hop)| {
            format!(
                "{} → {}: {} ({})",
                fit(&hop.from, 40),
                fit(&hop.to, 40),
                fit(&hop.label, 60),
                hop.header.words()
            )
        })
        .collect();
    let more = hops.len() - drawn.len();
    if more > 0 {
        alt.push(format!("… {} more", count(more, "call")));
    }
    let height = FIRST + STEP * drawn.len() as f64 + if more > 0 { 24.0 } else { 0.0 };
    let body = draw(&services, &drawn, height, more);
    Figure::new(&title, &alt.join("\n"), (WIDTH, height), body)
}

fn draw(services: &[&str], hops: &[(usize, usize, &Hop)], height: f64, more: usize) -> Markup {
    let pitch = (WIDTH - 2.0 * MARGIN) / services.len().max(1) as f64;
    let x = |at: usize| MARGIN + pitch * (at as f64 + 0.5);
    let head = (pitch - 12.0).min(136.0);
    let look = Type::new(NAME, INK).bold().anchor(Anchor::Middle);
    let foot = FIRST - 18.0 + STEP * hops.len() as f64;
    html! {
        @for (at, name) in services.iter().enumerate() {
            (line((x(at), 34.0), (x(at), foot), LINE, 1.2, None))
            (rect(x(at) - head / 2.0, 4.0, head, 30.0, 8.0, "#ffffff", Some(LINE)))
            (text(x(at), 19.0, look, &look.fit(name, head - 12.0)))
        }
        @for (at, (from, to, hop)) in hops.iter().enumerate() {
            (arrow(x(*from), x(*to), FIRST + STEP * at as f64, pitch, hop))
        }
        @if more > 0 {
            @let words = format!("… {} more", count(more, "call"));
            (text(MARGIN, height - 26.0, Type::new(NOTE, MUTED), &words))
        }
    }
}

fn arrow(from: f64, to: f64, y: f64, pitch: f64, hop: &Hop) -> Markup {
    let joined = hop.header == HeaderState::Joined;
    let color = if joined { BLUE } else { BROKEN };
    let dash = match hop.header {
        HeaderState::Joined => None,
        HeaderState::Stripped => Some("6 4"),
        HeaderState::Malformed => Some("1.5 3.5"),
    };
    // A call of a service to itself leaves its line and comes back.
    let (start, tip, back) = match to - from {
        way if way > 0.0 => (from, to - 2.0, -7.0),
        way if way < 0.0 => (from, to + 2.0, 7.0),
        _ => (from + 0.28 * pitch, to + 2.0, 7.0),
    };
    let middle = (start + tip) / 2.0;
    // Room between the lines that the arrow spans.
    let room = (start - tip).abs().max(0.85 * pitch) - 16.0;
    let note = Type::new(SMALL, color).anchor(Anchor::Middle);
    let rise = if start == from { 14.0 } else { 20.0 };
    let words = match joined {
        true => "✓ joined".to_owned(),
        false => format!("✗ {}", hop.header.words()),
    };
    html! {
        (on_paper(middle, y - rise, room, Type::new(NOTE, INK).anchor(Anchor::Middle), &hop.label))
        (on_paper(middle, y + 15.0, room, note, &words))
        (line((start, y), (tip, y), color, 1.6, dash))
        @if start != from {
            (line((from, y - 8.0), (start, y - 8.0), color, 1.6, dash))
            (line((start, y - 8.0), (start, y), color, 1.6, dash))
        }
        path d=(format!("M{t} {y}l{b} -4.5v9z", t = n(tip), y = n(y), b = n(back))) fill=(color) {}
        @if !joined { (cross(middle, y)) }
    }
}

/// Writes a text on a patch of paper, so that lines behind it do not cross it.
fn on_paper(x: f64, y: f64, room: f64, look: Type, words: &str) -> Markup {
    let words = look.fit(words, room);
    let width = look.px(&words) * 0.9;
    html! {
        (rect(x - width / 2.0, y - 6.0, width, 12.0, 2.0, PAPER, None))
        (text(x, y, look, &words))
    }
}
