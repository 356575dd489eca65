//! Jupyter's programs, with data, configuration and run-time files of this clone's own.

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::child;
use crate::places::{CACHE_VARIABLE, Places};

/// Prepares one of the environment's programs: `python`, `jupyter`.
///
/// The folders are made here, as nothing else makes them for a runner without a server: without the
/// run-time folder a spare kernel has no place for its connection file.
pub(crate) fn program(places: &Places, name: &str) -> Result<Command> {
    let own = places.jupyter();
    let mut command = child::command(places.venv().join("bin").join(name));
    for (variable, folder) in [
        ("JUPYTER_CONFIG_DIR", "config"),
        ("JUPYTER_DATA_DIR", "data"),
        ("JUPYTER_RUNTIME_DIR", "runtime"),
        ("IPYTHONDIR", "ipython"),
    ] {
        let folder = own.join(folder);
        make_private(&folder)?;
        command.env(variable, folder);
    }
    command
        .env("WORKBOOK_ROOT", &places.root)
        .env("WORKBOOK_PROGRESS", places.progress())
        // Kernels start in the notebooks' folders, where a relative path would mean another place.
        .env(CACHE_VARIABLE, &places.cache)
        .current_dir(&places.root);
    Ok(command)
}

/// Makes a folder that nobody else may look into: keys of kernels and tokens lie there.
fn make_private(folder: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .and_then(|()| fs::set_permissions(folder, fs::Permissions::from_mode(0o700)))
        .with_context(|| format!("making {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folders_of_a_program_are_there_and_private() {
        let root = std::env::temp_dir().join(format!("workbook-jupyter-{}", std::process::id()));
        let places = Places {
            state: root.join(".workbook"),
            cache: root.join("cache"),
            root: root.clone(),
        };
        fs::create_dir_all(places.jupyter().join("runtime")).unwrap();
        let command = program(&places, "python").unwrap();
        let folders: Vec<_> = command
            .get_envs()
            .filter(|(name, _)| name.to_str().is_some_and(|name| name.contains("DIR")))
            .filter(|(name, _)| *name != CACHE_VARIABLE)
            .filter_map(|(_, value)| value)
            .collect();
        assert_eq!(folders.len(), 4);
        let progress = places.progress();
        let told = ("WORKBOOK_PROGRESS".as_ref(), Some(progress.as_os_str()));
        assert!(command.get_envs().any(|variable| variable == told));
        for folder in folders {
            let mode = fs::metadata(folder).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{}", folder.display());
        }
        fs::remove_dir_all(root).unwrap();
    }
}
