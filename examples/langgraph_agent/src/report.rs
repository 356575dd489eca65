//! What the program prints, and what its page shows. Start at [`Report::of`].

use std::fmt::Write as _;

use common::analysis::{GraphShape, SpendByAgent, text_tree};
use common::model::TraceTree;

use crate::approve::Decision;
use crate::price::Price;
use crate::state::State;

/// A question, and the traces that came of it.
#[derive(Debug)]
pub struct Report {
    /// What was asked.
    pub question: String,
    /// What may follow what.
    pub shape: GraphShape,
    /// A trace for each time that the graph ran: until it asked for approval, and after each decision.
    pub traces: Vec<Shown>,
    /// What each agent used up, in all traces.
    pub spend: SpendByAgent,
    /// What the costs are, in words.
    pub price: String,
}

/// A trace, and what it is about.
#[derive(Debug)]
pub struct Shown {
    /// What happened in it.
    pub title: String,
    /// Its runs.
    pub tree: TraceTree,
}

impl Report {
    /// Takes the traces of a question apart: the first one asks, each of the others follows a decision.
    pub fn of(
        question: &str,
        shape: GraphShape,
        traces: Vec<TraceTree>,
        decisions: &[Decision],
        price: Option<Price>,
        is_scripted: bool,
    ) -> Self {
        let runs = traces.iter().flat_map(TraceTree::nodes);
        let tree = &TraceTree::build(runs.map(|node| node.run.clone()));
        let titles = std::iter::once("The question".to_owned());
        let decided = decisions.iter().map(|decision| {
            let mut title = decision.told.clone();
            if let Some(first) = title.get(..1).map(str::to_uppercase) {
                title.replace_range(..1, &first);
            }
            title
        });
        let titles = titles
            .chain(decided)
            .chain(std::iter::repeat("And".to_owned()));
        let traces = traces.into_iter().zip(titles);
        let shown = |(tree, title)| Shown { title, tree };
        let (spend, price) = match (price, is_scripted) {
            (None, false) => (
                SpendByAgent::of(tree),
                "No price was given (--price IN,OUT); LangSmith has its own list of prices."
                    .to_owned(),
            ),
            (price, _) => {
                let price = price.unwrap_or(AS_IF);
                let mut words = format!("Cost at {price}, computed here and in no run");
                words.push_str(match is_scripted {
                    true => "; the scripted model costs nothing.",
                    false => ".",
                });
                (SpendByAgent::of(&price.applied(tree)), words)
            }
        };
        Self {
            question: question.to_owned(),
            shape,
            traces: traces.map(shown).collect(),
            spend,
            price,
        }
    }

    /// Returns true if there are traces, and all runs of them came.
    pub fn is_whole(&self) -> bool {
        !self.traces.is_empty() && self.traces.iter().all(Shown::is_whole)
    }

    /// Writes the trees, and what each agent used up.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let count = self.traces.len();
        for (number, shown) in (1..).zip(&self.traces) {
            let state = match shown.is_whole() {
                true => format!("{} runs", shown.tree.len()),
                false => "BROKEN".to_owned(),
            };
            let (title, tree) = (&shown.title, text_tree(&shown.tree));
            let _ = writeln!(
                text,
                "Trace {number} of {count}: {title} ({state})\n\n{tree}"
            );
        }
        let _ = write!(text, "{}\n{}", self.spend, self.price);
        text
    }
}

impl Shown {
    /// Returns true if it has runs, and none lacks its parent.
    pub fn is_whole(&self) -> bool {
        !self.tree.is_empty() && self.tree.is_whole()
    }
}

/// What a small model of a provider costs, for the script, which costs nothing.
pub const AS_IF: Price = Price {
    input: 0.15,
    output: 0.6,
};

/// Writes the answer, what it cites, what others say, and who let it out.
pub fn answer(state: &State) -> String {
    let mut text = String::new();
    match (&state.answer, &state.draft) {
        (Some(answer), draft) => {
            let _ = writeln!(text, "{answer}");
            if draft.is_some() {
                text.push('\n');
            }
            for (number, citation) in draft.iter().flat_map(|draft| &draft.citations) {
                let _ = writeln!(text, "  [{number}] {citation}");
            }
        }
        (None, _) => {
            text.push_str("No answer goes out.");
            let reasons = state.review.iter().flat_map(|review| &review.reasons);
            reasons.for_each(|reason| text.push_str(&format!(" {reason}.")));
            text.push('\n');
        }
    }
    if let Some(words) = state.words.filter(|_| state.answer.is_some()) {
        let _ = writeln!(text, "\n{words} words, as the tool server counts.");
    }
    // Whoever approves the answer has seen it; without that word it stays here, as the answer does.
    let approved = state.decision.as_ref().is_some_and(|it| it.approved);
    if let Some(said) = state.second_opinion.as_ref().filter(|_| approved) {
        let _ = writeln!(text, "\n{}", elsewhere(said));
    }
    let mut without: Vec<&String> = state.without.iter().collect();
    without.dedup();
    for sentence in without {
        let _ = writeln!(text, "\n{sentence}");
    }
    // A draft that was written again after a comment may fail the reviewer: then the comment is not the end of it.
    let told = match (&state.decision, &state.review) {
        (_, Some(review)) if !review.approved => "the reviewer let no draft pass",
        (Some(decision), _) => &decision.told,
        _ => "nobody had to approve it",
    };
    let _ = write!(text, "\n{told}");
    text
}

/// Writes the beginning of what the other agent says: its tool gives it whole passages.
fn elsewhere(said: &str) -> String {
    let first = said.trim().split("\n\n").next().unwrap_or_default();
    let more = if first.len() < said.trim().len() {
        " …"
    } else {
        ""
    };
    format!("The agent in Python says: {first}{more}")
}

/// Writes a draft for whoever decides on it.
pub fn draft(state: &State) -> String {
    let mut text = state
        .draft
        .as_ref()
        .map_or_else(String::new, |draft| draft.text.clone());
    if let Some(said) = &state.second_opinion {
        let _ = write!(text, "\n\n{}", elsewhere(said));
    }
    if let Some(words) = state.words {
        let _ = write!(text, "\n({words} words)");
    }
    text
}
