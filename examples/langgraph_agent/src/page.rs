//! `trace.html`: the graph beside the runs, in one file that needs nothing else. Start at [`render`].

use common::analysis::{Figure, GraphDiagram, Loops, Waterfall, text_tree};
use common::lab::page;
use common::lab::terminal::clean;
use maud::{Markup, PreEscaped, html};

use crate::report::{Report, Shown};

/// Writes the page: a part for each question.
pub fn render(reports: &[Report]) -> String {
    const TITLE: &str = "A docs assistant with four agents";
    let body = html! {
        h1 { (TITLE) }
        p {
            "The graph is what may happen. Beside it is what did: a node and its runs have one number and one "
            "color. A run of the graph ends where it asks for approval; what was decided begins another, "
            "in the same thread."
        }
        @for report in reports { (question(report)) }
    };
    // The pictures have texts of their own, so the page is cleaned as a whole.
    clean(&page(TITLE, &body.into_string()))
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
    PreEscaped(figure.to_html())
}

fn words(text: &str) -> Markup {
    html! { details { summary { "The same in words" } pre { (text) } } }
}
