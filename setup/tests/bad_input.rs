//! What a user without Python, with an old Rust or with a wrong number is told.
//!
//! Each test runs the built command in a repository of its own, with a `PATH` of its own: no
//! network, and nothing of this machine but a shell.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rustix::fs::{FlockOperation, flock};

/// A repository and a folder of programs, removed at the end.
struct Machine(PathBuf);

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Machine {
    fn new(name: &str) -> Self {
        let base =
            std::env::temp_dir().join(format!("workbook-test-{}-{name}", std::process::id()));
        let machine = Self(base);
        let root = machine.root();
        for folder in [
            root.join("setup"),
            root.join("notebooks"),
            machine.programs(),
        ] {
            fs::create_dir_all(folder).unwrap();
        }
        let table = "[workspace.metadata.workbook]\ntoolchain = \"1.95.0\"\nevcxr = \"0.22.0\"\n";
        fs::write(root.join("Cargo.toml"), table).unwrap();
        fs::write(root.join("Cargo.lock"), "").unwrap();
        fs::write(root.join("setup/Cargo.toml"), "").unwrap();
        fs::write(root.join("setup/environment_setup.ipynb"), "{}").unwrap();
        fs::write(root.join("notebooks/01_basic.ipynb"), "{}").unwrap();
        machine.rust("1.95.0");
        machine.program("cc", "exit 0");
        machine.python("3.12.1", true);
        machine
    }

    fn root(&self) -> PathBuf {
        self.0.join("clone")
    }

    fn programs(&self) -> PathBuf {
        self.0.join("bin")
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.programs().join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn rust(&self, release: &str) {
        let sysroot = self.0.join("rust");
        let library = sysroot.join("lib/rustlib/src/rust/library/core/src");
        fs::create_dir_all(&library).unwrap();
        fs::write(library.join("lib.rs"), "").unwrap();
        let version = format!("echo 'release: {release}'; echo 'host: x86_64-unknown-linux-gnu'");
        let script = format!(
            "if [ \"$1\" = --print ]; then echo {}; else {version}; fi",
            sysroot.display()
        );
        self.program("rustc", &script);
    }

    fn python(&self, version: &str, with_venv: bool) {
        let venv = if with_venv { "exit 0" } else { "exit 1" };
        let script = format!(
            "case \"$*\" in *version_info*) echo {version};; *ensurepip*) {venv};; *) echo no >&2; \
             exit 1;; esac"
        );
        self.program("python3", &script);
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.programs().join(name)).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.run_with(arguments, &[])
    }

    fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        self.command(arguments, variables).output().unwrap()
    }

    fn command(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let shell = self.programs().join("sh");
        if !shell.exists() {
            symlink("/bin/sh", shell).unwrap();
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_workbook"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", self.programs())
            .env("HOME", &self.0)
            .env("CARGO_MANIFEST_DIR", self.root().join("setup"))
            .env("LANGSMITH_API_KEY", KEY)
            .envs(variables.iter().copied())
            .current_dir(self.root());
        command
    }
}

const KEY: &str = "lsv2_pt_no-real-key-fedcba-no-real-key-1_0123456789";

/// Checks code and words, and that no key is in them.
fn says(output: &Output, code: i32, words: &[&str]) {
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(output.status.code(), Some(code), "{text}");
    for word in words {
        assert!(text.contains(word), "`{word}` is missing in:\n{text}");
    }
    assert!(!text.contains(KEY), "{text}");
}

fn steps_of(root: &Path) -> usize {
    fs::read_dir(root.join(".workbook/steps")).map_or(0, Iterator::count)
}

#[test]
fn an_older_toolchain_is_explained() {
    let machine = Machine::new("old-rust");
    machine.rust("1.88.0");
    says(
        &machine.run(&["run"]),
        1,
        &[
            "Rust 1.88.0 is older than 1.95.0",
            "rustup toolchain install 1.95.0",
        ],
    );
    assert!(!machine.root().join(".workbook").exists());
}

