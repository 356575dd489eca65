//! `trace.html`: the traces and the scorecard in one file that needs nothing else. Start at [`render`].

use common::analysis::{Figure, text_tree, waterfall};
use common::model::TraceTree;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::report::Report;

/// No script and nothing from elsewhere, and the browser is told to hold the page to it: what it shows
/// was written by the services that were traced.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #20262e; --muted: #5b636e; --ground: #ffffff; --edge: #dfdfd8; --code: #f6f6f2 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e6e8; --muted: #a3abb5; --ground: #16191d; --edge: #343a41; --code: #1f2429 }
  /* The pictures bring light paper of their own; a little less of it at night. */
  figure svg { filter: brightness(.88) }
}
body { margin: 0 auto; padding: 2rem 1rem 4rem; max-width: 40rem; background: var(--ground); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .5rem }
h2 { font-size: 1.1rem; margin: 2.5rem 0 .25rem }
p { margin: .25rem 0 1rem; color: var(--muted) }
figure { margin: 0 }
figure svg { display: block; width: 100%; height: auto; border-radius: 8px }
details { margin-top: .6rem }
summary { cursor: pointer; color: var(--muted); font-size: .9rem }
pre { overflow-x: auto; padding: .75rem 1rem; background: var(--code); border: 1px solid var(--edge);
  border-radius: 8px; font: 12.5px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace }
";

/// Writes the page.
pub fn render(report: &Report) -> String {
    let score = report.score.card();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Several languages, one trace" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "Several services, several languages, one trace" }
                p { "Each service read one header and wrote one. Nothing else joins the runs below." }
                @for joined in &report.joined {
                    (trace(&joined.way, joined.lead, &joined.tree))
                }
                (trace(
                    "When a service fails",
                    "The step that failed says why, and each caller above it that it got no answer.",
                    &report.failed,
                ))
                h2 { "Scorecard" }
                p { "All requests of the load, held against what the load generator knows it asked." }
                (figure(&score))
                (words(&report.score.to_string()))
            }
        }
    }
    .into_string()
}

fn trace(title: &str, lead: &str, tree: &TraceTree) -> Markup {
    html! {
        h2 { (title) }
        p { (lead) }
        (figure(&waterfall(tree)))
        (words(&text_tree(tree).to_string()))
    }
}

/// Puts a picture in; its text is escaped by what drew it.
fn figure(figure: &Figure) -> Markup {
    PreEscaped(figure.to_html())
}

fn words(text: &str) -> Markup {
    html! { details { summary { "The same in words" } pre { (text) } } }
}
