//! The form of a page: title card, sections in order, minutes, objective, prerequisites.

use super::finding::Finding;
use super::page::Page;

/// The sections of a page that teaches, in order, and what each is for.
const SECTIONS: [(&str, &str); 12] = [
    (
        "The problem",
        "a failing picture first, then who meets this",
    ),
    (
        "Words you need",
        "four to eight terms with their names in code",
    ),
    ("Setup", "imports, the stand-in, the clients"),
    ("From scratch", "the idea in a few lines, without `common`"),
    (
        "With `common`",
        "the same in three to five lines, and that the two agree",
    ),
    ("Variations", "three to five, each titled by its question"),
    (
        "When it goes wrong",
        "wrong way, what you see, right way; one cell that fails on purpose",
    ),
    ("What it costs", "one measurement and one chart"),
    (
        "Summary and cheat table",
        "what you now know; if you need … use … avoid …",
    ),
    (
        "Check yourself",
        "five to eight questions with folded answers",
    ),
    ("Exercises", "predict, repair, extend"),
    (
        "From here to production",
        "the matching example, three to six links with reasons",
    ),
];

/// How many exercises a page has at least.
const EXERCISES: usize = 3;

/// Looks at the title card and the sections.
pub(super) fn findings(page: &Page) -> Vec<Finding> {
    let mut found = title_card(page);
    if page.teaches() {
        found.extend(sections(page));
        let exercises = page
            .code()
            .filter(|cell| cell.declares("exercise").is_some())
            .count();
        if exercises < EXERCISES {
            found.push(Finding::page(
                &page.path,
                format!("{exercises} of {EXERCISES} exercises are there"),
                "add what is missing of predict, repair and extend; `cargo workbook check --help` says how",
            ));
        }
    }
    found
}

fn title_card(page: &Page) -> Vec<Finding> {
    let Some(first) = page.cells.first().filter(|cell| !cell.is_code) else {
        let remedy =
            "begin with a markdown cell: title, what you can do afterwards, time, prerequisites";
        return vec![Finding::page(
            &page.path,
            "the page has no title card",
            remedy,
        )];
    };
    let has = |word: &str| first.source.contains(word);
    let minutes = first.source.lines().find(|line| line.contains("**Time**"));
    let minutes = minutes.is_some_and(|line| {
        line.contains("minutes") && line.bytes().any(|byte| byte.is_ascii_digit())
    });
    let parts = [
        (has("# "), "title", "begin with `# NN · Title`"),
        (
            has("you can"),
            "objective",
            "say what the reader will be able to do: “After this notebook you can …”",
        ),
        (
            minutes,
            "minutes",
            "add the row `| **Time** | about 35 minutes |`",
        ),
        (
            has("**You need**"),
            "prerequisites",
            "add the row `| **You need** | … |`, with links",
        ),
        (
            !page.teaches() || has("skip"),
            "advice on who may skip it",
            "say “Skip it if you know …”, and where to go instead",
        ),
    ];
    let missing = parts.into_iter().filter(|(there, ..)| !there);
    missing
        .map(|(_, what, remedy)| {
            Finding::cell(
                &page.path,
                &first.id,
                format!("the title card has no {what}"),
                remedy,
            )
        })
        .collect()
}

fn sections(page: &Page) -> Vec<Finding> {
    let headings: Vec<(&str, &str)> = page
        .prose()
        .flat_map(|cell| cell.source.lines().map(|line| (cell.id.as_str(), line)))
        .filter_map(|(id, line)| Some((id, line.strip_prefix("## ")?.trim())))
        .collect();
    let place = |section: &str| {
        let same = |heading: &str| heading.to_lowercase().starts_with(&section.to_lowercase());
        headings.iter().position(|(_, heading)| same(heading))
    };
    let mut found = Vec::new();
    let mut last: Option<(usize, &str)> = None;
    for (section, holds) in SECTIONS {
        match (place(section), last) {
            (None, _) => found.push(Finding::page(
                &page.path,
                format!("the section “{section}” is missing"),
                format!("add a markdown cell with `## {section}`: {holds}"),
            )),
            (Some(at), Some((before, name))) if at < before => found.push(Finding::cell(
                &page.path,
                headings[at].0,
                format!("the section “{section}” stands before “{name}”"),
                "order the sections as the template has them",
            )),
            (Some(at), _) => last = Some((at, section)),
        }
    }
    found
}
