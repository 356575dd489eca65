//! The site of pages and notebooks. Start at [`docs`].

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::child::{self, Logged};
use crate::problem::OK;
use crate::progress::{Meter, tell};
use crate::steps::{Workshop, site};

/// What `docs` is told.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Opens the first page in a browser.
    #[arg(long)]
    open: bool,
}

/// Builds the site and says where it is.
pub(crate) fn docs(options: &Options) -> Result<u8> {
    let workshop = Workshop::enter()?;
    site::ensure(&workshop)?;
    let meter = Meter::start(
        "site of pages and notebooks",
        "half a minute the first time",
    );
    let log = workshop.places.log("site");
    let built = Logged::new("sphinx", log).run(&mut build(&workshop), |line| meter.say(line));
    match built {
        Ok(()) => meter.done(""),
        Err(_) => meter.failed(""),
    };
    built?;
    let page = first_page(&workshop);
    tell(page.display());
    if options.open {
        show(&page)?;
    }
    Ok(OK)
}

/// Prepares the build. A warning is an error: a page that nothing leads to, a link that leads nowhere.
pub(crate) fn build(workshop: &Workshop) -> Command {
    let places = &workshop.places;
    let mut command = child::command(site::python(workshop));
    command
        .args(["-m", "sphinx", "-b", "html", "--fresh-env", "-q"])
        .args(["--fail-on-warning", "--keep-going"])
        .args(["-c", "docs/site", "."])
        .arg(places.site().join("html"))
        .arg("-d")
        .arg(places.site().join("read"))
        // Python would leave its own files beside the configuration.
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(&places.root);
    command
}

fn first_page(workshop: &Workshop) -> PathBuf {
    workshop.places.site().join("html/README.html")
}

/// Hands a page to whatever shows pages here.
fn show(page: &Path) -> Result<()> {
    let program = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let mut command = child::command(program);
    let started = command.arg(page).status();
    let status =
        started.with_context(|| format!("{program} is not installed; open the page by hand"))?;
    anyhow::ensure!(status.success(), "{program} ended with {status}");
    Ok(())
}