#[test]
fn a_missing_compiler_is_explained() {
    let machine = Machine::new("no-rust");
    machine.remove("rustc");
    says(
        &machine.run(&["open"]),
        1,
        &["no Rust compiler answers", "rustup"],
    );
}

#[test]
fn a_missing_python_is_explained() {
    let machine = Machine::new("no-python");
    machine.remove("python3");
    says(
        &machine.run(&["open"]),
        1,
        &["Python 3 is not installed", "apt install python3"],
    );
    assert_eq!(steps_of(&machine.root()), 0);
}

#[test]
fn an_old_python_is_explained() {
    let machine = Machine::new("old-python");
    machine.python("3.8.10", true);
    says(
        &machine.run(&["open"]),
        1,
        &["Python 3.8.10 is older than 3.11"],
    );
}

#[test]
fn a_python_that_does_not_answer_is_named() {
    let machine = Machine::new("broken-python");
    machine.program("python3", "exit 127");
    says(&machine.run(&["open"]), 1, &["bin/python3 does not answer"]);
    machine.program("python3.14", "echo 3.14.0");
    let output = machine.run(&["doctor"]);
    says(
        &output,
        0,
        &["✓ Python 3.14.0 with venv", "! clippy is missing"],
    );
}

#[test]
fn a_place_that_cannot_be_written_is_named_before_anything_is_installed() {
    let machine = Machine::new("unwritable");
    let file = machine.root().join("file");
    fs::write(&file, "").unwrap();
    let cache = file.join("cache").display().to_string();
    let variables = [("WORKBOOK_CACHE_DIR", cache.as_str())];
    for command in ["open", "doctor"] {
        let words = ["cannot be written", &cache, "WORKBOOK_CACHE_DIR"];
        says(&machine.run_with(&[command], &variables), 1, &words);
    }
    assert_eq!(steps_of(&machine.root()), 0);
    let _ = fs::remove_dir_all(machine.root().join(".workbook"));
    fs::write(machine.root().join(".workbook"), "").unwrap();
    for command in ["open", "doctor"] {
        let words = [".workbook cannot be written", "→"];
        says(&machine.run(&[command]), 1, &words);
    }
}

#[test]
fn a_python_without_venv_is_explained() {
    let machine = Machine::new("no-venv");
    machine.python("3.12.1", false);
    says(
        &machine.run(&["open"]),
        1,
        &["venv", "apt install python3-venv"],
    );
}

#[test]
fn a_missing_linker_is_explained() {
    let machine = Machine::new("no-cc");
    machine.remove("cc");
    says(
        &machine.run(&["open"]),
        1,
        &["no C compiler", "build-essential"],
    );
}

#[test]
fn a_failed_step_shows_its_last_lines_and_its_log_and_is_not_marked() {
    let machine = Machine::new("failed-step");
    let output = machine.run(&["open"]);
    says(
        &output,
        1,
        &[
            "making the Python environment failed",
            "    no",
            "venv.log",
            "→",
        ],
    );
    assert_eq!(
        steps_of(&machine.root()),
        1,
        "only the step before it is done"
    );
    says(
        &machine.run(&["open"]),
        1,
        &["making the Python environment failed"],
    );
}

#[test]
fn a_half_finished_installation_is_begun_again() {
    let machine = Machine::new("half-pip");
    // An environment that answers, and a pip that leaves half a package and fails.
    let script = r#"case "$*" in
        *version_info*) echo 3.12.1;;
        *"-m venv"*) /bin/mkdir -p "$3/bin"; /bin/cp "$0" "$3/bin/python";;
        *"-m pip"*) half="${0%/bin/python}/half"; [ -e "$half" ] && echo found half >&2
            : > "$half"; echo pip broke off >&2; exit 1;;
        *) exit 0;; esac"#;
    machine.program("python3", script);
    for _ in 0..2 {
        let output = machine.run(&["open"]);
        says(&output, 1, &["pip install failed", "pip broke off"]);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!text.contains("found half"), "{text}");
    }
}

