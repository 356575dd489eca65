//! Text that somebody pasted → the two headers in it.

/// Longest text that is read, in bytes; the rest is left out.
pub(super) const LONGEST: usize = 128 * 1024;

/// The values of the two headers, a line each, and how many other headers there were.
#[derive(Debug, Default)]
pub(super) struct Pasted {
    pub(super) trace: Vec<String>,
    pub(super) baggage: Vec<String>,
    pub(super) others: usize,
}

impl Pasted {
    /// Reads lines of headers, as they are and as `curl -v` shows them, and the arguments of `curl -H`. What a server
    /// answered (`<`) and what curl remarks (`*`) is passed over.
    pub(super) fn read(text: &str) -> Self {
        let mut end = text.len().min(LONGEST);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let mut pasted = Self::default();
        for line in text[..end].lines() {
            let line = line.trim();
            if line.starts_with(['<', '*', '{', '}']) {
                continue;
            }
            let arguments: Vec<&str> = arguments(line).collect();
            match arguments.is_empty() {
                true => pasted.add(line.strip_prefix('>').unwrap_or(line)),
                false => arguments.into_iter().for_each(|header| pasted.add(header)),
            }
        }
        pasted
    }

    fn add(&mut self, line: &str) {
        let Some((name, value)) = line.split_once(':') else {
            return;
        };
        let (name, value) = (name.trim(), value.trim());
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_name) {
            return;
        }
        if name.eq_ignore_ascii_case("langsmith-trace") {
            self.trace.push(value.to_owned());
        } else if name.eq_ignore_ascii_case("baggage") {
            self.baggage.push(value.to_owned());
        } else {
            self.others += 1;
        }
    }

    /// Returns the headers as a carrier.
    pub(super) fn headers(&self) -> Vec<(&'static str, String)> {
        let trace = self
            .trace
            .iter()
            .map(|value| ("langsmith-trace", value.clone()));
        let baggage = self.baggage.iter().map(|value| ("baggage", value.clone()));
        trace.chain(baggage).collect()
    }
}

/// Returns what is between the quotes behind each `-H` or `--header`.
fn arguments(line: &str) -> impl Iterator<Item = &str> {
    let parts = line.split("-H ").flat_map(|part| part.split("--header "));
    parts.skip(1).filter_map(|part| {
        let part = part.trim_start();
        let quote = part.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        part[1..].split(quote).next()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_found_however_they_were_copied() {
        let text = "*   Trying 127.0.0.1:8080...\n> POST /ask HTTP/1.1\n> Host: x\n> Langsmith-Trace: a\r\n\
            > baggage: b=1\n< HTTP/1.1 200 OK\n< baggage: not-ours=1\n{ [12 bytes data]\n";
        let pasted = Pasted::read(text);
        assert_eq!(
            (pasted.trace, pasted.baggage, pasted.others),
            (vec!["a".into()], vec!["b=1".into()], 1)
        );
        let curl =
            "curl -H 'langsmith-trace: a' --header \"baggage: x=1, y=2\" -H 'accept: */*' http://x";
        let pasted = Pasted::read(curl);
        assert_eq!(pasted.trace, ["a"]);
        assert_eq!(
            (pasted.baggage, pasted.others),
            (vec!["x=1, y=2".to_owned()], 1)
        );
        let lines = Pasted::read("langsmith-trace: a\nLANGSMITH-TRACE:  b \n\nno header here\n");
        assert_eq!(lines.trace, ["a", "b"]);
        let long = format!("baggage: {}é", "x".repeat(LONGEST));
        assert!(Pasted::read(&long).baggage[0].len() < LONGEST);
    }
}
