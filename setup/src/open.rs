//! Opens JupyterLab: sets up, trusts the shipped notebooks, becomes Jupyter.
//!
//! This process turns into Jupyter's, so that Ctrl-C and every other signal reach it without a
//! parent to pass them on. A small second process waits until it answers and prints the address.

use std::env;
use std::fmt::Display;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::child::{self, Logged};
use crate::doctor::check_service;
use crate::fingerprint::{Fingerprint, read_mark, write_whole};
use crate::jupyter;
use crate::kernel::slot;
use crate::notebooks::{self, FIRST};
use crate::places::Places;
use crate::problem::Problem;
use crate::progress::{Meter, tell};
use crate::steps::{self, Workshop};

/// How often the announcer asks whether Jupyter answers.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// What the name of a Jupyter's log begins with.
const LOG: &str = "jupyter-";

/// Sets up and becomes JupyterLab. Returns only when something fails.
pub(crate) fn open(no_browser: bool, port: Option<u16>) -> Result<u8> {
    if let Some(port) = port {
        check_port(port)?;
    }
    let workshop = Workshop::enter()?;
    check_service(&workshop.places)?;
    steps::ensure(&workshop)?;
    steps::javascript::offer(&workshop);
    steps::collector::offer(&workshop);
    let places = &workshop.places;
    for run in slot::folders(places) {
        slot::remove_dead(&run);
    }
    trust(places)?;
    announce_later()?;
    let mut command = jupyter::program(places, "jupyter")?;
    command
        .args(["lab", "--ServerApp.answer_yes=True"])
        .arg(format!("--ServerApp.root_dir={}", places.root.display()))
        .arg(format!("--LabApp.default_url=/lab/tree/{FIRST}"));
    if let Some(port) = port {
        command
            .arg(format!("--port={port}"))
            .arg("--ServerApp.port_retries=0");
    }
    if no_browser {
        command.arg("--no-browser");
    }
    if rustix::process::geteuid().is_root() {
        command.arg("--allow-root");
    }
    let path = log_of(places, process::id());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
        remove_old_logs(folder);
    }
    let log = File::create(&path).with_context(|| format!("writing {}", path.display()))?;
    command.stdout(log.try_clone()?).stderr(log);
    Err(command.exec()).context("starting JupyterLab")
}

/// Names the log of the Jupyter with this process number: two may run at a time.
fn log_of(places: &Places, server: impl Display) -> PathBuf {
    places.log(&format!("{LOG}{server}"))
}

/// Removes the logs of those that have ended.
fn remove_old_logs(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let server = name
            .to_str()
            .and_then(|name| name.strip_prefix(LOG)?.strip_suffix(".log")?.parse().ok());
        if server.is_some_and(|server| !slot::is_alive(server)) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn check_port(port: u16) -> Result<()> {
    if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
        return Ok(());
    }
    let what = format!("port {port} is taken or not allowed");
    Err(Problem::new(
        what,
        "name another with --port, or leave it out to get a free one",
    )
    .into())
}

/// Marks the notebooks as trusted, so that Jupyter shows their figures at once.
///
/// The signatures lie in our own data folder: no other Jupyter of the user trusts anything more.
fn trust(places: &Places) -> Result<()> {
    let notebooks = notebooks::all(&places.root);
    if notebooks.is_empty() {
        return Ok(());
    }
    let mut print = Fingerprint::new();
    for notebook in &notebooks {
        print = print.contents(&places.root.join(&notebook.path))?;
        print = print.times(&places.root.join(&notebook.path))?;
    }
    let mark = places.mark("trusted");
    if read_mark(&mark).as_deref() == Some(&print.hex()) {
        return Ok(());
    }
    let meter = Meter::start("trusting the notebooks", "");
    let mut command = jupyter::program(places, "jupyter")?;
    command
        .arg("trust")
        .args(notebooks.iter().map(|notebook| &notebook.path));
    Logged::new("jupyter trust", places.log("trust")).run(&mut command, |line| meter.say(line))?;
    meter.done("");
    write_whole(&mark, &print.hex())
}

/// Starts the announcer through a middleman, so that Jupyter is not its parent.
fn announce_later() -> Result<()> {
    let status = child::command("/bin/sh")
        .args(["-c", "\"$0\" announce \"$1\" </dev/null &"])
        .arg(env::current_exe()?)
        .arg(process::id().to_string())
        .status()
        .context("starting the announcer")?;
    anyhow::ensure!(status.success(), "the announcer does not start");
    Ok(())
}

/// Waits until the Jupyter with this process number answers, and prints its address.
pub(crate) fn announce(server: i32) -> Result<()> {
    let places = Places::find()?;
    let file = places
        .jupyter()
        .join(format!("runtime/jpserver-{server}.json"));
    eprintln!("starting JupyterLab …");
    loop {
        if !slot::is_alive(server) {
            let log = log_of(&places, server);
            let text = fs::read_to_string(&log).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let last = lines[lines.len().saturating_sub(15)..].join("\n    ");
            return Err(Problem::new(
                format!("JupyterLab ended. Its last lines:\n    {last}"),
                format!("all of it: {}\ncargo workbook doctor", log.display()),
            )
            .into());
        }
        if let Some((address, _)) = address(&file).filter(|(_, port)| answers(*port)) {
            tell(format_args!(
                "JupyterLab is ready; Ctrl-C here ends it and its kernels.\n{address}"
            ));
            return Ok(());
        }
        thread::sleep(ASK_EVERY);
    }
}

/// Reads Jupyter's own note about where it serves.
fn address(file: &Path) -> Option<(String, u16)> {
    let note: Value = serde_json::from_str(&fs::read_to_string(file).ok()?).ok()?;
    let (url, token) = (note["url"].as_str()?, note["token"].as_str()?);
    let port = u16::try_from(note["port"].as_u64()?).ok()?;
    Some((format!("{url}lab/tree/{FIRST}?token={token}"), port))
}

/// Says whether a server on this port answers a request.
fn answers(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else {
        return false;
    };
    let limit = Some(Duration::from_secs(5));
    let _ = stream.set_read_timeout(limit);
    let request = "GET /api HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut answer = [0; 12];
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && answer.ends_with(b" 200")
}
