//! Tokens and money by agent, each call once.
//!
//! ```text
//! TraceTree ─► calls, each once ─► by agent ─┬─► Display, table()
//!                └ doubled: run, repeat, why └─► chart()
//! ```
//!
//! Start at [`SpendByAgent::of`].

mod calls;
mod told;

use std::collections::HashMap;
use std::fmt;

use maud::{PreEscaped, html};

use super::graph::visits::Visits;
use super::label::{count, dollars, fit, or_else, short_id, thousands};
use super::{Figure, Table, bar_chart, rich_output};
use crate::model::{Run, RunId, TraceTree};

pub(super) use calls::Calls;

/// Most rows of a table, and most doubled calls that are told one by one.
const MAX_ROWS: usize = 40;

/// What calls of language models used up.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Spend {
    /// Number of calls.
    pub calls: usize,
    /// Tokens of the requests.
    pub input_tokens: u64,
    /// Tokens of the answers.
    pub output_tokens: u64,
    /// Tokens in all, as the runs say.
    pub total_tokens: u64,
    /// What was paid, in US dollars; none if no run says it.
    pub cost: Option<f64>,
    /// Calls whose runs do not say what they cost: then `cost` is too small.
    pub unpriced: usize,
}

impl Spend {
    pub(super) fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.total_tokens = self.total_tokens.saturating_add(other.total_tokens);
        self.unpriced += other.unpriced;
        self.cost = match (self.cost, other.cost) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
    }

    fn tokens(&self) -> Tokens {
        (self.input_tokens, self.output_tokens, self.total_tokens)
    }

    fn has_tokens_of(&self, other: &Self) -> bool {
        self.tokens() == other.tokens()
    }

    fn cells(&self) -> [String; 5] {
        [
            thousands(self.calls),
            thousands(self.input_tokens),
            thousands(self.output_tokens),
            thousands(self.total_tokens),
            match (self.cost, self.unpriced) {
                (None, _) => "–".to_owned(),
                (Some(cost), 0) => dollars(cost),
                (Some(cost), _) => format!("≥ {}", dollars(cost)),
            },
        ]
    }
}

/// Tokens of a request, of its answer, and in all.
type Tokens = (u64, u64, u64);

/// What one agent used up.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentSpend {
    /// Name of the agent.
    pub agent: String,
    /// What its own calls used; those of agents below it are theirs.
    pub spend: Spend,
}

/// Two `llm` runs for one call, because a wrapper and a framework both traced it.
#[derive(Debug, Clone, PartialEq)]
pub struct Doubled {
    /// The run that counts.
    pub counted: RunId,
    /// Its name.
    pub counted_name: String,
    /// The run that says the same again, and does not count.
    pub repeat: RunId,
    /// Its name.
    pub repeat_name: String,
    /// What shows it.
    pub evidence: DoubledBy,
    /// What the repeat says was used.
    pub spend: Spend,
}

/// What shows that two runs are one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DoubledBy {
    /// One is above the other, and both have the same tokens; or the outer one has those of all calls
    /// below it.
    SameUsage,
    /// Both have the provider's id of the answer: one above the other, or at the same time and with the
    /// same tokens.
    ResponseId(String),
    /// One is above the other without a tool between, but their tokens differ. The inner one counts: it is
    /// nearer to the model.
    Nesting,
}

impl fmt::Display for DoubledBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SameUsage => f.write_str("one above the other, same usage"),
            Self::ResponseId(id) => write!(f, "same response id {}", fit(id, 40)),
            Self::Nesting => f.write_str("one above the other, usage differs"),
        }
    }
}

/// Tokens and cost by agent. Made by [`SpendByAgent::of`].
#[derive(Debug, Clone, PartialEq)]
pub struct SpendByAgent {
    /// The agents, the most tokens first.
    pub agents: Vec<AgentSpend>,
    /// What all of them used: each call once.
    pub total: Spend,
    /// What a sum over all `llm` runs gives. It is more than `total` if calls are doubled.
    pub sum_of_llm_runs: Spend,
    /// Calls that were traced twice.
    pub doubled: Vec<Doubled>,
    /// Runs of other types that carry a usage, such as a chain that returns its model's answer. Like
    /// LangSmith, nothing here counts them.
    pub echoes: usize,
}

