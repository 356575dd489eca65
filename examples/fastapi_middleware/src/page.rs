//! `trace.html`: the traces and the scorecard in one file that needs nothing else. Start at [`render`].

use common::analysis::{Figure, text_tree, waterfall};
use common::lab::page;
use common::model::TraceTree;
use maud::{Markup, PreEscaped, html};

use crate::report::Report;

/// Writes the page.
pub fn render(report: &Report) -> String {
    let body = html! {
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
        (figure(&report.score.card()))
        (words(&report.score.to_string()))
    };
    page("Several languages, one trace", &body.into_string())
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
