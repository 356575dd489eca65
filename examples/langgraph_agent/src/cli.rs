//! What can be asked for on the command line. Start at [`Cli`].

use std::path::PathBuf;

use clap::Parser;

use crate::price::Price;

/// Answers a question from this repository's documentation, with citations and one trace of how it was done.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:\n  cargo run -p langgraph_agent -- \"how do I keep the trace across spawn?\"\n  \
        cargo run -p langgraph_agent -- --interactive\n  \
        cargo run -p langgraph_agent -- --comment \"shorter, please\"\n  \
        cargo run -p langgraph_agent -- --remote --mcp\n  \
        cargo run -p langgraph_agent -- --smoke\n\n\
        The model is scripted, on this machine. To ask a real one: WORKBOOK_LLM=openai and OPENAI_API_KEY.\n\
        To send the runs to LangSmith as well: WORKBOOK_TARGET=langsmith and LANGSMITH_API_KEY.\n\n\
        Exit status: 0 if every question was answered, declined or rejected; 1 if a step failed, a trace is not \
        whole, a file cannot be written, or after Ctrl-C in the middle; 2 for options that are none."
)]
pub struct Cli {
    /// What you want to know; without it, the question of the lessons.
    #[arg(value_parser = words)]
    pub question: Option<String>,
    /// Asks you before an answer goes out, and for further questions. Without a terminal it approves by itself.
    #[arg(long)]
    pub interactive: bool,
    /// Lets the answer out without asking anybody.
    #[arg(long, visible_alias = "approve")]
    pub yes: bool,
    /// Sends the very first draft back to the writer with this comment, as a human may.
    #[arg(long, value_name = "TEXT", value_parser = words)]
    pub comment: Option<String>,
    /// Asks a real LangGraph agent in Python as well, whose tool calls this program's retriever back.
    #[arg(long)]
    pub remote: bool,
    /// Has the words of the answer counted by a tool server in a process of its own, over MCP.
    #[arg(long)]
    pub mcp: bool,
    /// The conversation that the traces belong to; without it, a new one.
    #[arg(long, value_name = "ID", value_parser = words)]
    pub thread: Option<String>,
    /// US dollars for a million tokens in and out, to show what the calls come to.
    #[arg(long, value_name = "IN,OUT")]
    pub price: Option<Price>,
    /// Writes the pictures to this file.
    #[arg(long, value_name = "FILE", default_value = "trace.html")]
    pub out: PathBuf,
    /// Holds the stand-in's pages open at the end, until Ctrl-C.
    #[arg(long)]
    pub keep: bool,
    /// As fast as it goes, for tests.
    #[arg(long)]
    pub smoke: bool,
    /// Serves the tools over standard input and output: what `--mcp` starts.
    #[arg(long, hide = true)]
    pub tool_server: bool,
}

/// An empty text is a slip of whoever wrote the command, mostly a variable that is not set.
fn words(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("there is nothing in it".to_owned()),
        text => Ok(text.to_owned()),
    }
}
