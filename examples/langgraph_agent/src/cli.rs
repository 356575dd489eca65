//! What can be asked for on the command line. Start at [`Cli`].

use clap::Parser;

/// Answers a question from this repository's documentation, with citations and one trace of how it was done.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:\n  cargo run -p langgraph_agent -- \"how do I keep the trace across spawn?\"\n  \
        cargo run -p langgraph_agent -- --interactive\n  \
        cargo run -p langgraph_agent -- --smoke\n\n\
        The model is scripted, on this machine. To ask a real one: WORKBOOK_LLM=openai and OPENAI_API_KEY."
)]
pub struct Cli {
    /// What you want to know; without it, the question of the lessons.
    pub question: Option<String>,
    /// Asks you before an answer goes out, and for further questions. Without a terminal it approves by itself.
    #[arg(long)]
    pub interactive: bool,
    /// Lets the answer out without asking anybody.
    #[arg(long, visible_alias = "approve")]
    pub yes: bool,
    /// The conversation that the trace belongs to.
    #[arg(long, value_name = "ID", default_value = "docs-1")]
    pub thread: String,
    /// Holds the stand-in's pages open at the end, until Ctrl-C.
    #[arg(long)]
    pub keep: bool,
    /// As fast as it goes, for tests.
    #[arg(long)]
    pub smoke: bool,
}
