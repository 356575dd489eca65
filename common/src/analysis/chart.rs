//! Numbers as bars and lines, drawn by plotters.
//!
//! ```text
//! (label, value)… ──► bar_chart ────────────┐
//! Series…         ──► line_chart ───────────┤
//! Series…, Band…  ──► line_chart_in_bands ──┴─ plotters' SVG backend ──► Figure
//! ```
//!
//! Start at [`bar_chart`].

use std::ops::Range;

use maud::{Markup, PreEscaped, html};
use plotters::chart::ChartContext;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::figure::{Figure, MARGIN, WIDTH};
use super::label::{count, fit, fit_px, trimmed};
use super::palette;
use super::svg::{FONT, NOTE, Type, line, n, text};

/// Height of what plotters draws.
const HEIGHT: u32 = 262;
/// Most bars; the rest is counted.
const MAX_BARS: usize = 24;
/// Most points of a line; of more, each stretch is drawn by its highest and lowest.
const MAX_POINTS: usize = 240;
/// Most lines in one chart.
const MAX_SERIES: usize = 4;
/// Largest size of a number that is drawn: beyond, the steps of an axis are lost to rounding, and
/// plotters looks for them without end.
const MAX_SIZE: f64 = 1e15;

type Plane<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
type Drawn<'b> = Result<(), DrawingAreaErrorKind<<SVGBackend<'b> as DrawingBackend>::ErrorType>>;

/// Points that belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// What they are.
    pub name: String,
    /// The points, in the order of x. Those that are no finite numbers, or beyond 1e15,
    /// are left out.
    pub points: Vec<(f64, f64)>,
}

impl Series {
    /// Makes a series.
    pub fn new(name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        Self {
            name: name.into(),
            points: points.into_iter().collect(),
        }
    }
}

/// A stretch of the x axis in which something was so, such as a fault.
#[derive(Debug, Clone, PartialEq)]
pub struct Band {
    /// What was so, in a word or a letter: it stands at the band's top.
    pub name: String,
    /// Where it began.
    pub from: f64,
    /// Where it ended.
    pub to: f64,
}

impl Band {
    /// Makes a band.
    pub fn new(name: impl Into<String>, from: f64, to: f64) -> Self {
        Self {
            name: name.into(),
            from,
            to,
        }
    }
}

/// Draws one bar per value, upwards from zero.
///
/// `x` says what the bars are and `y` what is measured, with its unit. After 24 bars the rest is
/// counted; a value that is no finite number, or
/// beyond 1e15, is drawn as nothing. The text alternative lists the values.
///
/// ```
/// use common::analysis::bar_chart;
///
/// let figure = bar_chart("how", "time per run (µs)", [("by hand", 12.0), ("common", 9.5)])
///     .title("`common` is no slower than writing the header by hand");
/// assert!(figure.is_light());
/// ```
pub fn bar_chart<L: Into<String>>(
    x: &str,
    y: &str,
    bars: impl IntoIterator<Item = (L, f64)>,
) -> Figure {
    let mut bars = bars.into_iter().map(|(label, value)| (label.into(), value));
    let shown: Vec<(String, f64)> = bars.by_ref().take(MAX_BARS).collect();
    let more = bars.count();
    let mut alt: Vec<String> = shown
        .iter()
        .map(|(label, value)| format!("{}: {}", fit(label, 40), number(*value)))
        .collect();
    if more > 0 {
        alt.push(format!("… {more} more"));
    }
    let height = |value: f64| if is_drawable(value) { value } else { 0.0 };
    let axes = Axes {
        x,
        y,
        across: 0.0..shown.len().max(1) as f64,
        up: range(shown.iter().map(|bar| bar.1)),
        is_named: true,
    };
    let room = 540.0 / shown.len().max(1) as f64 - 6.0;
    let foot = axes.up.start;
    let body = draw(&axes, |chart| {
        chart.draw_series(shown.iter().enumerate().map(|(at, (_, value))| {
            let (left, right) = (at as f64 + 0.2, at as f64 + 0.8);
            let color = rgb(palette::BLUE).filled();
            Rectangle::new([(left, 0.0), (right, height(*value))], color)
        }))?;
        let style = |color, at| text_style(12.5, color).pos(Pos::new(HPos::Center, at));
        chart.draw_series(shown.iter().enumerate().map(|(at, (_, value))| {
            let place = (at as f64 + 0.5, height(*value).max(0.0));
            let words = Text::new(number(*value), (0, -3), style(palette::INK, VPos::Bottom));
            EmptyElement::at(place) + words
        }))?;
        chart.draw_series(shown.iter().enumerate().map(|(at, (label, _))| {
            let words = fit_px(label, room, 10.5);
            let words = Text::new(words, (0, 7), style(palette::MUTED, VPos::Top));
            EmptyElement::at((at as f64 + 0.5, foot)) + words
        }))?;
        Ok(())
    });
    let title = format!("{} by {}", fit(y, 40), fit(x, 40));
    figure(&title, &alt, 0.0, html! { (PreEscaped(body)) })
}

