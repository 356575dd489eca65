//! The recorded header cases, for the tests that feed them to something.

use serde_json::Value;

/// Returns the 59 cases.
pub(crate) fn cases() -> Vec<Value> {
    // What Python read out of one case is a lone surrogate, which no Rust text can hold.
    let text = include_str!("header_cases.json").replace("\\ud800", "\\ufffd");
    let file: Value = serde_json::from_str(&text).expect("the vectors are JSON");
    file["cases"].as_array().expect("cases").clone()
}

/// Returns the headers of a case; those that the file cuts short are built again.
pub(crate) fn headers(case: &Value) -> Vec<(String, String)> {
    case["headers"]
        .as_array()
        .expect("headers")
        .iter()
        .map(|header| {
            let name = header["name"].as_str().expect("name").to_owned();
            let value = match header["value"].as_str() {
                Some(value) => value.to_owned(),
                None => rebuild(case["name"].as_str().expect("name")),
            };
            if let Some(length) = header["value_length"].as_u64() {
                assert_eq!(value.len() as u64, length, "rebuilt as it was: {case}");
            }
            (name, value)
        })
        .collect()
}

fn rebuild(name: &str) -> String {
    let (member, text) = match name {
        "metadata: 5000-deep nesting" => (
            "metadata",
            format!("{{\"a\":{}{}}}", "[".repeat(5000), "]".repeat(5000)),
        ),
        "metadata: 60 kB value" => ("metadata", format!("{{\"a\":\"{}\"}}", "x".repeat(60_000))),
        "replicas: 1000 entries" => {
            let entry = |n| format!("{{\"project_name\":\"p{n}\",\"projectName\":\"p{n}\"}}");
            let entries: Vec<String> = (0..1000).map(entry).collect();
            ("replicas", format!("[{}]", entries.join(",")))
        }
        other => panic!("nobody knows how to rebuild {other}"),
    };
    let escaped: String = text
        .bytes()
        .map(|byte| match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'_' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    format!("langsmith-{member}={escaped}")
}
