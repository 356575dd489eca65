//! Where runs would go: the target, the key's shape, the endpoint. Start at [`findings`].

use super::Finding;
use crate::problem::Problem;

/// Says where runs would go. Never prints a key.
pub(super) fn findings(given: impl Fn(&str) -> Option<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let real = is_service(&given);
    findings.push(match given("WORKBOOK_TARGET").as_deref().map(str::trim) {
        None | Some("mock") => Finding::fine("runs go to the stand-in on this machine"),
        Some("langsmith") => Finding::fine("WORKBOOK_TARGET=langsmith: runs go to the service too"),
        Some(_) => Finding::note(
            "WORKBOOK_TARGET has a value that is not known",
            "WORKBOOK_TARGET=langsmith sends to the service; leave it out for the stand-in",
        ),
    });
    findings.push(match setting(&given, "API_KEY") {
        Some((name, value)) => {
            let shape = format!("set, {} characters, from {name}", value.chars().count());
            if value.trim() != value || value.chars().any(char::is_whitespace) {
                let remedy = "copy the key again, without blanks or line ends";
                Finding::note(format!("key: {shape}, with blanks in it"), remedy)
            } else {
                Finding::fine(format!("key: {shape}"))
            }
        }
        None if real => Finding::broken(&no_key()),
        None => Finding::fine("key: none, and none is needed for the stand-in"),
    });
    if let Some((_, endpoint)) = setting(&given, "ENDPOINT") {
        findings.push(endpoint_finding(&endpoint));
    }
    findings
}

/// Says whether runs are to go to the service.
pub(super) fn is_service(given: impl Fn(&str) -> Option<String>) -> bool {
    given("WORKBOOK_TARGET").is_some_and(|target| target.trim() == "langsmith")
}

/// Finds a setting under the first of its two names that is set, as the client does.
pub(super) fn setting(
    given: impl Fn(&str) -> Option<String>,
    name: &str,
) -> Option<(String, String)> {
    let names = ["LANGSMITH_", "LANGCHAIN_"].map(|prefix| format!("{prefix}{name}"));
    names
        .into_iter()
        .find_map(|name| given(&name).map(|value| (name, value)))
}

/// What a reader is told who asked for the service and has no key.
pub(super) fn no_key() -> Problem {
    Problem::new(
        "runs are to go to the service, and there is no key",
        "set LANGSMITH_API_KEY, or write it to .env; or unset WORKBOOK_TARGET",
    )
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

    fn told(pairs: &[(&str, &str)]) -> String {
        let find = |name: &str| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        findings(find)
            .iter()
            .map(|finding| format!("{finding}\n"))
            .collect()
    }

    #[test]
    fn a_key_is_described_and_never_printed() {
        let target = ("WORKBOOK_TARGET", "langsmith");
        for key in [KEY.to_owned(), format!("{KEY}\n"), "short".into()] {
            let text = told(&[("LANGSMITH_API_KEY", &key), target]);
            assert!(!text.contains(key.trim()), "{text}");
            assert!(text.contains("characters, from LANGSMITH_API_KEY"));
        }
        assert!(told(&[("LANGSMITH_API_KEY", KEY)]).contains("set, 51 characters"));
    }

    #[test]
    fn a_key_inside_other_variables_is_not_printed_either() {
        let address = format!("https://user:{KEY}@api.example/x?key={KEY}");
        let pairs = [("WORKBOOK_TARGET", KEY), ("LANGSMITH_ENDPOINT", &address)];
        assert!(!told(&pairs).contains(KEY));
    }

    #[test]
    fn the_service_without_a_key_must_be_mended() {
        assert!(told(&[("WORKBOOK_TARGET", "langsmith")]).contains("✗"));
        assert!(!told(&[]).contains("✗"));
    }
}
