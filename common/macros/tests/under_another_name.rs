//! The crate is taken under another name: by a facade that no manifest says, and by a manifest.

use std::fs;
use std::path::Path;
use std::process::Command;

mod facade {
    pub(crate) mod tracing {
        pub(crate) use common::__private;
    }
}

use common as langsmith;
use langsmith::traceable;

#[traceable(crate = crate::facade::tracing)]
fn by_path(number: u8) -> u8 {
    number
}

#[traceable]
fn by_manifest(number: u8) -> u8 {
    number
}

#[test]
fn an_alias_and_a_path_to_a_facade_both_work() {
    assert_eq!(by_path(1) + by_manifest(2), 3);
}

const MANIFEST: &str = r#"
[package]
name = "renamed"
version = "0.0.0"
edition = "2024"

[dependencies]
langsmith = { package = "common", path = "COMMON", default-features = false, features = ["macros"] }

[profile.dev]
debug = 0

[workspace]
"#;

const PROGRAM: &str = r#"
use std::sync::Arc;

use langsmith::prelude::*;
use langsmith::trace::MemorySink;

#[traceable(metadata(length = text.len()))]
async fn length(text: &str) -> Result<usize, std::fmt::Error> {
    Ok(text.len())
}

#[traceable]
fn twice(number: u8) -> u8 {
    2 * number
}

fn main() {
    let sink = Arc::new(MemorySink::new());
    let tracer = Tracer::builder(sink.clone()).build();
    let scope = Scope::new().tracer(&tracer);
    assert_eq!(with_scope(&scope, || twice(4)), 8);
    let later = std::pin::pin!(length("four").in_scope(&scope));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(std::future::Future::poll(later, &mut context).is_ready());
    let names: Vec<String> = sink.runs().iter().map(|run| run.name.clone()).collect();
    println!("recorded {}", names.join(", "));
}
"#;

/// A project outside of the workspace, which no crate but `langsmith` names. It is built without the
/// network beside the workspace, whose dependencies it uses as they are; only `common` is built anew.
#[test]
fn a_crate_that_takes_common_as_langsmith_needs_to_say_it_nowhere_but_in_its_manifest() {
    let common = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("macros are within common");
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let project = scratch.join("renamed");
    fs::create_dir_all(project.join("src")).expect("a folder");
    let manifest = MANIFEST.replace("COMMON", &common.display().to_string().replace('\\', "/"));
    fs::write(project.join("Cargo.toml"), manifest).expect("a manifest");
    fs::write(project.join("src/main.rs"), PROGRAM).expect("a program");
    let lock = common.with_file_name("Cargo.lock");
    fs::copy(lock, project.join("Cargo.lock")).expect("the workspace's versions");

    let target = scratch.parent().expect("it is within the target folder");
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--offline", "--target-dir"])
        .arg(target)
        .current_dir(&project)
        .output()
        .expect("cargo");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(printed.trim(), "recorded twice, length");
}
