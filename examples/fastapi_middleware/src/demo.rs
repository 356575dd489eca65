//! The demonstration, from start to end. Start at [`run`].

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use common::client::terminated;
use common::lab::Target;
use common::lab::terminal::{complain, say};

use crate::cli::Demo;
use crate::page;
use crate::peers::Peers;
use crate::report::Report;
use crate::serve::NAME;
use crate::stage::Stage;
use crate::traffic::{Amount, Traffic};

/// Starts both services, sends traffic both ways, and shows what became of it.
///
/// # Errors
/// If a service does not do what it should, or a request left no complete trace.
pub async fn run(wishes: &Demo) -> Result<()> {
    let peers = Peers::installed();
    if !peers.python {
        say(
            "The Python environment is not here, so a second axum service takes the place of FastAPI.\n\
             To see the real one: `cargo workbook open` installs it; then run this again.\n",
        );
    }
    complain("Starting the services …");
    let stage = Stage::set(peers).await?;
    let tell = |name, url: &str, what: &str| say(&format!("{name:<9}{url}   {what}"));
    tell(NAME, &stage.axum, "axum with our TracingLayer");
    for peer in std::iter::once(&stage.peer).chain(&stage.express) {
        tell(peer.name, &peer.url, &peer.what);
    }
    say(&format!("\n{}\n", stage.lesson.destination()));

    let amount = if wishes.smoke {
        Amount {
            rounds: 2,
            pairs: 13,
        }
    } else {
        Amount {
            rounds: 20,
            pairs: 201,
        }
    };
    let sent = Traffic::new(&stage).send(amount).await?;
    let last = sent.last.clone();
    let report = Report::of(&stage, sent).await?;
    report.print();
    write(&wishes.out, &page::render(&report))?;
    // Nothing is left for the stand-in; a LangSmith that is far away may need some seconds more.
    let lesson = stage.lesson.clone();
    tokio::task::spawn_blocking(move || lesson.finish()).await?;
    if stage.lesson.target() == Target::LangSmith || wishes.keep {
        say(&format!("One of the traces: {}", stage.lesson.link(&last)));
    }
    if wishes.keep {
        let end = terminated();
        say(&format!(
            "All of them: {} (until Ctrl-C)",
            stage.lesson.mock().url()
        ));
        end.await;
    }
    let complete = report.score.completeness.complete;
    ensure!(
        complete.is_all(),
        "{complete} requests have a complete trace; the scorecard says what the others lack"
    );
    Ok(())
}

fn write(file: &Path, page: &str) -> Result<()> {
    let file = std::path::absolute(file).context("the current folder has gone")?;
    fs::write(&file, page).with_context(|| {
        format!(
            "{} cannot be written; choose another file with --out",
            file.display()
        )
    })?;
    say(&format!("The pictures: {}", file.display()));
    Ok(())
}