/// Draws up to 4 lines over a common x axis.
///
/// `x` and `y` say what is measured, with units. Lines differ in color and in the shape of their
/// points, so that they can be told apart in gray. The text alternative gives each line's ends.
pub fn line_chart(x: &str, y: &str, series: &[Series]) -> Figure {
    line_chart_in_bands(x, y, series, &[])
}

/// Draws lines as [`line_chart`] does, over bands that say what was so meanwhile.
///
/// What lies beside the lines is cut off; the text alternative names each band that is seen.
///
/// ```
/// use common::analysis::{Band, Series, line_chart_in_bands};
///
/// let queued = Series::new("queued", [(0.0, 2.0), (30.0, 900.0), (60.0, 3.0)]);
/// let outage = Band::new("outage", 10.0, 30.0);
/// let figure = line_chart_in_bands("time (s)", "operations", &[queued], &[outage]);
/// assert!(figure.alt().contains("outage: 10 to 30"));
/// ```
pub fn line_chart_in_bands(x: &str, y: &str, series: &[Series], bands: &[Band]) -> Figure {
    let shown: Vec<Series> = series
        .iter()
        .take(MAX_SERIES)
        .map(Series::drawable)
        .collect();
    let mut alt: Vec<String> = shown.iter().map(Series::in_words).collect();
    if series.len() > shown.len() {
        let more = count(series.len() - shown.len(), "line");
        alt.push(format!("… {more} more"));
    }
    let points = || shown.iter().flat_map(|series| series.points.iter());
    let left = points().map(|point| point.0).fold(f64::INFINITY, f64::min);
    let right = points()
        .map(|point| point.0)
        .fold(f64::NEG_INFINITY, f64::max);
    let axes = Axes {
        x,
        y,
        across: match (right - left).is_finite() {
            true if right - left > left.abs().max(right.abs()) * 1e-6 => left..right,
            true => left - left.abs().max(0.5)..left + left.abs().max(0.5),
            false => 0.0..1.0,
        },
        up: range(points().map(|point| point.1)),
        is_named: false,
    };
    let bands: Vec<Band> = bands
        .iter()
        .filter_map(|band| band.within(&axes.across))
        .collect();
    alt.extend(bands.iter().map(Band::in_words));
    let (foot, head) = (axes.up.start, axes.up.end);
    let body = draw(&axes, |chart| {
        chart.draw_series(bands.iter().map(|band| {
            let ground = rgb(palette::BROKEN_TINT).filled();
            Rectangle::new([(band.from, foot), (band.to, head)], ground)
        }))?;
        chart.draw_series(bands.iter().enumerate().map(|(at, band)| {
            let style = text_style(11.5, palette::BROKEN).pos(Pos::new(HPos::Left, VPos::Top));
            // A band within another has its name a line further down.
            let within = bands[..at].iter().filter(|other| other.to > band.from);
            let down = 3 + 13 * i32::try_from(within.count()).unwrap_or(0);
            let words = Text::new(fit(&band.name, 12), (3, down), style);
            EmptyElement::at((band.from, head)) + words
        }))?;
        for (at, series) in shown.iter().enumerate() {
            let color = rgb(LINES[at]);
            let points = thinned(&series.points);
            chart.draw_series(LineSeries::new(points.clone(), color.stroke_width(2)))?;
            // A few points only are marked: on a dense line the shapes would hide it.
            let step = points.len().div_ceil(12).max(1);
            let marked = points.into_iter().step_by(step);
            match at {
                0 => chart.draw_series(marked.map(|p| Circle::new(p, 4, color.filled())))?,
                1 => {
                    chart.draw_series(marked.map(|p| TriangleMarker::new(p, 6, color.filled())))?
                }
                2 => chart.draw_series(marked.map(|p| Cross::new(p, 4, color.stroke_width(2))))?,
                _ => chart.draw_series(marked.map(|p| Circle::new(p, 4, color.stroke_width(1))))?,
            };
        }
        Ok(())
    });
    let has_legend = shown.len() > 1;
    let top = if has_legend { 22.0 } else { 0.0 };
    let body = html! {
        @if has_legend { (legend(&shown)) }
        g transform=(format!("translate(0 {top})")) { (PreEscaped(body)) }
    };
    let title = format!("{} over {}", fit(y, 40), fit(x, 40));
    figure(&title, &alt, top, body)
}

