//! The filter language: `and(eq(run_type, "llm"), gt(latency, "5s"))`.
//!
//! ```text
//! condition  = ("and" | "or") "(" condition { "," condition } ")" | "not" "(" condition ")"
//!            | ("eq" | "neq" | "gt" | "gte" | "lt" | "lte") "(" field "," value ")"
//!            | "has" "(" field "," value ")" | "in" "(" field "," "[" value { "," value } "]" ")"
//!            | "search" "(" [ field "," ] text ")"
//! ```
//!
//! Start at [`parse`].

use std::fmt;

use super::fields::{Constant, Field};

/// Conditions in conditions at most; a filter by hand has three.
const DEPTH: usize = 32;
/// Bytes at most.
const LENGTH: usize = 32 * 1024;

/// A condition on a run.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Is(Test),
    /// A text within a field, or within anything that people read.
    Search(Option<Field>, String),
}

/// One comparison.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Test {
    pub(super) field: Field,
    pub(super) how: How,
    /// One value, or for `in` any number.
    pub(super) values: Vec<Constant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Eq,
    Neq,
    Gt,
    Gte,
    Lt,
    Lte,
    Has,
    In,
}

/// Where a filter is wrong, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::langsmith_mock) struct FilterError {
    /// Characters before the mistake.
    at: usize,
    why: String,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at character {}: {}", self.at + 1, self.why)
    }
}

