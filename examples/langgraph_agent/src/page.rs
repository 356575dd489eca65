//! `trace.html`: the graph beside the runs, in one file that needs nothing else. Start at [`render`].

use common::analysis::{Figure, GraphDiagram, Loops, Waterfall, text_tree};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::report::{Report, Shown, clean};

/// No script and nothing from elsewhere, and the browser is told to hold the page to it: what it shows was written by
/// a model, and by whoever asked it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #20262e; --muted: #5b636e; --ground: #ffffff; --edge: #dfdfd8; --code: #f6f6f2 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e6e8; --muted: #a3abb5; --ground: #16191d; --edge: #343a41; --code: #1f2429 }
  /* The pictures bring light paper of their own; a little less of it at night. */
  figure svg { filter: brightness(.88) }
}
body { margin: 0 auto; padding: 2rem 1rem 4rem; max-width: 44rem; background: var(--ground); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .5rem }
h2 { font-size: 1.25rem; margin: 3rem 0 .25rem }
h3 { font-size: 1.05rem; margin: 2rem 0 .25rem; font-weight: 600 }
p { margin: .25rem 0 1rem; color: var(--muted) }
.picture { margin: 0 0 1rem }
figure { margin: 0 }
figure svg { display: block; width: 100%; height: auto; border-radius: 8px }
details { margin: .6rem 0 }
summary { cursor: pointer; color: var(--muted); font-size: .9rem }
pre { overflow-x: auto; padding: .75rem 1rem; background: var(--code); border: 1px solid var(--edge);
  border-radius: 8px; font: 12.5px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace }
";

/// Writes the page: a part for each question.
pub fn render(reports: &[Report]) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "A docs assistant with four agents" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "A docs assistant with four agents" }
                p {
                    "The graph is what may happen. Beside it is what did: a node and its runs have one number and one "
                    "color. A run of the graph ends where it asks for approval; what was decided begins another, "
                    "in the same thread."
                }
                @for report in reports { (question(report)) }
            }
        }
    };
    // The pictures have texts of their own, so the page is cleaned as a whole.
    clean(&page.into_string())
}

fn question(report: &Report) -> Markup {
    html! {
        h2 { (report.question) }
        @for shown in &report.traces { (trace(report, shown)) }
        h3 { "What each agent used up" }
        p { (report.price) }
        (figure(&report.spend.chart()))
        (words(&report.spend.to_string()))
    }
}

fn trace(report: &Report, shown: &Shown) -> Markup {
    let tree = &shown.tree;
    html! {
        h3 { (shown.title) }
        (figure(&GraphDiagram::of(&report.shape).beside(tree)))
        (figure(&Waterfall::of(tree).supersteps().figure()))
        (words(&format!("{}\n{}", text_tree(tree), Loops::of(tree).without_times())))
    }
}

/// Puts a picture in; its text is escaped by what drew it.
fn figure(figure: &Figure) -> Markup {
    html! { div class="picture" { (PreEscaped(figure.to_html())) } }
}

fn words(text: &str) -> Markup {
    html! { details { summary { "The same in words" } pre { (text) } } }
}
