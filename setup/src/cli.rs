//! The commands and their help. Start at [`Command`].

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::doctor::trace;
use crate::kernel::launch;
use crate::problem::OK;
use crate::{bench, check, clean, compat, doctor, fuzz, learner, open, run, serve, site, test};

/// Sets up, opens, runs and tests the workbook on distributed traces.
///
/// Every command first installs what it needs and is missing, into the repository's own
/// `.workbook` folder and one cache folder; `clean` removes them.
#[derive(Debug, Parser)]
#[command(
    name = "workbook",
    bin_name = "cargo workbook",
    version,
    after_help = "Start here:\n  cargo workbook open\n\n\
        Exit codes: 0 it worked · 1 something failed · 2 the request made no sense"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Opens JupyterLab at the set-up notebook.
    #[command(after_help = "Examples:\n  cargo workbook open\n  \
        cargo workbook open --no-browser --port 9000\n\nCtrl-C ends Jupyter and its kernels.")]
    Open {
        /// Prints the address instead of opening a browser.
        #[arg(long)]
        no_browser: bool,
        /// Uses this port; without it, 8888 or the next free one.
        #[arg(long, value_name = "N")]
        port: Option<u16>,
    },
    /// Executes notebooks without a browser and leaves their files untouched.
    #[command(
        after_help = "Examples:\n  cargo workbook run          all notebooks\n  \
        cargo workbook run 00 01    the set-up notebook and the first"
    )]
    Run {
        /// Numbers of notebooks; 00 is the set-up notebook.
        #[arg(value_name = "NN")]
        numbers: Vec<String>,
        /// Gives a cell at most this many seconds.
        #[arg(long, value_name = "SECONDS")]
        timeout: Option<u32>,
    },
    /// Executes notebooks and saves outputs that say something new in the files.
    #[command(after_help = "Example:\n  cargo workbook refresh 01\n\n\
        An output that differs from the saved one only in ids, times, durations and ports stays as\n\
        it is, so that a second refresh changes nothing. The numbers of cells tagged `measured` and\n\
        the order of lines of cells tagged `unordered` do not count either.")]
    Refresh {
        /// Numbers of notebooks; 00 is the set-up notebook.
        #[arg(value_name = "NN")]
        numbers: Vec<String>,
        /// Writes all outputs, whether they say something new or not.
        #[arg(long)]
        force: bool,
        /// Gives a cell at most this many seconds.
        #[arg(long, value_name = "SECONDS")]
        timeout: Option<u32>,
    },
    /// Checks that notebooks teach: form, outputs, links, exercises as shipped and as solved.
    #[command(after_help = "Examples:\n  cargo workbook check 01\n  \
        cargo workbook check --quick         files only, in seconds\n  \
        cargo workbook check 01 --fix        format the cells first\n\n\
        An exercise is three cells: words with `**Goal.**` and its minutes; the code to begin with\n\
        (metadata `workbook: {\"exercise\": \"01.repair\"}`); its check (metadata `workbook:\n\
        {\"check\": \"01.repair\"}`, ending in `lesson.check(\"01.repair\").await`). What it demands, its\n\
        hints and why it works are in common/src/lab/exercises/; its solution, the source to put in\n\
        the place of the code to begin with, is notebooks/solutions/01_repair.rs.")]
    Check(check::Options),
    /// Shows which exercises are passed, and what comes next.
    #[command(after_help = "Example:\n  cargo workbook progress\n\n\
        It is kept in .workbook/progress.jsonl on this machine and sent nowhere.")]
    Progress,
    /// Checks everything: format, lints, features, tests, notebooks.
    #[command(after_help = "Example:\n  cargo workbook test\n\n\
        The last line counts what passed, failed and was skipped. With CI=true a skip of\n\
        something required is a failure.")]
    Test,
    /// Compares what `common` and the official SDKs send, scenario by scenario.
    #[command(after_help = "Examples:\n  cargo workbook compat\n  \
        cargo workbook compat --sdk python simple nested_error\n  \
        cargo workbook compat --list         the scenarios\n  \
        cargo workbook compat --write        docs/compatibility.md, from its sources\n\n\
        A difference is in setup/compat/differences.toml with its reason, or it is a failure.\n\
        Nothing leaves this machine but what installs the SDKs.")]
    Compat(compat::Options),
    /// Measures what tracing costs, and what arrives when things go wrong, beside other libraries.
    #[command(
        after_help = "Examples:\n  cargo workbook bench --quick              the cost table\n  \
        cargo workbook bench --faults --quick     the loss table\n  \
        cargo workbook bench --only py-traceable --only otel-zstd\n  \
        cargo workbook bench --soak 10            memory over ten minutes\n  \
        cargo workbook bench --kills 1000         a durable spool, killed again and again\n  \
        cargo workbook bench --write              the whole, into docs/performance.md\n\n\
        It wants a machine that has nothing else to do. With --faults and --kills it fails if the\n\
        durable mode lost a run. Nothing leaves this machine but what installs the peers."
    )]
    Bench(bench::Options),
    /// Makes up hostile input for everything in `common` that reads what strangers write.
    #[command(
        after_help = "Examples:\n  cargo workbook fuzz                       all targets, a minute each\n  \
        cargo workbook fuzz headers --runs 10000000\n  \
        cargo workbook fuzz html otlp --seconds 1800 --jobs 2\n  \
        cargo workbook fuzz --list                the targets\n\n\
        The compiler need be no other; libFuzzer wants a C++ compiler. What breaks a target is\n\
        printed as hex, with its file and how to see it again."
    )]
    Fuzz(fuzz::Options),
    /// Examines the environment, or captured traces, and says how to mend them.
    #[command(
        after_help = "Examples:\n  cargo workbook doctor                       the environment\n  \
        cargo workbook doctor capture.jsonl         what `serve --capture` saved\n  \
        cargo workbook doctor runs.json --format sarif\n  \
        cargo workbook doctor http://127.0.0.1:1984\n  \
        cargo workbook doctor https://api.smith.langchain.com --project docs-assistant\n\n\
        It reads captures of the stand-in, exported runs, and OTLP JSON. Exit codes for traces: 0 clean ·\n\
        1 findings · 2 could not read. The key for LangSmith comes from LANGSMITH_API_KEY, and is not\n\
        shown. docs/troubleshooting.md lists what it can name."
    )]
    Doctor(trace::Wishes),
    /// Serves the stand-in for LangSmith on loopback, with its viewer page.
    #[command(after_help = "Examples:\n  cargo workbook serve\n  \
        cargo workbook serve --port 0 --lenient      any free port, keep faulty runs\n  \
        cargo workbook serve --latency 200 --fail 20:503    a slow and busy LangSmith\n  \
        cargo workbook serve --chaos 'strip=baggage,delay=200ms'    a bad network before it\n\n\
        The first line on standard output is the URL, for programs; everything else that happens\n\
        before it goes to standard error. Open the URL to look at traces. Ctrl-C ends it with a\n\
        summary.")]
    Serve(serve::Wishes),
    /// Builds these pages and the notebooks as a site, without the network and without running a cell.
    #[command(
        after_help = "Examples:\n  cargo workbook docs\n  cargo workbook docs --open\n\n\
        The last line is where the first page is. It is built from what is committed: outputs are those\n\
        of the files, and a warning is an error."
    )]
    Docs(site::Options),
    /// Removes what this clone installed; sources and notebooks stay.
    #[command(after_help = "Examples:\n  cargo workbook clean\n  \
        cargo workbook clean --all    the cache that all clones share, too")]
    Clean {
        /// Removes the cache that all clones share as well.
        #[arg(long)]
        all: bool,
    },
    /// Starts a kernel for Jupyter.
    #[command(hide = true)]
    Kernel { connection_file: PathBuf },
    /// Prints Jupyter's address once it answers.
    #[command(hide = true)]
    Announce { server: i32 },
}

