//! Where runs would go: the target, the key's shape, the endpoint. Start at [`findings`].

use super::Finding;
use crate::problem::Problem;

/// Says where runs would go. Never prints a key.
pub(super) fn findings(variable: impl Fn(&str) -> Option<String>, has_file: bool) -> Vec<Finding> {
    let given = |name: &str| variable(name).filter(|value| !value.is_empty());
    let mut findings = Vec::new();
    let real = given("WORKBOOK_TARGET").is_some_and(|target| target == "langsmith");
    findings.push(match given("WORKBOOK_TARGET").as_deref() {
        None | Some("mock") => Finding::fine("runs go to the stand-in on this machine"),
        Some("langsmith") => Finding::fine("WORKBOOK_TARGET=langsmith: runs go to the service too"),
        Some(_) => Finding::note(
            "WORKBOOK_TARGET has a value that is not known",
            "WORKBOOK_TARGET=langsmith sends to the service; leave it out for the stand-in",
        ),
    });
    let names = ["LANGSMITH_API_KEY", "LANGCHAIN_API_KEY"];
    let key = names
        .iter()
        .find_map(|name| given(name).map(|value| (name, value)));
    findings.push(match key {
        Some((name, value)) => {
            let shape = format!("set, {} characters, from {name}", value.chars().count());
            if value.trim() != value || value.chars().any(char::is_whitespace) {
                let remedy = "copy the key again, without blanks or line ends";
                Finding::note(format!("key: {shape}, with blanks in it"), remedy)
            } else {
                Finding::fine(format!("key: {shape}"))
            }
        }
        None if real && !has_file => Finding::broken(&Problem::new(
            "runs are to go to the service, and there is no key",
            "set LANGSMITH_API_KEY, or write it to .env; or unset WORKBOOK_TARGET",
        )),
        None if has_file => Finding::fine("key: not exported; .env is there and may hold one"),
        None => Finding::fine("key: none, and none is needed for the stand-in"),
    });
    if let Some(endpoint) = given("LANGSMITH_ENDPOINT").or_else(|| given("LANGCHAIN_ENDPOINT")) {
        findings.push(endpoint_finding(&endpoint));
    }
    findings
}

/// Names an endpoint without what a reader should not see: user, password, query.
fn endpoint_finding(endpoint: &str) -> Finding {
    let Some((scheme, rest)) = endpoint.split_once("://") else {
        let remedy = "LANGSMITH_ENDPOINT begins with https://";
        return Finding::note("the endpoint is not an address", remedy);
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    let local = ["localhost", "127.", "[::1]"]
        .iter()
        .any(|name| host.starts_with(name));
    if scheme == "https" || local {
        return Finding::fine(format!("endpoint: {scheme}://{host}"));
    }
    let remedy = "use https://, or the key travels in the clear";
    Finding::note(
        format!("endpoint: {scheme}://{host} is not encrypted"),
        remedy,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "lsv2_pt_not-a-real-key-not-a-real-key-01_0123456789";

    fn told(pairs: &[(&str, &str)], has_file: bool) -> String {
        let find = |name: &str| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        findings(find, has_file)
            .iter()
            .map(|finding| format!("{finding}\n"))
            .collect()
    }

    #[test]
    fn a_key_is_described_and_never_printed() {
        let target = ("WORKBOOK_TARGET", "langsmith");
        for key in [KEY.to_owned(), format!("{KEY}\n"), "short".into()] {
            let text = told(&[("LANGSMITH_API_KEY", &key), target], false);
            assert!(!text.contains(key.trim()), "{text}");
            assert!(text.contains("characters, from LANGSMITH_API_KEY"));
        }
        assert!(told(&[("LANGSMITH_API_KEY", KEY)], false).contains("set, 51 characters"));
    }

    #[test]
    fn a_key_inside_other_variables_is_not_printed_either() {
        let address = format!("https://user:{KEY}@api.example/x?key={KEY}");
        let pairs = [("WORKBOOK_TARGET", KEY), ("LANGSMITH_ENDPOINT", &address)];
        assert!(!told(&pairs, false).contains(KEY));
    }

    #[test]
    fn the_service_without_a_key_must_be_mended() {
        assert!(told(&[("WORKBOOK_TARGET", "langsmith")], false).contains("✗"));
        assert!(!told(&[("WORKBOOK_TARGET", "langsmith")], true).contains("✗"));
        assert!(!told(&[], false).contains("✗"));
    }
}
