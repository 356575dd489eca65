//! Headings as people read them, and as GitHub names them in addresses.

/// Returns a line of Markdown with the words of its links in place of the links.
pub fn without_links(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(open) = rest.find('[') {
        let link = rest[open + 1..].split_once("](");
        let link = link.and_then(|(label, after)| Some((label, after.split_once(')')?.1)));
        text.push_str(&rest[..open]);
        match link {
            Some((label, after)) => {
                text.push_str(label);
                rest = after;
            }
            None => {
                text.push('[');
                rest = &rest[open + 1..];
            }
        }
    }
    text.push_str(rest);
    text
}

/// Returns a heading as people read it: without the Markdown of links, code and emphasis.
fn plain(heading: &str) -> String {
    without_links(heading).replace(['`', '*'], "")
}

/// Returns a heading for the index and for people: without Markdown, and without emoji, which nobody asks for.
///
/// ```
/// use langgraph_agent::corpus::without_emoji;
///
/// assert_eq!(without_emoji("🚀 Start with `common` ✓"), "Start with common");
/// ```
pub fn without_emoji(heading: &str) -> String {
    let text = plain(heading).replace(is_emoji, "");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Pictures, arrows and signs from the blocks that emoji are in, with what joins and colors them.
fn is_emoji(letter: char) -> bool {
    matches!(letter,
        '\u{200d}' | '\u{fe0e}' | '\u{fe0f}' | '\u{20e3}'
        | '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}')
}

/// Returns what GitHub calls a heading in addresses. Of equal ones, it numbers the second `-1`.
///
/// ```
/// use langgraph_agent::corpus::anchor;
///
/// assert_eq!(anchor("Reading `langsmith-trace` and `baggage`"), "reading-langsmith-trace-and-baggage");
/// assert_eq!(anchor("OTLP: regions, headers"), "otlp-regions-headers");
/// ```
pub fn anchor(heading: &str) -> String {
    let kept = |letter: char| match letter {
        ' ' => Some('-'),
        // GitHub takes the picture out, and leaves what colors it.
        '-' | '_' | '\u{fe0f}' => Some(letter),
        _ => letter.is_alphanumeric().then_some(letter),
    };
    plain(heading.trim())
        .to_lowercase()
        .chars()
        .filter_map(kept)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heading_loses_its_markdown_and_its_pictures() {
        let heading = "🧭 [The map](../README.md#map) of *all* `parts` ⚙️";
        assert_eq!(without_emoji(heading), "The map of all parts");
        assert_eq!(without_emoji("1 → 2: a[0] and [x"), "1 → 2: a[0] and [x");
    }

    #[test]
    fn an_address_keeps_the_hyphen_that_a_picture_leaves() {
        assert_eq!(anchor("🚀 Start here!"), "-start-here");
        assert_eq!(
            anchor("Rust → Python: 5 µs, `a_b`"),
            "rust--python-5-µs-a_b"
        );
    }
}
