//! For terminals and text alternatives.

use std::fmt;

use super::{looked_at, not_given, time_of};
use crate::analysis::doctor::code::Level;
use crate::analysis::doctor::finding::{Finding, Report};
use crate::analysis::label::fit;

/// Turns to a color and back; nothing if there are none.
struct Paint(bool);

impl Paint {
    fn level(&self, level: Level, text: &str) -> String {
        let color = match level {
            Level::Error => "31",
            Level::Warning => "33",
            Level::Note => "36",
        };
        self.with(color, text)
    }

    fn with(&self, color: &str, text: &str) -> String {
        match self.0 {
            true => format!("\u{1b}[{color}m{text}\u{1b}[0m"),
            false => text.to_owned(),
        }
    }
}

impl Report {
    /// Writes the report for people. Color only where a terminal shows it; what runs say about
    /// themselves is made harmless.
    pub fn to_text(&self, colored: bool) -> String {
        let paint = Paint(colored);
        let mut out = String::new();
        for finding in &self.findings {
            out.push_str(&one(finding, &paint));
            out.push('\n');
        }
        for (code, count) in &self.counts {
            let listed = self.with_code(code).count();
            if *count > listed {
                out.push_str(&format!("… {} more of {code}\n\n", count - listed));
            }
        }
        let verdict = match self.counts.len() {
            0 => paint.with("32", "✓ nothing is wrong"),
            codes => format!(
                "{} of {codes} {}",
                match self.len() {
                    1 => "1 finding".to_owned(),
                    n => format!("{n} findings"),
                },
                if codes == 1 { "kind" } else { "kinds" }
            ),
        };
        out.push_str(&format!("{verdict}: {}\n", looked_at(self)));
        for limit in &self.limits {
            out.push_str(&format!("not looked at: {}\n", fit(limit, 400)));
        }
        if !self.missing.is_empty() {
            let kinds = not_given(self);
            out.push_str(&format!("not given, so not examined: {kinds}\n"));
        }
        out
    }
}

fn one(finding: &Finding, paint: &Paint) -> String {
    let fault = finding.fault;
    let head = format!("{} {} ({})", fault.code, fault.name, fault.level);
    let mut out = format!("{}\n  {}\n", paint.level(fault.level, &head), finding.words);
    let kinds: Vec<&str> = finding.shown_by.iter().map(|kind| kind.as_str()).collect();
    out.push_str(&format!(
        "  shown by  {} · {}\n",
        kinds.join(", "),
        finding.about
    ));
    for run in &finding.runs {
        let service = match run.service.as_str() {
            "" => String::new(),
            service => format!(" ({service})"),
        };
        out.push_str(&format!(
            "  run       {}{service} {} {}\n",
            run.name,
            time_of(run),
            run.id
        ));
    }
    if finding.more_runs > 0 {
        out.push_str(&format!("            … {} more\n", finding.more_runs));
    }
    for (at, cause) in finding.causes.iter().take(3).enumerate() {
        let label = if at == 0 { "likely   " } else { "or       " };
        out.push_str(&format!("  {label} {}\n", cause.cause));
    }
    if let Some(cause) = finding.cause() {
        out.push_str(&format!(
            "  {}      {}\n",
            paint.with("1", "fix "),
            cause.fix
        ));
        out.push_str(&format!("  read      {}\n", cause.chapter.path()));
    }
    out
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text(false))
    }
}
