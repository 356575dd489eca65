//! Cuts Markdown at its headings, and long sections between their paragraphs.
//!
//! ```text
//! lines with places ──► blocks (paragraph · table · fence) ──► sections by heading ──► parts of at most 1,500 characters
//! ```

use std::collections::HashMap;

use serde::Deserialize;

use super::anchor::{anchor, without_emoji};
use super::passage::{Passage, Place, Source};

/// Most characters of a passage, about 300 words: five of them fit into any prompt, and BM25 is fair to texts of
/// about one length. A fence is never cut, and may be longer.
pub const MOST_CHARACTERS: usize = 1_500;

/// Cuts a Markdown file.
pub fn markdown(source: Source, file: &str, text: &str) -> Vec<Passage> {
    let mut cutter = Cutter::new(source, file, true);
    for (number, line) in text.lines().enumerate() {
        cutter.line(line, &Place::Line(number + 1));
    }
    cutter.end()
}

/// Cuts the cells of a notebook that are words. A cell without a heading goes on where the one before it ended.
///
/// # Errors
/// If it is no notebook.
pub fn notebook(file: &str, text: &str) -> Result<Vec<Passage>, serde_json::Error> {
    let notebook: Notebook = serde_json::from_str(text)?;
    let mut cutter = Cutter::new(Source::Notebooks, file, false);
    let cells = notebook.cells.iter().enumerate();
    for (number, cell) in cells.filter(|(_, cell)| cell.cell_type == "markdown") {
        let text = cell.source.concat();
        for line in text.lines() {
            cutter.line(line, &Place::Cell(number + 1));
        }
        cutter.end_of_cell();
    }
    Ok(cutter.end())
}

#[derive(Deserialize)]
struct Notebook {
    cells: Vec<Cell>,
}

#[derive(Deserialize)]
struct Cell {
    cell_type: String,
    #[serde(default)]
    source: Lines,
}

/// Jupyter writes a list of lines; the format also allows one text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Lines {
    Many(Vec<String>),
    One(String),
}

impl Default for Lines {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl Lines {
    fn concat(&self) -> String {
        match self {
            Self::Many(lines) => lines.concat(),
            Self::One(text) => text.clone(),
        }
    }
}

/// Lines that belong together.
struct Block {
    place: Place,
    lines: Vec<String>,
}

struct Cutter<'a> {
    source: Source,
    file: &'a str,
    addresses: bool,
    passages: Vec<Passage>,
    /// Level and text of the headings that are open.
    headings: Vec<(usize, String)>,
    anchor: Option<String>,
    /// How often each address was given.
    given: HashMap<String, usize>,
    /// The blocks of the present section.
    blocks: Vec<Block>,
    /// The fence that is open, as it began.
    fence: Option<String>,
    /// Whether the next line begins a block.
    fresh: bool,
}

impl<'a> Cutter<'a> {
    fn new(source: Source, file: &'a str, addresses: bool) -> Self {
        Self {
            source,
            file,
            addresses,
            passages: Vec::new(),
            headings: Vec::new(),
            anchor: None,
            given: HashMap::new(),
            blocks: Vec::new(),
            fence: None,
            fresh: true,
        }
    }

    fn line(&mut self, line: &str, place: &Place) {
        let start = line.trim_start();
        if let Some(fence) = &self.fence {
            let closes =
                start.starts_with(fence.as_str()) && start.trim_matches(['`', '~', ' ']).is_empty();
            self.push(line, place);
            if closes {
                self.fence = None;
                self.fresh = true;
            }
            return;
        }
        if let Some(heading) = heading(line) {
            self.section(heading);
        } else if start.starts_with("```") || start.starts_with("~~~") {
            let mark = start.chars().next().unwrap_or('`');
            self.fence = Some(start.chars().take_while(|letter| *letter == mark).collect());
            self.fresh = true;
            self.push(line, place);
        } else if start.is_empty() {
            self.fresh = true;
        } else {
            self.push(line, place);
        }
    }