impl SpendByAgent {
    /// Adds up what each agent used.
    ///
    /// An agent is the innermost subgraph above a call; for calls of the outermost graph itself, the node
    /// (`langgraph_node`). Only `llm` runs count, as in LangSmith, with the tokens that
    /// [`Run::usage`](crate::model::Run::usage) tells. What a plain sum gives is in `sum_of_llm_runs`. Costs
    /// are those that the runs carry; LangSmith computes missing ones from its price list.
    ///
    /// Of two in one another the inner one counts, unless a `tool` run lies between and their tokens
    /// differ: then a model called a tool that asked another model, and both count. The stand-in adds up by
    /// the same rule. Of two at the same time with one response id and the same tokens the first counts; the
    /// stand-in does not notice these, and counts both. A server that gives all of its answers one id makes
    /// one call of two that ran at once and happened to use as many tokens: what was left out is always in
    /// `doubled`.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use common::analysis::SpendByAgent;
    /// use common::model::{TraceTree, Usage};
    /// use common::trace::{MemorySink, Tracer};
    ///
    /// let sink = Arc::new(MemorySink::new());
    /// let wrapper = Tracer::builder(sink.clone()).build().run("ChatOpenAI").run_type("llm").start();
    /// let inner = wrapper.child("openai").run_type("llm").start();
    /// inner.set_usage(Usage::tokens(100, 20));
    /// inner.end();
    /// wrapper.set_usage(Usage::tokens(100, 20));
    /// wrapper.end();
    /// let spend = SpendByAgent::of(&TraceTree::build(sink.runs()));
    /// assert_eq!(spend.total.total_tokens, 120);
    /// assert_eq!(spend.sum_of_llm_runs.total_tokens, 240);
    /// assert_eq!(spend.doubled[0].repeat_name, "ChatOpenAI");
    /// ```
    pub fn of(tree: &TraceTree) -> Self {
        let visits = Visits::of(tree);
        Self::by(tree, |at| {
            let visit = visits.around(at)?;
            let called = &visits.invocations[visit.invocation];
            Some(
                if called.outer.is_some() {
                    called.graph
                } else {
                    visit.node
                }
                .to_owned(),
            )
        })
    }

    /// Adds up what each group of calls used. The group is told from the runs above a call, the call
    /// itself last; a call without a group counts as `(no agent)`.
    ///
    /// ```
    /// use common::analysis::SpendByAgent;
    /// use common::model::TraceTree;
    ///
    /// // By service instead.
    /// let by_service = SpendByAgent::grouped(&TraceTree::default(), |path| {
    ///     let run = path.last()?;
    ///     Some(run.extra.metadata.get("service")?.as_str()?.to_owned())
    /// });
    /// assert_eq!(by_service.total.calls, 0);
    /// ```
    pub fn grouped(tree: &TraceTree, group: impl Fn(&[&Run]) -> Option<String>) -> Self {
        let nodes = tree.nodes();
        // Calls come in the order of the walk: one path grows and shrinks with it.
        let mut walk = tree.walk().into_iter();
        let (mut places, mut path): (Vec<usize>, Vec<&Run>) = Default::default();
        Self::by(tree, |call| {
            for at in walk.by_ref() {
                while places
                    .last()
                    .is_some_and(|last| nodes[at].parent != Some(*last))
                {
                    places.pop();
                    path.pop();
                }
                places.push(at);
                path.push(&nodes[at].run);
                if at == call {
                    break;
                }
            }
            group(&path)
        })
    }

    /// Adds up by what `group` says of the position of a call; it is asked in the order of the walk.
    fn by(tree: &TraceTree, mut group: impl FnMut(usize) -> Option<String>) -> Self {
        let calls = Calls::of(tree);
        let mut agents: Vec<AgentSpend> = Vec::new();
        let mut place: HashMap<String, usize> = HashMap::new();
        let mut total = Spend::default();
        for call in &calls.counted {
            let agent = group(call.at).unwrap_or_else(|| "(no agent)".to_owned());
            let at = *place.entry(agent).or_insert_with_key(|agent| {
                agents.push(AgentSpend {
                    agent: agent.clone(),
                    spend: Spend::default(),
                });
                agents.len() - 1
            });
            agents[at].spend.add(&call.spend);
            total.add(&call.spend);
        }
        agents.sort_by_key(|agent| std::cmp::Reverse(agent.spend.total_tokens));
        Self {
            agents,
            total,
            sum_of_llm_runs: calls.sum,
            doubled: calls.doubled,
            echoes: calls.echoes,
        }
    }

