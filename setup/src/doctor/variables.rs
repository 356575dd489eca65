//! The variables that decide where runs go: the process's, then those of the file `.env`.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::path::Path;

/// What the file `.env` at the root of the repository sets.
///
/// No `Debug`: a key is in it.
pub(super) struct Variables(HashMap<String, String>);

impl Variables {
    /// Reads the file, if there is one. A line that is no assignment is skipped.
    pub(super) fn load(root: &Path) -> Self {
        Self::parse(&fs::read_to_string(root.join(".env")).unwrap_or_default())
    }

    fn parse(text: &str) -> Self {
        Self(text.lines().filter_map(assignment).collect())
    }

    /// Looks a variable up as the notebooks do; one that is blank counts as unset.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        self.find(name, env::var(name).ok())
    }

    fn find(&self, name: &str, exported: Option<String>) -> Option<String> {
        exported
            .or_else(|| self.0.get(name).cloned())
            .filter(|value| !value.trim().is_empty())
    }
}

/// Reads `NAME=value`, `export NAME="value"` and comments.
fn assignment(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty() || name.starts_with('#') {
        return None;
    }
    let quoted = ['"', '\'']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote)?.split_once(quote));
    let value = match quoted {
        Some((inside, _)) => inside,
        None => value.split(" #").next().unwrap_or_default().trim_end(),
    };
    Some((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_are_read_with_quotes_comments_and_export() {
        let text =
            "# A=1\nB=two words # why\nexport C=\"x # y\" # z\n D = \'e\' \nnothing\n=x\nF=\n";
        let variables = Variables::parse(text);
        let find = |name: &str| variables.find(name, None);
        assert_eq!(find("A"), None);
        assert_eq!(find("B").as_deref(), Some("two words"));
        assert_eq!(find("C").as_deref(), Some("x # y"));
        assert_eq!(find("D").as_deref(), Some("e"));
        assert_eq!(find("F"), None);
    }

    #[test]
    fn an_exported_variable_comes_before_the_file() {
        let variables = Variables::parse("A=file");
        let exported = |value: &str| variables.find("A", Some(value.into()));
        assert_eq!(exported("shell").as_deref(), Some("shell"));
        // As in the notebooks: exporting nothing switches the file's value off.
        assert_eq!(exported(" "), None);
    }
}