#[test]
fn a_killed_command_leaves_the_lock_to_the_child_that_still_installs() {
    let machine = Machine::new("killed");
    // The child says that it has begun, then installs until it is told to end.
    let (begun, end) = (machine.0.join("begun"), machine.0.join("end"));
    for pipe in [&begun, &end] {
        let made = Command::new("mkfifo").arg(pipe).status().unwrap();
        assert!(made.success());
    }
    let script = format!(
        "case \"$*\" in *version_info*) echo 3.12.1;; *'-m venv'*) echo > '{}'; read x < '{}';; \
         *) exit 0;; esac",
        begun.display(),
        end.display()
    );
    machine.program("python3", &script);
    let mut command = machine.command(&["open"], &[]);
    let mut killed = command.stderr(Stdio::null()).spawn().unwrap();
    fs::read(&begun).unwrap();
    killed.kill().unwrap();
    killed.wait().unwrap();
    let lock = fs::File::open(machine.root().join(".workbook/lock")).unwrap();
    assert!(flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err());
    fs::write(&end, "\n").unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
}

#[test]
fn an_unknown_notebook_is_a_usage_error_before_anything_is_installed() {
    let machine = Machine::new("unknown");
    says(
        &machine.run(&["run", "05"]),
        2,
        &["no notebook 05", "01  notebooks/01_basic.ipynb"],
    );
    assert!(!machine.root().join(".workbook").exists());
}

#[test]
fn a_taken_port_is_explained_before_anything_is_installed() {
    let machine = Machine::new("port");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let output = machine.run(&["open", "--port", &port.to_string()]);
    says(&output, 1, &[&format!("port {port} is taken"), "--port"]);
    assert!(!machine.root().join(".workbook").exists());
}

#[test]
fn doctor_names_every_missing_thing_and_no_key() {
    let machine = Machine::new("doctor");
    machine.remove("python3");
    machine.remove("cc");
    let words = [
        "✗ Python 3",
        "✗ no C compiler",
        "set, 51 characters, from LANGSMITH_API_KEY",
    ];
    says(&machine.run(&["doctor"]), 1, &words);
}

#[test]
fn the_service_without_a_key_is_refused_before_anything_is_installed() {
    let machine = Machine::new("no-key");
    let target = [("WORKBOOK_TARGET", "langsmith"), ("LANGSMITH_API_KEY", "")];
    for command in ["run", "refresh", "open", "doctor"] {
        let output = machine.run_with(&[command], &target);
        says(&output, 1, &["there is no key", "set LANGSMITH_API_KEY"]);
    }
    assert!(!machine.root().join(".workbook").exists());
}

#[test]
fn what_the_service_answers_is_told_and_the_key_reaches_it_by_the_environment_only() {
    let machine = Machine::new("refused-key");
    let script = format!(
        "case \"$*\" in *version_info*) echo 3.12.1;; *ensurepip*) exit 0;; *{KEY}*) exit 1;; \
         *preflight.py) [ \"$LANGSMITH_API_KEY\" = {KEY} ] && \
         [ \"$LANGSMITH_ENDPOINT\" = http://127.0.0.1:9 ] && \
         echo '{{\"ok\": false, \"words\": \"refused the key\", \"remedy\": \"check it\"}}';; \
         *) exit 1;; esac"
    );
    machine.program("python3", &script);
    let file = "WORKBOOK_TARGET=langsmith\nLANGSMITH_ENDPOINT='http://127.0.0.1:9'\n";
    fs::write(machine.root().join(".env"), file).unwrap();
    for command in ["run", "open", "doctor"] {
        says(
            &machine.run(&[command]),
            1,
            &["✗ refused the key", "→ check it"],
        );
    }
    assert!(!machine.root().join(".workbook").exists());
}

#[test]
fn doctor_says_before_it_builds_anything_that_a_capture_is_not_there() {
    let machine = Machine::new("capture");
    says(
        &machine.run(&["doctor", "trace.json"]),
        2,
        &["there is no file \"trace.json\"", "name a capture"],
    );
}