impl Band {
    /// Cuts the band to what is seen; none if nothing of it is.
    fn within(&self, across: &Range<f64>) -> Option<Self> {
        let (from, to) = (self.from.max(across.start), self.to.min(across.end));
        (from < to).then(|| Self::new(fit(&self.name, 40), from, to))
    }

    fn in_words(&self) -> String {
        format!(
            "{}: {} to {}",
            self.name,
            number(self.from),
            number(self.to)
        )
    }
}

impl Series {
    fn drawable(&self) -> Self {
        let drawable = |point: &&(f64, f64)| is_drawable(point.0) && is_drawable(point.1);
        Self {
            name: fit(&self.name, 40),
            points: self.points.iter().filter(drawable).copied().collect(),
        }
    }

    fn in_words(&self) -> String {
        let pair = |point: &(f64, f64)| format!("({}, {})", number(point.0), number(point.1));
        match (self.points.first(), self.points.last()) {
            (Some(first), Some(last)) => format!(
                "{}: {}, from {} to {}",
                self.name,
                count(self.points.len(), "point"),
                pair(first),
                pair(last)
            ),
            _ => format!("{}: no points", self.name),
        }
    }
}

const LINES: [&str; MAX_SERIES] = [palette::BLUE, palette::GREEN, palette::INK, palette::MUTED];

/// Names the lines above the chart, each with the shape of its points.
fn legend(series: &[Series]) -> Markup {
    let width = (WIDTH - 2.0 * MARGIN) / series.len() as f64;
    html! {
        @for (at, series) in series.iter().enumerate() {
            @let x = MARGIN + width * at as f64;
            @let middle = x + 12.0;
            @let color = LINES[at];
            (line((x, 8.0), (x + 24.0, 8.0), color, 2.0, None))
            @match at {
                0 => circle cx=(n(middle)) cy="8" r="4" fill=(color) {},
                1 => path d=(format!("M{} 2l5.5 9.5h-11z", n(middle))) fill=(color) {},
                2 => path d=(format!("M{} 4l8 8m0-8l-8 8", n(middle - 4.0)))
                    stroke=(color) stroke-width="2" {},
                _ => circle cx=(n(middle)) cy="8" r="4" fill=(palette::PAPER) stroke=(color) {},
            }
            @let look = Type::new(NOTE, palette::INK);
            (text(x + 31.0, 8.0, look, &look.fit(&series.name, width - 40.0)))
        }
    }
}

fn figure(title: &str, alt: &[String], top: f64, body: Markup) -> Figure {
    let size = (WIDTH, f64::from(HEIGHT) + top + 8.0);
    let (first, rest) = title.split_at(usize::from(title.starts_with(|c: char| c.is_ascii())));
    let title = first.to_ascii_uppercase() + rest;
    Figure::new(&title, &alt.join("\n"), size, body)
}

