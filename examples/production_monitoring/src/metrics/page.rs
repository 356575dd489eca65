//! Reading a page of metrics. Start at [`Page::parse`].

use std::collections::{BTreeMap, BTreeSet};

/// A line of a page.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The metric, with what was appended to its name.
    pub name: String,
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: f64,
}

/// A page of metrics, in the text format of OpenMetrics or of Prometheus.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    /// The lines with values.
    pub samples: Vec<Sample>,
}

impl Page {
    /// Reads a page; a line that is none is passed over, as are comments.
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self {
            samples: lines.filter_map(sample).collect(),
        }
    }

    /// Adds up the values of a metric whose labels are these, whatever its others.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let fits = |sample: &&Sample| {
            let has = |(label, value): &(&str, &str)| {
                sample.labels.get(*label).is_some_and(|is| is == value)
            };
            sample.name == name && labels.iter().all(has)
        };
        self.samples
            .iter()
            .filter(fits)
            .map(|sample| sample.value)
            .sum()
    }

    /// Adds up the values of a metric by one of its labels; what is zero is left out.
    pub fn by(&self, name: &str, labels: &[(&str, &str)], label: &str) -> BTreeMap<String, u64> {
        let values: BTreeSet<&str> = self
            .samples
            .iter()
            .filter(|sample| sample.name == name)
            .filter_map(|sample| sample.labels.get(label).map(String::as_str))
            .collect();
        let count = |value: &str| {
            let all = [labels, &[(label, value)]].concat();
            (value.to_owned(), self.sum(name, &all) as u64)
        };
        values
            .into_iter()
            .map(count)
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    /// Returns the names of all metrics on the page.
    pub fn names(&self) -> BTreeSet<&str> {
        self.samples
            .iter()
            .map(|sample| sample.name.as_str())
            .collect()
    }
}

fn sample(line: &str) -> Option<Sample> {
    let end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (BTreeMap::new(), rest),
    };
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample {
        name: name.to_owned(),
        labels,
        value,
    })
}

/// Reads `name="value",…}`, and returns what follows.
fn labels(mut rest: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches(',');
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, after) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut letters = after.char_indices();
        let end = loop {
            match letters.next()? {
                (at, '"') => break at,
                (_, '\\') => value.push(match letters.next()?.1 {
                    'n' => '\n',
                    other => other,
                }),
                (_, letter) => value.push(letter),
            }
        };
        labels.insert(name.to_owned(), value);
        rest = &after[end + 1..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_with_its_labels_and_what_is_escaped_in_them() {
        let page = Page::parse(
            "# HELP a_total Words.\n# TYPE a counter\na_total{to=\"x\",why=\"full\"} 2\n\
             a_total{to=\"y\",why=\"full\"} 3 1700000000\na_total{to=\"y\",why=\"cl\\\"o\\\\sed\"} 4\n\
             b 1.5e2\nnonsense\nc{broken=\"} 1\n# EOF\n",
        );
        assert_eq!(page.sum("a_total", &[("why", "full")]), 5.0);
        assert_eq!(page.sum("a_total", &[("why", "cl\"o\\sed")]), 4.0);
        assert_eq!(page.sum("b", &[]), 150.0);
        assert_eq!(
            page.names().into_iter().collect::<Vec<_>>(),
            ["a_total", "b"]
        );
        let by = page.by("a_total", &[("to", "y")], "why");
        assert_eq!(by.values().copied().collect::<Vec<_>>(), [4, 3]);
    }
}