/// Reads a filter.
pub(super) fn parse(text: &str) -> Result<Filter, FilterError> {
    let mut parser = Parser { text, at: 0 };
    if text.len() > LENGTH {
        return Err(parser.error(0, format!("it is longer than {LENGTH} bytes")));
    }
    let filter = parser.condition(0)?;
    parser.skip_blanks();
    match parser.peek() {
        None => Ok(filter),
        Some(other) => Err(parser.error(parser.at, format!("{other:?} after the end"))),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn error(&self, at: usize, why: impl Into<String>) -> FilterError {
        let before = self.text.get(..at).unwrap_or(self.text);
        FilterError {
            at: before.chars().count(),
            why: why.into(),
        }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip_blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn takes(&mut self, wanted: char) -> bool {
        self.skip_blanks();
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn expect(&mut self, wanted: char) -> Result<(), FilterError> {
        if self.takes(wanted) {
            return Ok(());
        }
        let found = self
            .peek()
            .map_or_else(|| "the end".to_owned(), |found| format!("{found:?}"));
        Err(self.error(self.at, format!("expected {wanted:?}, found {found}")))
    }

    /// Reads a name; returns where it begins.
    fn name(&mut self) -> Result<(usize, &'a str), FilterError> {
        self.skip_blanks();
        let rest = self.rest();
        let of_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        let end = rest.find(|c| !of_name(c)).unwrap_or(rest.len());
        if end == 0 {
            return Err(self.error(self.at, "expected a name"));
        }
        let begin = self.at;
        self.at += end;
        Ok((begin, &rest[..end]))
    }

    fn condition(&mut self, depth: usize) -> Result<Filter, FilterError> {
        let (begin, name) = self.name()?;
        if depth >= DEPTH {
            return Err(self.error(
                begin,
                format!("more than {DEPTH} conditions in one another"),
            ));
        }
        let how = match name {
            "and" | "or" | "not" => return self.connective(begin, name, depth),
            "search" => return self.search(),
            "eq" => How::Eq,
            "neq" => How::Neq,
            "gt" => How::Gt,
            "gte" => How::Gte,
            "lt" => How::Lt,
            "lte" => How::Lte,
            "has" => How::Has,
            "in" => How::In,
            other => {
                let why = format!(
                    "{other:?} is none of eq, neq, gt, gte, lt, lte, has, search, in, and, or, not"
                );
                return Err(self.error(begin, why));
            }
        };
        self.expect('(')?;
        let field = self.field()?;
        self.expect(',')?;
        self.skip_blanks();
        let begin = self.at;
        let values = match how {
            How::In => self.list(field)?,
            _ => vec![self.value(field, how)?],
        };
        if let Some(why) = field.objection(how, &values) {
            return Err(self.error(begin, why));
        }
        self.expect(')')?;
        Ok(Filter::Is(Test { field, how, values }))
    }

    fn connective(
        &mut self,
        begin: usize,
        name: &str,
        depth: usize,
    ) -> Result<Filter, FilterError> {
        self.expect('(')?;
        let mut parts = vec![self.condition(depth + 1)?];
        while self.takes(',') {
            parts.push(self.condition(depth + 1)?);
        }
        self.expect(')')?;
        match (name, parts.len()) {
            ("and", _) => Ok(Filter::And(parts)),
            ("or", _) => Ok(Filter::Or(parts)),
            (_, 1) => Ok(Filter::Not(Box::new(parts.remove(0)))),
            (_, several) => {
                Err(self.error(begin, format!("not() takes 1 condition, not {several}")))
            }
        }
    }

    fn search(&mut self) -> Result<Filter, FilterError> {
        self.expect('(')?;
        self.skip_blanks();
        let field = match self.peek() {
            Some('"' | '\'') => None,
            _ => {
                let field = self.field()?;
                self.expect(',')?;
                Some(field)
            }
        };
        self.skip_blanks();
        let begin = self.at;
        let Constant::Text(text) = self.constant()? else {
            return Err(self.error(begin, "search() looks for a text"));
        };
        self.expect(')')?;
        Ok(Filter::Search(field, text))
    }

    fn field(&mut self) -> Result<Field, FilterError> {
        let (begin, name) = self.name()?;
        Field::named(name)
            .ok_or_else(|| self.error(begin, format!("{name:?} is no field of a run")))
    }

    fn list(&mut self, field: Field) -> Result<Vec<Constant>, FilterError> {
        self.expect('[')?;
        let mut values = Vec::new();
        if self.takes(']') {
            return Ok(values);
        }
        loop {
            values.push(self.value(field, How::Eq)?);
            if !self.takes(',') {
                break;
            }
        }
        self.expect(']')?;
        Ok(values)
    }

    /// Reads a value, and makes of it what the field is compared with.
    fn value(&mut self, field: Field, how: How) -> Result<Constant, FilterError> {
        self.skip_blanks();
        let begin = self.at;
        let constant = self.constant()?;
        field
            .fit(how, constant)
            .map_err(|why| self.error(begin, why))
    }

    fn constant(&mut self) -> Result<Constant, FilterError> {
        self.skip_blanks();
        let begin = self.at;
        match self.peek() {
            Some(quote @ ('"' | '\'')) => self.text(quote),
            Some('0'..='9' | '-' | '+' | '.') => {
                let of_number = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
                let rest = self.rest();
                let end = rest.find(|c| !of_number(c)).unwrap_or(rest.len());
                self.at += end;
                let number = rest[..end].parse().ok().filter(|n: &f64| n.is_finite());
                let why = || self.error(begin, format!("{:?} is no number", &rest[..end]));
                number.map(Constant::Number).ok_or_else(why)
            }
            _ => match self.name() {
                Ok((_, "true" | "True")) => Ok(Constant::Flag(true)),
                Ok((_, "false" | "False")) => Ok(Constant::Flag(false)),
                Ok((_, "null" | "None")) => Ok(Constant::Null),
                Ok((_, other)) => {
                    Err(self.error(begin, format!("{other:?} is no value; a text has quotes")))
                }
                Err(_) => Err(self.error(begin, "expected a value")),
            },
        }
    }

    fn text(&mut self, quote: char) -> Result<Constant, FilterError> {
        let begin = self.at;
        let mut text = String::new();
        let mut escaped = false;
        for (at, c) in self.rest().char_indices().skip(1) {
            match c {
                _ if escaped => {
                    escaped = false;
                    text.push(match c {
                        'n' => '\n',
                        't' => '\t',
                        other => other,
                    });
                }
                '\\' => escaped = true,
                c if c == quote => {
                    self.at = begin + at + c.len_utf8();
                    return Ok(Constant::Text(text));
                }
                c => text.push(c),
            }
        }
        Err(self.error(begin, "the text has no closing quote"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn conditions_within_conditions_have_a_limit() {
        let deep = |n: usize| format!("{}eq(name, \"a\"){}", "not(".repeat(n), ")".repeat(n));
        assert!(parse(&deep(DEPTH - 1)).is_ok());
        let error = parse(&deep(DEPTH)).expect_err("too deep");
        assert!(error.to_string().contains("32 conditions"), "{error}");
    }

    #[test]
    fn a_mistake_is_counted_in_characters() {
        let error = parse("eq(name, \"é\") ü").expect_err("wrong");
        assert_eq!(error.to_string(), "at character 15: 'ü' after the end");
    }

    fn piece() -> impl Strategy<Value = String> {
        const WORDS: &[&str] = &[
            "and",
            "or",
            "not",
            "eq",
            "gt",
            "has",
            "in",
            "search",
            "(",
            ")",
            "[",
            "]",
            ",",
            "name",
            "latency",
            "tags",
            "metadata_key",
            "start_time",
            "\"a\"",
            "'5s'",
            "\"",
            "\\",
            "5",
            "-",
            "1e999",
            "true",
            "null",
            " ",
            "é",
        ];
        proptest::sample::select(WORDS).prop_map(str::to_owned)
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,80}") {
            let _ = parse(&text);
        }

        #[test]
        fn no_heap_of_words_makes_it_panic(pieces in proptest::collection::vec(piece(), 0..40)) {
            let text = pieces.concat();
            if let Err(error) = parse(&text) {
                prop_assert!(error.at <= text.chars().count());
            }
        }
    }
}
