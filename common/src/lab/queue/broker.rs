//! A real broker of a lesson: a process of this lesson alone, that leaves nothing behind.
//!
//! ```text
//! Broker::start ──► private folder ──► sh ──► redis-server or nats-server, on nothing but this machine
//!       └─ drop, or the end of this process, closes the shell's input: it ends the server, removes the folder
//! ```

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use super::QueueError;

/// How long a server may take to start; it needs a tenth of a second on an idle machine.
pub(super) const START: Duration = Duration::from_secs(60);
/// How long between two looks at whether it has.
const LOOK: Duration = Duration::from_millis(10);

/// Runs the server in `$1` with the other arguments, and ends it when the standard input closes: also when
/// whoever started this was killed. A server that has ended is not waited for.
const KEEPER: &str = r#"
folder=$1; shift
"$@" >"$folder/log" 2>&1 &
server=$!
read -r _
kill "$server" 2>/dev/null
wait "$server"
rm -rf "$folder"
"#;

/// A server that runs.
#[derive(Debug)]
pub(super) struct Broker {
    folder: PathBuf,
    keeper: Option<Child>,
    // Held open: the keeper ends the server when it closes.
    stdin: Option<ChildStdin>,
}

impl Broker {
    /// Starts `program` with a configuration of its own. `arguments` gets the folder that is the server's
    /// alone and the path of the configuration.
    pub(super) fn start(
        program: &Path,
        config: impl FnOnce(&Path) -> String,
        arguments: impl FnOnce(&Path, &Path) -> Vec<String>,
    ) -> Result<Self, QueueError> {
        let folder = private_folder()?;
        let path = folder.join("conf");
        // The folder lets nobody else in, and so the file need not.
        fs::File::create_new(&path)?.write_all(config(&folder).as_bytes())?;
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", KEEPER, "broker"])
            .arg(&folder)
            .arg(program)
            .args(arguments(&folder, &path))
            // It needs to know nothing, and least of all somebody's key.
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // An interrupt in the terminal is meant for the lesson.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut keeper = match command.spawn() {
            Ok(keeper) => keeper,
            Err(error) => {
                // Nothing is in it but what was written above.
                let _ = fs::remove_dir_all(&folder);
                return Err(error.into());
            }
        };
        let stdin = keeper.stdin.take();
        Ok(Self {
            folder,
            keeper: Some(keeper),
            stdin,
        })
    }

    /// Returns the folder that is this server's alone.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Asks `ready` again and again until it answers.
    pub(super) async fn until<T>(
        &self,
        mut ready: impl AsyncFnMut(&Path) -> Option<T>,
    ) -> Result<T, QueueError> {
        let deadline = Instant::now() + START;
        loop {
            if let Some(answer) = ready(&self.folder).await {
                return Ok(answer);
            }
            if Instant::now() >= deadline {
                let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                return Err(QueueError::Start(last_lines(&log)));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stdin.take();
        let Some(mut keeper) = self.keeper.take() else {
            return;
        };
        // It ends by itself, whether somebody waits for it or not.
        let waiting = std::thread::Builder::new().spawn(move || {
            let _ = keeper.wait();
        });
        drop(waiting);
    }
}

/// The longest temporary folder that is used: the path of a socket in it has at most 104 bytes.
const LONGEST_FOLDER: usize = 64;

/// Makes a folder that nobody else enters.
fn private_folder() -> std::io::Result<PathBuf> {
    let name = format!("workbook-{:08x}", rand::random::<u32>());
    let usual = Some(std::env::temp_dir()).filter(|path| path.as_os_str().len() <= LONGEST_FOLDER);
    let folder = usual.unwrap_or_else(|| PathBuf::from("/tmp")).join(name);
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&folder)?;
    Ok(folder)
}

fn last_lines(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    let mut last = String::new();
    for line in &lines[lines.len().saturating_sub(5)..] {
        // Writing to a text does not fail.
        let _ = writeln!(last, "  {line}");
    }
    last
}

/// Finds a program of the system's packages; Debian keeps some where only root looks for them.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = [
        "/usr/sbin",
        "/usr/local/sbin",
        "/usr/local/bin",
        "/opt/homebrew/bin",
    ];
    let folders = std::env::split_paths(&path).chain(more.map(PathBuf::from));
    let found = folders
        .map(|folder| folder.join(program))
        .find(|path| path.is_file());
    // A keeper is a shell.
    found.filter(|_| cfg!(unix))
}

/// Asks a program for its version: the first word of its answer that looks like one.
pub(super) fn version(program: &Path) -> String {
    let mut command = Command::new(program);
    let output = command.arg("--version").stdin(Stdio::null()).output();
    let said = output.map(|output| output.stdout).unwrap_or_default();
    let said = String::from_utf8_lossy(&said).into_owned();
    let words = said
        .split_whitespace()
        .map(|word| word.trim_start_matches("v=").trim_start_matches('v'));
    let mut versions = words.filter(|word| word.starts_with(|first: char| first.is_ascii_digit()));
    versions.next().unwrap_or("of unknown version").to_owned()
}
