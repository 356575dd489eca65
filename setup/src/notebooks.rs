//! The notebooks by number: `00` sets up, `01` to `06` teach.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::problem::Problem;

/// The set-up notebook, which `open` shows.
pub(crate) const FIRST: &str = "setup/environment_setup.ipynb";

/// A notebook of this repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notebook {
    /// Two digits.
    pub(crate) number: String,
    /// Relative to the root.
    pub(crate) path: PathBuf,
}

/// Lists the notebooks that are there, by number.
pub(crate) fn all(root: &Path) -> Vec<Notebook> {
    let mut found = Vec::new();
    if root.join(FIRST).is_file() {
        found.push(Notebook {
            number: "00".into(),
            path: FIRST.into(),
        });
    }
    for entry in fs::read_dir(root.join("notebooks"))
        .into_iter()
        .flatten()
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        let number = name.split('_').next().unwrap_or_default();
        let is_number = number.len() == 2 && number.bytes().all(|byte| byte.is_ascii_digit());
        if is_number && name.ends_with(".ipynb") {
            let path = Path::new("notebooks").join(&name);
            found.push(Notebook {
                number: number.to_owned(),
                path,
            });
        }
    }
    found.sort_by(|a, b| a.path.file_name().cmp(&b.path.file_name()));
    found.sort_by(|a, b| a.number.cmp(&b.number));
    found
}

/// Picks the notebooks with these numbers, all of them when none is given.
pub(crate) fn select(all: &[Notebook], numbers: &[String]) -> Result<Vec<Notebook>> {
    if all.is_empty() {
        let remedy = "notebooks are setup/environment_setup.ipynb and notebooks/NN_*.ipynb";
        return Err(Problem::usage("there is no notebook here", remedy).into());
    }
    let mut picked: Vec<Notebook> = Vec::new();
    for number in numbers {
        let wanted = format!("{number:0>2}");
        let Some(notebook) = all.iter().find(|notebook| notebook.number == wanted) else {
            let there: Vec<String> = all
                .iter()
                .map(|notebook| format!("{}  {}", notebook.number, notebook.path.display()))
                .collect();
            let what = format!("there is no notebook {number}");
            return Err(Problem::usage(what, format!("these are:\n{}", there.join("\n"))).into());
        };
        if !picked.contains(notebook) {
            picked.push(notebook.clone());
        }
    }
    Ok(if numbers.is_empty() {
        all.to_vec()
    } else {
        picked
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{USAGE, exit_code};

    fn there() -> Vec<Notebook> {
        [
            ("00", FIRST),
            ("01", "notebooks/01_basic.ipynb"),
            ("03", "notebooks/03_async.ipynb"),
        ]
        .map(|(number, path)| Notebook {
            number: number.into(),
            path: path.into(),
        })
        .to_vec()
    }

    fn pick(numbers: &[&str]) -> Result<Vec<String>> {
        let numbers: Vec<String> = numbers.iter().map(|number| (*number).to_owned()).collect();
        Ok(select(&there(), &numbers)?
            .into_iter()
            .map(|notebook| notebook.number)
            .collect())
    }

    #[test]
    fn no_number_means_all() {
        assert_eq!(pick(&[]).unwrap(), ["00", "01", "03"]);
    }

    #[test]
    fn numbers_keep_their_order_and_need_no_zero() {
        assert_eq!(pick(&["3", "00", "03"]).unwrap(), ["03", "00"]);
    }

    #[test]
    fn an_unknown_number_is_a_usage_error_that_lists_the_known_ones() {
        let error = pick(&["07"]).unwrap_err();
        assert_eq!(exit_code(&error), USAGE);
        assert!(error.to_string().contains("01  notebooks/01_basic.ipynb"));
    }

    #[test]
    fn only_numbered_notebooks_count() {
        let root = std::env::temp_dir().join(format!("workbook-notebooks-{}", std::process::id()));
        fs::create_dir_all(root.join("notebooks/solutions")).unwrap();
        for name in [
            "02_b.ipynb",
            "01_a.ipynb",
            "scratch.ipynb",
            "01_a.txt",
            "README.md",
        ] {
            fs::write(root.join("notebooks").join(name), "").unwrap();
        }
        let numbers: Vec<String> = all(&root).into_iter().map(|found| found.number).collect();
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(numbers, ["01", "02"]);
    }
}