struct Axes<'a> {
    x: &'a str,
    y: &'a str,
    across: Range<f64>,
    up: Range<f64>,
    /// What stands below the x axis is written by the caller.
    is_named: bool,
}

/// Draws the axes and lets `fill` draw between them. The result is an SVG document of its own,
/// which SVG allows inside of another.
fn draw<F>(axes: &Axes<'_>, fill: F) -> String
where
    F: for<'a, 'b> FnOnce(&mut Plane<'a, 'b>) -> Drawn<'b>,
{
    let mut out = String::new();
    {
        let root = SVGBackend::with_string(&mut out, (WIDTH as u32, HEIGHT)).into_drawing_area();
        let drawn = ChartBuilder::on(&root)
            .margin_left(10)
            .margin_right(24)
            .margin_top(12)
            .x_label_area_size(46)
            .y_label_area_size(62)
            .build_cartesian_2d(axes.across.clone(), axes.up.clone())
            .and_then(|mut chart| {
                chart
                    .configure_mesh()
                    .disable_x_mesh()
                    .light_line_style(TRANSPARENT)
                    .bold_line_style(rgb(palette::HAIRLINE))
                    .axis_style(rgb(palette::LINE))
                    .label_style(text_style(12.5, palette::MUTED))
                    .axis_desc_style(text_style(13.5, palette::MUTED))
                    .x_desc(fit(axes.x, 60))
                    .y_desc(fit(axes.y, 36))
                    .x_labels(if axes.is_named { 0 } else { 8 })
                    .y_labels(6)
                    .x_label_formatter(&|value| number(*value))
                    .y_label_formatter(&|value| number(*value))
                    .draw()?;
                fill(&mut chart)
            })
            .and_then(|()| root.present());
        // Writing to a String cannot fail.
        debug_assert!(drawn.is_ok());
    }
    out
}

fn is_drawable(value: f64) -> bool {
    value.abs() <= MAX_SIZE
}

/// Returns the range of an axis that holds zero and all values, with some air.
fn range(values: impl Iterator<Item = f64>) -> Range<f64> {
    let (low, high) = values
        .filter(|value| is_drawable(*value))
        .fold((0.0_f64, 0.0_f64), |(low, high), value| {
            (low.min(value), high.max(value))
        });
    let air = (high - low) * 0.1;
    match air > 1e-12 {
        true => (if low < 0.0 { low - air } else { 0.0 })..high + air,
        false => 0.0..1.0,
    }
}

/// Returns no more points than are needed to see the course of a line.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= MAX_POINTS {
        return points.to_vec();
    }
    let stretch = points.len().div_ceil(MAX_POINTS / 2);
    points
        .chunks(stretch)
        .flat_map(|chunk| {
            let low = chunk.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1));
            let high = chunk.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1));
            let mut pair: Vec<(f64, f64)> = low.into_iter().chain(high).collect();
            pair.sort_by(|a, b| a.0.total_cmp(&b.0));
            pair
        })
        .collect()
}

/// Returns a number as short as it can be read: `1.2 M`, `340 k`, `12.5`, `0.03`.
fn number(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if !value.is_finite() => "–".to_owned(),
        0.0 => "0".to_owned(),
        1e12.. | ..1e-4 => format!("{value:.1e}"),
        1e9.. => format!("{} G", trimmed(value / 1e9, 2)),
        1e6.. => format!("{} M", trimmed(value / 1e6, 2)),
        1e4.. => format!("{} k", trimmed(value / 1e3, 1)),
        100.0.. => trimmed(value, 0),
        1.0.. => trimmed(value, 2),
        _ => trimmed(value, 4),
    }
}

fn text_style(size: f64, color: &str) -> TextStyle<'static> {
    (FONT, size).into_font().color(&rgb(color))
}

fn rgb(hex: &str) -> RGBColor {
    let part = |at: usize| {
        let digits = hex.get(at..at + 2).unwrap_or("0");
        u8::from_str_radix(digits, 16).unwrap_or(0)
    };
    RGBColor(part(1), part(3), part(5))
}