    fn push(&mut self, line: &str, place: &Place) {
        match self.blocks.last_mut().filter(|_| !self.fresh) {
            Some(block) => block.lines.push(line.to_owned()),
            None => self.blocks.push(Block {
                place: place.clone(),
                lines: vec![line.to_owned()],
            }),
        }
        self.fresh = false;
    }

    /// A fence that a cell leaves open ends with the cell.
    fn end_of_cell(&mut self) {
        self.fence = None;
        self.fresh = true;
    }

    fn section(&mut self, (level, text): (usize, &str)) {
        self.close();
        self.headings.retain(|(open, _)| *open < level);
        self.headings.push((level, without_emoji(text)));
        self.fresh = true;
        if self.addresses {
            let anchor = anchor(text);
            let before = self.given.entry(anchor.clone()).or_default();
            self.anchor = Some(match &mut *before {
                0 => anchor,
                &mut number => format!("{anchor}-{number}"),
            });
            *before += 1;
        }
    }

    /// Makes passages of the section's blocks: as many in each as there is room for.
    fn close(&mut self) {
        let mut part: Option<(Place, String)> = None;
        for block in std::mem::take(&mut self.blocks)
            .into_iter()
            .flat_map(Block::pieces)
        {
            let text = block.lines.join("\n");
            match &mut part {
                Some((_, open)) if characters(open) + characters(&text) < MOST_CHARACTERS => {
                    open.push_str("\n\n");
                    open.push_str(&text);
                }
                _ => self.passage(part.replace((block.place, text))),
            }
        }
        self.passage(part);
    }

    fn passage(&mut self, part: Option<(Place, String)>) {
        let Some((place, text)) = part else { return };
        let headings = self.headings.iter().map(|(_, text)| text.clone());
        self.passages.push(Passage {
            source: self.source,
            file: self.file.to_owned(),
            place,
            headings: headings.collect(),
            anchor: self.anchor.clone(),
            text,
        });
    }

    fn end(mut self) -> Vec<Passage> {
        self.close();
        self.passages
    }
}

impl Block {
    /// Cuts a block that is too long between its lines; of a table, each piece keeps the head.
    fn pieces(self) -> Vec<Self> {
        let whole = self
            .lines
            .iter()
            .map(|line| characters(line) + 1)
            .sum::<usize>();
        let is_fence = ["```", "~~~"]
            .iter()
            .any(|mark| self.lines[0].trim_start().starts_with(mark));
        if whole <= MOST_CHARACTERS || is_fence {
            return vec![self];
        }
        let is_table = self.lines.len() > 2 && self.lines[1].starts_with("|--");
        let (head, rows) = self.lines.split_at(if is_table { 2 } else { 0 });
        let mut pieces = Vec::new();
        let mut lines = head.to_vec();
        let mut filled = 0;
        for row in rows {
            if filled > 0 && filled + characters(row) > MOST_CHARACTERS {
                pieces.push(std::mem::replace(&mut lines, head.to_vec()));
                filled = 0;
            }
            filled += characters(row) + 1;
            lines.push(row.clone());
        }
        pieces.push(lines);
        let place = self.place;
        pieces
            .into_iter()
            .map(|lines| Self {
                place: place.clone(),
                lines,
            })
            .collect()
    }
}

fn characters(text: &str) -> usize {
    text.chars().count()
}

/// Reads a heading: its level, and its text.
fn heading(line: &str) -> Option<(usize, &str)> {
    let level = line.chars().take_while(|letter| *letter == '#').count();
    let text = line[level..].strip_prefix(' ')?.trim();
    // A row of closing signs stands apart; the sign of `C#` does not.
    let closed = text.trim_end_matches('#');
    let text = if closed.ends_with(' ') {
        closed.trim_end()
    } else {
        text
    };
    ((1..=6).contains(&level) && !text.is_empty()).then_some((level, text))
}
