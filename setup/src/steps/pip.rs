//! How pip is asked to install, wherever a step does. Start at [`install`].

use std::path::Path;
use std::process::Command;

use super::Workshop;
use crate::child;

/// Prepares an installation by an interpreter's pip: it asks nobody, and its lines can be shown one by one. What is to
/// be installed comes on top; files are named from the workbook's folder.
pub(super) fn install(workshop: &Workshop, python: impl AsRef<Path>) -> Command {
    let mut command = child::command(python.as_ref());
    command
        .args(["-m", "pip", "install", "--no-input"])
        .args(["--progress-bar", "off", "--disable-pip-version-check"])
        .current_dir(&workshop.places.root);
    command
}
