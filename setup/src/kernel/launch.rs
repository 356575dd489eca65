//! Becomes the kernel: makes a slot, sets its environment, replaces itself with evcxr.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result};

use super::shim::{CARGO_VARIABLE, GRAPH_VARIABLE, RUSTC_NAME, SLOT_VARIABLE, cargo_home};
use super::{Settings, slot, template};
use crate::child;
use crate::places::Places;
use crate::steps::docs_tools;

/// Names the tool server of lessons about MCP, as `common::lab` reads it.
const TOOLS_VARIABLE: &str = "WORKBOOK_DOCS_TOOLS";

/// Starts the kernel for one connection file. Returns only when that fails.
pub(crate) fn kernel(connection_file: &Path) -> Result<()> {
    let places = Places::find()?;
    let kernel = places.kernel();
    let settings = Settings::read(&kernel)?;
    let slot = slot::make(&places)?;
    // Without its compiled stubs the kernel starts a second later; that is no reason to fail.
    let _ = template::seed(&kernel, &slot);
    let no_proxy = without_proxy(["NO_PROXY", "no_proxy"].map(|name| env::var(name).ok()));
    let mut command = child::command(&settings.evcxr);
    command
        .arg("--control_file")
        .arg(connection_file)
        // What evcxr itself prints there is where it found its configuration.
        .stdout(Stdio::null())
        .env(SLOT_VARIABLE, &slot)
        .env("EVCXR_CONFIG_DIR", kernel.join("conf"))
        // The compiler that built the facade, whatever the user's default is by now.
        .env("RUSTUP_TOOLCHAIN", &settings.sysroot)
        .env("PATH", path_with("PATH", &settings.sysroot.join("bin"))?)
        // A cell's own search path is one folder short below the home folder, as evcxr moves what it
        // has compiled. cargo hides that by setting this variable; whoever else starts a kernel
        // does not.
        .env(LIBRARIES, path_with(LIBRARIES, &settings.standard)?)
        .env(
            "RUSTC_WORKSPACE_WRAPPER",
            cargo_home(&kernel).join("bin").join(RUSTC_NAME),
        )
        // A proxy of the user's must not stand between services on this machine.
        .env("NO_PROXY", &no_proxy)
        .env("no_proxy", &no_proxy)
        .env("WORKBOOK_ROOT", &places.root)
        .env("WORKBOOK_PYTHON", places.python());
    if let Some(program) = docs_tools::program(&kernel) {
        // The kernel loads `common` as a library, so it is not what a lesson could start as a server.
        command.env(TOOLS_VARIABLE, program);
    }
    if let Some(sources) = &settings.sources {
        command.env("RUST_SRC_PATH", sources);
    }
    if let Some(graph) = &settings.graph {
        command
            .env("CARGO_HOME", cargo_home(&kernel))
            .env(CARGO_VARIABLE, &settings.cargo)
            .env(GRAPH_VARIABLE, graph);
    }
    let error = command.exec();
    Err(error).with_context(|| format!("starting {}", settings.evcxr.display()))
}

/// Adds loopback to the hosts that the user wants reached without a proxy.
fn without_proxy(users: [Option<String>; 2]) -> String {
    let users = users
        .into_iter()
        .flatten()
        .filter(|hosts| !hosts.trim().is_empty());
    let all: Vec<String> = users
        .chain(["127.0.0.1,localhost,::1".to_owned()])
        .collect();
    all.join(",")
}

/// Where the system's loader looks for shared libraries first: the standard library is one.
const LIBRARIES: &str = if cfg!(target_os = "macos") {
    "DYLD_FALLBACK_LIBRARY_PATH"
} else {
    "LD_LIBRARY_PATH"
};

/// Puts a folder before those that a variable lists; an empty entry would mean the current folder.
fn path_with(variable: &str, first: &Path) -> Result<OsString> {
    let path = env::var_os(variable).unwrap_or_default();
    let others = env::split_paths(&path).filter(|folder| !folder.as_os_str().is_empty());
    env::join_paths(std::iter::once(first.to_path_buf()).chain(others))
        .with_context(|| format!("{variable} cannot be extended"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_is_not_set_gets_one_entry() {
        let list = path_with("WORKBOOK_NO_SUCH_LIST", Path::new("/lib")).unwrap();
        assert_eq!(list, "/lib");
    }

    #[test]
    fn loopback_is_added_to_the_users_list() {
        let users = [Some("example.org".to_owned()), None];
        assert_eq!(without_proxy(users), "example.org,127.0.0.1,localhost,::1");
        assert_eq!(
            without_proxy([None, Some(" ".into())]),
            "127.0.0.1,localhost,::1"
        );
    }
}