impl Cli {
    /// Does what was asked and returns the exit code.
    pub(crate) fn run(self) -> Result<u8> {
        match self.command {
            Command::Open { no_browser, port } => open::open(no_browser, port),
            Command::Run { numbers, timeout } => run::run(&numbers, timeout, run::Mode::Check),
            Command::Refresh {
                numbers,
                force,
                timeout,
            } => run::run(&numbers, timeout, run::Mode::Save { force }),
            Command::Check(options) => check::check(&options),
            Command::Progress => learner::progress(),
            Command::Test => test::test(),
            Command::Compat(options) => compat::compat(&options),
            Command::Bench(options) => bench::bench(&options),
            Command::Fuzz(options) => fuzz::fuzz(&options),
            Command::Doctor(wishes) if wishes.is_of_environment() => doctor::environment(),
            Command::Doctor(wishes) => trace::examine(&wishes),
            Command::Serve(wishes) => serve::serve(&wishes).map(|()| OK),
            Command::Docs(options) => site::docs(&options),
            Command::Clean { all } => clean::clean(all).map(|()| OK),
            Command::Kernel { connection_file } => launch::kernel(&connection_file).map(|()| OK),
            Command::Announce { server } => open::announce(server).map(|()| OK),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn every_visible_command_shows_an_example() {
        let mut command = Cli::command();
        command.build();
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
            if sub.get_name() != "help" {
                let help = sub
                    .get_after_help()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                assert!(help.contains("cargo workbook"), "{}", sub.get_name());
            }
        }
    }

    #[test]
    fn what_serve_is_told_it_takes_directly() {
        let words = "workbook serve --port 0 --strict --latency 5 --fail 20:503 \
            --chaos strip=baggage,503:20% --chaos-port 0";
        assert!(Cli::try_parse_from(words.split(' ')).is_ok());
        for wrong in [
            "--strict --lenient",
            "--fail 20",
            "--port 70000",
            "--latency soon",
            "--chaos-port 0",
        ] {
            let words = format!("workbook serve {wrong}");
            assert!(Cli::try_parse_from(words.split(' ')).is_err(), "{wrong}");
        }
    }

    /// The lines of commands on a page: each that stands alone in a block of `sh`, without its remark.
    fn commands(page: &str) -> impl Iterator<Item = &str> {
        let blocks = page.split("```sh\n").skip(1);
        let blocks = blocks.filter_map(|rest| rest.split("\n```").next());
        let lines = blocks.flat_map(str::lines);
        let commands = lines.filter_map(|line| line.split_once("cargo workbook "));
        commands.map(|(_, words)| words.split(" #").next().unwrap_or_default().trim())
    }

    #[test]
    fn every_command_that_a_page_names_is_one() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut folders = vec![root];
        let mut read = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                if path.is_dir() && !name.starts_with('.') && name != "target" {
                    folders.push(path);
                } else if name.ends_with(".md") {
                    for words in commands(&std::fs::read_to_string(&path).unwrap()) {
                        let parsed = Cli::try_parse_from(
                            std::iter::once("workbook").chain(words.split_whitespace()),
                        );
                        parsed
                            .unwrap_or_else(|error| panic!("{}: {words}: {error}", path.display()));
                        read += 1;
                    }
                }
            }
        }
        assert!(read > 12, "only {read} commands were read");
    }

    #[test]
    fn the_interface_is_consistent() {
        Cli::command().debug_assert();
    }
}
