//! The form of a page: title card, sections in order, minutes, objective, prerequisites.

use super::anchors;
use super::finding::Finding;
use super::page::Page;

/// A section of a page, and what it is for.
type Section = (&'static str, &'static str);

const PROBLEM: Section = (
    "The problem",
    "a failing picture first, then who meets this",
);
const WORDS: Section = (
    "Words you need",
    "four to eight terms with their names in code",
);
const WRONG: Section = (
    "When it goes wrong",
    "wrong way, what you see, right way; one cell that fails on purpose",
);
const COST: Section = ("What it costs", "one measurement and one chart");
const SUMMARY: Section = (
    "Summary and cheat table",
    "what you now know; if you need … use … avoid …",
);
const QUESTIONS: Section = (
    "Check yourself",
    "five to eight questions with folded answers",
);
const ONWARDS: Section = (
    "From here to production",
    "the matching example, three to six links with reasons",
);

/// The sections of a page that teaches a pattern, in order.
const PATTERN: [Section; 12] = [
    PROBLEM,
    WORDS,
    ("Setup", "imports, the stand-in, the clients"),
    ("From scratch", "the idea in a few lines, without `common`"),
    (
        "With `common`",
        "the same in three to five lines, and that the two agree",
    ),
    ("Variations", "three to five, each titled by its question"),
    WRONG,
    COST,
    SUMMARY,
    QUESTIONS,
    ("Exercises", "predict, repair, extend"),
    ONWARDS,
];

/// The sections of the set-up page, in order.
///
/// It has no pattern to do by hand, to do again with `common`, and to vary: notebook 01 is the first with
/// one. In their place stand the tools, each with its proof, and the first trace. One exercise is enough to
/// meet the checks, at a time when a learner knows a single thing to do.
const SET_UP: [Section; 10] = [
    PROBLEM,
    WORDS,
    (
        "Setup",
        "what each tool is for, and how to see that it works",
    ),
    (
        "Your first trace",
        "one run, then a tree of runs, sent and drawn",
    ),
    WRONG,
    COST,
    SUMMARY,
    QUESTIONS,
    ("Exercises", "one, with a check"),
    ONWARDS,
];

/// Looks at the title card and the sections.
pub(super) fn findings(page: &Page) -> Vec<Finding> {
    let (wanted, least, of_them): (&[Section], usize, &str) = match page.teaches() {
        true => (&PATTERN, 3, "predict, repair and extend"),
        false => (&SET_UP, 1, "the one that shows how checks work"),
    };
    let mut found = title_card(page);
    found.extend(sections(page, wanted));
    found.extend(questions(page));
    if !page.code().any(|cell| cell.has_tag("raises-exception")) {
        found.push(Finding::page(
            &page.path,
            "no cell fails on purpose",
            "show in “When it goes wrong” what failing looks like, in a cell with the tag `raises-exception`",
        ));
    }
    let exercises = page
        .code()
        .filter(|cell| cell.declares("exercise").is_some());
    let there = exercises.count();
    if there < least {
        found.push(Finding::page(
            &page.path,
            format!("{there} of {least} exercises are there"),
            format!("add what is missing of {of_them}; `cargo workbook check --help` says how"),
        ));
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
            has("skip") || has("Skip"),
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

/// Looks for the questions: folded answers between their heading and the next section.
fn questions(page: &Page) -> Option<Finding> {
    let prose = anchors::words(page);
    let (_, below) = prose.split_once("\n## Check yourself")?;
    let section = below.split("\n## ").next().unwrap_or_default();
    let count = section.matches("<details").count();
    let what = format!("{count} questions are there, five to eight should be");
    let remedy = "below `## Check yourself`, fold each answer: `<details><summary>Answer</summary> … </details>`";
    (!(5..=8).contains(&count)).then(|| Finding::page(&page.path, what, remedy))
}

fn sections(page: &Page, wanted: &[Section]) -> Vec<Finding> {
    let headings: Vec<(&str, &str)> = page
        .prose()
        .flat_map(|cell| anchors::sections(&cell.source).map(|line| (cell.id.as_str(), line)))
        .collect();
    let place = |section: &str| {
        let same = |heading: &str| heading.to_lowercase().starts_with(&section.to_lowercase());
        headings.iter().position(|(_, heading)| same(heading))
    };
    let mut found = Vec::new();
    let mut last: Option<(usize, &str)> = None;
    for (section, holds) in wanted.iter().copied() {
        let same = headings.iter().filter(|(_, heading)| *heading == section);
        if let Some((id, _)) = same.skip(1).last() {
            found.push(Finding::cell(
                &page.path,
                id,
                format!("the section “{section}” is there twice"),
                "join the two, or give the second a heading of a lower level",
            ));
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notebooks;
    use serde_json::{Value, json};
    use std::path::Path;

    /// Reads the first number of a text.
    fn minutes(text: &str) -> Option<u32> {
        let digits = text.split(|c: char| !c.is_ascii_digit());
        digits.filter_map(|digits| digits.parse().ok()).next()
    }

    #[test]
    fn the_set_up_page_tells_the_minutes_that_the_pages_tell() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let pages = notebooks::all(root).into_iter();
        let pages: Vec<Page> = pages.map(|page| Page::read(root, &page).unwrap()).collect();
        let rows: Vec<&str> = pages[0]
            .prose()
            .flat_map(|cell| cell.source.lines())
            .collect();
        for page in &pages {
            let card = page.cells[0].source.lines();
            let card = card
                .filter(|line| line.contains("**Time**"))
                .find_map(minutes);
            let row = rows
                .iter()
                .find(|row| row.starts_with(&format!("| {} |", page.number)));
            let row = row.and_then(|row| minutes(row.trim_end_matches(" |").rsplit("| ").next()?));
            assert!(
                card.is_some() && row == card,
                "{}: {row:?}, {card:?}",
                page.path
            );
        }
    }

    #[test]
    fn the_set_up_page_has_a_form_of_its_own() {
        let markdown =
            |source: String| json!({"cell_type": "markdown", "id": "m", "source": source});
        let card = "# 00 · Set up\n\nAfter it you can trace; skip it if you do.\n\n\
                    | **Time** | about 20 minutes |\n| **You need** | nothing |";
        let told = |sections: &[Section], exercises: usize| {
            let mut cells = vec![markdown(card.into())];
            cells.extend(
                sections
                    .iter()
                    .map(|(name, _)| markdown(format!("## {name}\n{}", "<details>".repeat(5)))),
            );
            cells.push(json!({"cell_type": "code", "source": "f", "metadata": {"tags": ["raises-exception"]}}));
            let exercise = json!({"cell_type": "code", "source": "a", "metadata": {"workbook": {"exercise": "00.a"}}});
            cells.extend(vec![exercise; exercises]);
            let text = Value::from_iter([("cells", cells)]).to_string();
            let page = Page::parse("00", "setup/environment_setup.ipynb", &text).unwrap();
            let found = findings(&page).into_iter().map(|finding| finding.what);
            found.collect::<Vec<_>>()
        };
        assert_eq!(told(&SET_UP, 1), [""; 0]);
        assert_eq!(told(&SET_UP, 0), ["0 of 1 exercises are there"]);
        assert_eq!(
            told(&PATTERN, 1),
            ["the section “Your first trace” is missing"]
        );
        assert_eq!(
            told(&SET_UP[1..], 1),
            ["the section “The problem” is missing"]
        );
    }
}
