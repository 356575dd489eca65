//! Holds the code to the import table of `common/README.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn crate_root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Reads the rows `| room | allowed rooms |` of the README's table.
fn table() -> BTreeMap<String, BTreeSet<String>> {
    let readme = fs::read_to_string(crate_root().join("README.md")).expect("common/README.md");
    let section = readme
        .split("## Who may import whom")
        .nth(1)
        .expect("the table's section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let names = |cell: &str| -> BTreeSet<String> {
        cell.split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect()
    };
    section
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let mut cells = line.trim_matches('|').split('|');
            let room = names(cells.next().unwrap_or_default())
                .pop_first()
                .expect("a room's name");
            (room, names(cells.next().unwrap_or_default()))
        })
        .collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Returns the rooms that a file names in code, comments left out.
fn imports(text: &str, rooms: &BTreeSet<&String>) -> BTreeSet<String> {
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let code: String = code.collect::<Vec<_>>().join("\n");
    // A test inside of a room may use what it likes to build its case.
    let code = code
        .split("#[cfg(test)]")
        .next()
        .unwrap_or_default()
        .to_owned();
    let mut named = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let group = rest
            .strip_prefix('{')
            .and_then(|group| group.split('}').next());
        let parts: Vec<&str> = match group {
            Some(group) => group.split(',').collect(),
            None => vec![rest],
        };
        for part in parts {
            let end = part
                .trim_start()
                .find(|c: char| !c.is_alphanumeric() && c != '_');
            let name = &part.trim_start()[..end.unwrap_or(part.trim_start().len())];
            if rooms.contains(&name.to_owned()) {
                named.insert(name.to_owned());
            }
        }
    }
    named
}

#[test]
fn every_room_imports_only_what_the_table_allows() {
    let table = table();
    let rooms: BTreeSet<&String> = table.keys().collect();
    let mut broken = Vec::new();
    let mut read = 0;
    for (room, allowed) in &table {
        let mut files = Vec::new();
        sources(&crate_root().join("src").join(room), &mut files);
        for file in files {
            read += 1;
            let text = fs::read_to_string(&file).expect("a readable file");
            for other in imports(&text, &rooms) {
                if other != *room && !allowed.contains(&other) {
                    let shown = file
                        .strip_prefix(crate_root())
                        .unwrap_or(&file)
                        .display()
                        .to_string();
                    broken.push(format!("{shown}: `{room}` imports `{other}`"));
                }
            }
        }
    }
    assert!(read > table.len(), "only {read} files were read");
    assert!(
        broken.is_empty(),
        "not in the table of common/README.md:\n{}",
        broken.join("\n")
    );
}

#[test]
fn every_room_has_a_row() {
    let table = table();
    let src = crate_root().join("src");
    for entry in fs::read_dir(src).expect("common/src") {
        let entry = entry.expect("a readable entry");
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() && name != "bin" {
            assert!(
                table.contains_key(&name),
                "`{name}` has no row in common/README.md"
            );
        }
    }
}

#[test]
fn an_import_is_seen_in_each_of_its_forms() {
    let names = ["model".to_owned(), "export".to_owned(), "trace".to_owned()];
    let rooms: BTreeSet<&String> = names.iter().collect();
    let seen = imports(
        "use crate::export::Queue;\nuse crate::{model, trace};\n// crate::x",
        &rooms,
    );
    assert_eq!(seen.len(), 3);
    assert!(imports("//! see crate::export", &rooms).is_empty());
}
