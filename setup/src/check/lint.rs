//! What the compiler and clippy say of a page, told by cell.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::exercises::solution;
use super::finding::Finding;
use super::format::program as tool;
use super::page::Page;
use super::program::Program;
use crate::child;
use crate::kernel::recipe::Recipe;
use crate::steps::{Workshop, facade};

/// Most findings that are told of one page: the first cause many others.
const MOST: usize = 12;

/// Compiles a page as one program, with exercises as shipped, and again as they are solved.
pub(super) fn findings(page: &Page, workshop: &Workshop) -> Result<Vec<Finding>> {
    let shipped = Program::of(page, |_| None);
    let mut found = compile(page, &shipped, workshop)?;
    let root = &workshop.places.root;
    let solved = Program::of(page, |id| fs::read_to_string(root.join(solution(id))).ok());
    if solved.text != shipped.text {
        for finding in compile(page, &solved, workshop)? {
            let told = Finding {
                what: format!("with the solutions in place: {}", finding.what),
                ..finding.clone()
            };
            if !found.contains(&finding) {
                found.push(told);
            }
        }
    }
    Ok(found)
}

fn compile(page: &Page, program: &Program, workshop: &Workshop) -> Result<Vec<Finding>> {
    let folder = workshop.places.state.join("check");
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let file = folder.join(format!("page_{}.rs", page.number));
    fs::write(&file, &program.text).with_context(|| format!("writing {}", file.display()))?;
    let library = facade::library(workshop).context("the library for cells is not built")?;
    let recipe = Recipe {
        library: &library,
        dependencies: &facade::dependencies(&library),
        source: &workshop.places.root.join("setup/kernel"),
    };
    let sysroot = workshop.toolchain.sysroot(&workshop.places.root)?;
    let output = child::command(tool(&sysroot, "clippy-driver"))
        .args([
            "--edition",
            "2024",
            "--crate-type",
            "lib",
            "--emit",
            "metadata",
            "--error-format",
            "json",
        ])
        .arg("--sysroot")
        .arg(&sysroot)
        .arg("--out-dir")
        .arg(&folder)
        .args(recipe.rustc_flags())
        .arg(&file)
        .env("CLIPPY_CONF_DIR", &workshop.places.root)
        .output()
        .context("starting clippy: is the component `clippy` installed?")?;
    Ok(told(
        page,
        program,
        &String::from_utf8_lossy(&output.stderr),
        output.status.success(),
    ))
}

/// Reads the compiler's messages, one line of JSON each.
fn told(page: &Page, program: &Program, messages: &str, success: bool) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for message in messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
    {
        let spans = message["spans"].as_array().into_iter().flatten();
        let Some(span) = spans.into_iter().find(|span| span["is_primary"] == true) else {
            continue;
        };
        let line = span["line_start"].as_u64().unwrap_or(0);
        let Some((cell, line)) = program.place(usize::try_from(line).unwrap_or(0)) else {
            continue;
        };
        let words = message["message"].as_str().unwrap_or_default();
        let rule = message["code"]["code"].as_str().unwrap_or_default();
        let what = format!(
            "line {line}: {words} {}",
            if rule.is_empty() {
                String::new()
            } else {
                format!("({rule})")
            }
        );
        if seen.insert(what.clone()) && found.len() < MOST {
            found.push(Finding::cell(
                &page.path,
                cell,
                what.trim_end(),
                "change the cell as the message says",
            ));
        }
    }
    if found.is_empty() && !success {
        let last = messages.lines().next_back().unwrap_or_default();
        found.push(Finding::page(
            &page.path,
            format!("the cells do not compile as one program: {last}"),
            "run the page",
        ));
    }
    found
}