#[test]
fn cleaning_the_cache_leaves_what_is_not_ours() {
    let machine = Machine::new("cache");
    let cache = machine.root().join("my cache");
    for folder in ["evcxr-0.22.0-x", "slots/0123", "letters"] {
        fs::create_dir_all(cache.join(folder)).unwrap();
    }
    fs::write(cache.join("evcxr-notes.txt"), "mine").unwrap();
    // A relative path: it means the folder where the command was given.
    let variables = [("WORKBOOK_CACHE_DIR", "my cache")];
    let output = machine.run_with(&["clean", "--all"], &variables);
    says(&output, 0, &["removed", "other things in it", "rust-src"]);
    let mut left: Vec<_> = fs::read_dir(&cache)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["evcxr-notes.txt", "letters"]);

    for left in ["letters", "evcxr-notes.txt"] {
        let path = cache.join(left);
        let _ = fs::remove_dir(&path).or_else(|_| fs::remove_file(&path));
    }
    machine.run_with(&["clean", "--all"], &variables);
    assert!(!cache.exists());
}

#[test]
fn cleaning_keeps_what_the_learner_has_done_unless_all_is_to_go() {
    let machine = Machine::new("progress");
    let state = machine.root().join(".workbook");
    let journal = state.join("progress.jsonl");
    let passed = "{\"event\":\"check\",\"exercise\":\"01.repair\",\"passed\":true}\n";
    fs::create_dir_all(state.join("logs")).unwrap();
    fs::write(&journal, passed).unwrap();
    let cache = machine.root().join("cache").display().to_string();
    let variables = [("WORKBOOK_CACHE_DIR", cache.as_str())];
    let output = machine.run_with(&["clean"], &variables);
    says(&output, 0, &["kept", "the exercises you have passed"]);
    assert_eq!(fs::read_to_string(&journal).unwrap(), passed);
    assert!(!state.join("logs").exists());
    says(&machine.run_with(&["clean", "--all"], &variables), 0, &[]);
    assert!(!journal.exists());
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let machine = Machine::new("pipe");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_workbook"))
        .arg("clean")
        .env("CARGO_MANIFEST_DIR", machine.root().join("setup"))
        .env("WORKBOOK_CACHE_DIR", machine.root().join("cache"))
        .stdout(writer)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
        .wait_with_output()
        .unwrap();
    says(&output, 0, &[]);
}

#[test]
fn an_unknown_command_is_a_usage_error() {
    let machine = Machine::new("command");
    says(&machine.run(&["benhc"]), 2, &["unrecognized subcommand"]);
}

#[test]
fn serve_tells_its_url_first_and_refuses_nonsense_before_it_builds() {
    let machine = Machine::new("serve");
    machine.program("stand-in", "echo http://127.0.0.1:1; echo \"$@\"");
    let program = machine.programs().join("stand-in");
    let message = format!(
        r#"{{"target":{{"name":"langsmith-mock"}},"executable":"{}"}}"#,
        program.display()
    );
    machine.program(
        "cargo",
        &format!("echo '   Compiling bytes v1' >&2; echo '{message}'"),
    );
    let flags = "--port 0 --lenient --latency 5 --fail 20:503";
    let arguments: Vec<&str> = std::iter::once("serve").chain(flags.split(' ')).collect();
    let output = machine.run(&arguments);
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "http://127.0.0.1:1", "{text}");
    for flag in ["--port 0", "--lenient", "--latency 5", "--fail 20:503"] {
        assert!(lines[1].contains(flag), "{text}");
    }
    let refused = machine.run(&["serve", "--fail", "20"]);
    assert_eq!(refused.status.code(), Some(2));
    machine.program("cargo", "echo 'error: could not compile' >&2; exit 101");
    let broken = machine.run(&["serve"]);
    assert_eq!(broken.status.code(), Some(1));
    assert!(broken.stdout.is_empty());
    assert!(String::from_utf8_lossy(&broken.stderr).contains("could not compile"));
}