    /// Returns what one agent used.
    pub fn agent(&self, name: &str) -> Option<&Spend> {
        let found = self.agents.iter().find(|agent| agent.agent == name);
        found.map(|agent| &agent.spend)
    }

    /// Returns a row for each agent, then the total, and beside it what a sum over all `llm` runs gives
    /// if that is more.
    pub fn table(&self) -> Table {
        let header = ["agent", "calls", "tokens in", "out", "total", "cost"];
        let row = |table: Table, name: &str, spend: &Spend| {
            table.row([name.to_owned()].into_iter().chain(spend.cells()))
        };
        let mut table = Table::new(header);
        for agent in self.agents.iter().take(MAX_ROWS) {
            table = row(
                table,
                &or_else(fit(&agent.agent, 40), "(no name)"),
                &agent.spend,
            );
        }
        if let Some(more) = self.agents.get(MAX_ROWS..).filter(|more| !more.is_empty()) {
            let mut rest = Spend::default();
            more.iter().for_each(|agent| rest.add(&agent.spend));
            table = row(
                table,
                &format!("… {}", count(more.len(), "more agent")),
                &rest,
            );
        }
        table = row(table, "the trace, each call once", &self.total);
        match self.sum_of_llm_runs == self.total {
            true => table,
            false => row(table, "sum over all llm runs", &self.sum_of_llm_runs),
        }
    }

    /// Draws a bar for each agent: its tokens.
    pub fn chart(&self) -> Figure {
        let bar = |agent: &AgentSpend| {
            let name = or_else(fit(&agent.agent, 40), "(no name)");
            (name, agent.spend.total_tokens as f64)
        };
        bar_chart("agent", "tokens", self.agents.iter().map(bar)).title(self.finding())
    }

    fn finding(&self) -> String {
        let total = thousands(self.total.total_tokens);
        let sentence = match self.agents.first() {
            None => return "No model was called".to_owned(),
            Some(most) if self.agents.len() == 1 => {
                format!("{} spent all {total} tokens", fit(&most.agent, 32))
            }
            Some(most) => {
                let share =
                    100.0 * most.spend.total_tokens as f64 / self.total.total_tokens.max(1) as f64;
                format!(
                    "{} spent {share:.0} % of {total} tokens",
                    fit(&most.agent, 32)
                )
            }
        };
        match self.doubled.len() {
            0 => sentence,
            doubled => format!("{sentence}; {} left out", count(doubled, "doubled call")),
        }
    }

    /// Returns what the table does not say.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for doubled in self.doubled.iter().take(MAX_ROWS) {
            notes.push(format!(
                "⚠ doubled: {} ({}) says again what {} ({}) says: {}",
                or_else(fit(&doubled.repeat_name, 40), "(no name)"),
                short_id(doubled.repeat.0),
                or_else(fit(&doubled.counted_name, 40), "(no name)"),
                short_id(doubled.counted.0),
                doubled.evidence,
            ));
        }
        if self.doubled.len() > MAX_ROWS {
            notes.push(format!("… {} more", self.doubled.len() - MAX_ROWS));
        }
        if self.echoes > 0 {
            let (runs, carry) = (
                count(self.echoes, "run"),
                if self.echoes == 1 { "carries" } else { "carry" },
            );
            notes.push(format!(
                "{runs} of other types {carry} a usage as well; only llm runs count"
            ));
        }
        notes
    }

    /// Returns table and notes as HTML.
    pub fn to_html(&self) -> String {
        html! {
            (PreEscaped(self.table().to_html()))
            @for note in self.notes() { p { (note) } }
        }
        .into_string()
    }

    /// Shows the table as the result of a notebook cell.
    pub fn evcxr_display(&self) {
        rich_output::show(&[
            ("text/html", &self.to_html()),
            ("text/plain", &self.to_string()),
        ]);
    }
}

impl fmt::Display for SpendByAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.table())?;
        let notes = self.notes();
        if !notes.is_empty() {
            writeln!(f)?;
        }
        notes.iter().try_for_each(|note| writeln!(f, "{note}"))
    }
}
