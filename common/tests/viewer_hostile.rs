//! Whatever a client sends, the viewer shows it as text and as nothing else.
//!
//! Row 82 of the threats (stored cross-site scripting): pages are read by a real HTML parser, and only
//! known elements and attributes may exist in them.

#![cfg(all(feature = "langsmith_mock", feature = "analysis"))]
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod langsmith_mock_support;
mod pages;

use common::langsmith_mock::LangSmithMock;
use langsmith_mock_support::*;
use pages::{get, page};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use serde_json::{Value, json};

/// What is tried on viewers, and what breaks naive ones.
const TRICKS: [&str; 22] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "</script><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</pre></main><iframe src=//evil.example>",
    "<svg/onload=alert(1)>",
    "<!-- --><style>*{display:none}</style>",
    "]]><x:y xmlns:x='z'>",
    "{{constructor.constructor('alert(1)')()}}",
    "${alert(1)} #{alert(1)} <%= 1 %>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#x3c;script&#x3e;",
    "data:text/html,<script>alert(1)</script>",
    "//evil.example/",
    "\u{202e}txt.exe\u{2066}",
    "\u{1b}[31mred\u{1b}[0m",
    "nul\0in the middle",
    "line\r\nfeed\u{2028}and\u{85}others",
    "\u{feff}\u{200b}\u{e0001}",
    "e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
];

/// Sends a run that says `text` wherever a run can say something, and asks for every page about it.
fn every_page_with(text: &str) -> Vec<pages::Page> {
    let mock = LangSmithMock::builder().lenient().unmounted();
    let mut run = post(1, &[]);
    run["name"] = json!(text);
    run["run_type"] = json!(text);
    run["session_name"] = json!(text);
    run["tags"] = json!([text, "plain"]);
    run["inputs"] = json!({
        text: text,
        "messages": [{"role": text, "content": text}],
        "nested": [{text: [text]}],
    });
    run["outputs"] = json!({"text": text, "usage_metadata": {text: text}});
    run["error"] = json!(text);
    run["end_time"] = json!(start(9));
    run["events"] =
        json!([{"name": text, "time": start(2), "message": text, "kwargs": {text: text}}]);
    run["extra"] = json!({
        "metadata": {"service": text, "thread_id": text, text: text},
        "runtime": {"sdk": text, text: text},
        text: text,
    });
    let mut child = post(2, &[1]);
    child["name"] = json!(text);
    child["run_type"] = json!("llm");
    child["extra"] = json!({"metadata": {
        "service": format!("{text}!"),
        "usage_metadata": {"input_tokens": u64::MAX, "total_tokens": text, "total_cost": text},
    }});
    child["events"] = json!([{"name": "new_token", "time": start(1)}]);
    let mut orphan = post(4, &[3]);
    orphan["name"] = json!(text);
    orphan["dotted_order"] = json!(text);
    let nothing = json!({"id": text, "name": text, "trace_id": text, "dotted_order": text});
    batch(&mock, &[run, child, orphan, nothing], &[]);
    let strict = LangSmithMock::builder().unmounted();
    let mut dropped = post(2, &[1]);
    dropped["name"] = json!(text);
    dropped["dotted_order"] = json!(text);
    batch(&strict, &[post(1, &[]), dropped], &[]);
    let feedback = json!({
        "run_id": id(1), "key": text, "comment": text, "value": text, "correction": {text: text},
        "feedback_source": {"type": text},
    });
    mock.handle(json_request(http::Method::POST, "/feedback", &feedback));
    // Only what a header can carry.
    let printable: String = text
        .chars()
        .filter(|c| matches!(c, ' '..='~') && *c != '"' && *c != '\\')
        .collect();
    let file = (
        format!("attachment.{}.{printable}", id(1)),
        format!("image/{}", printable.replace([' ', ';', ','], "")),
        b"<script>alert(1)</script>".to_vec(),
    );
    send_parts(&mock, &[file]);
    let encoded = utf8_percent_encode(text, NON_ALPHANUMERIC);
    let mut read = vec![
        page(&mock, "/"),
        page(
            &mock,
            &format!("/?q={encoded}&project={encoded}&status={encoded}&page={encoded}"),
        ),
        page(&mock, &format!("/?trace={}", id(1))),
        page(&mock, &format!("/?trace={}&run={}", id(1), id(2))),
        page(&mock, &format!("/?trace={encoded}&run={encoded}")),
        page(&mock, &format!("/?run={encoded}")),
        page(&mock, &format!("/traces/{encoded}")),
        page(&mock, "/violations"),
    ];
    read.push(page(&strict, &format!("/?trace={}", id(1))));
    read.push(page(&strict, "/violations"));
    read
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_a_run_says_becomes_markup(
        parts in prop::collection::vec(
            prop_oneof![
                prop::sample::select(TRICKS.to_vec()).prop_map(str::to_owned),
                any::<String>(),
                "[<>\"'&/= a-z]{0,24}",
            ],
            1..4,
        )
    ) {
        // The pages check themselves as they are read.
        every_page_with(&parts.concat());
    }
}

#[test]
fn every_trick_is_shown_as_the_text_that_it_is() {
    for trick in TRICKS {
        let pages = every_page_with(trick);
        let printable = trick.chars().all(|c| c.is_ascii_graphic() || c == ' ');
        if printable {
            let trace = &pages[2];
            for id in ["runs", "run"] {
                assert!(trace.by_id(id).text.contains(trick), "{trick} in {id}");
            }
            assert!(
                pages[0].by_id("traces").text.contains(trick),
                "{trick} in the list"
            );
            assert!(
                pages[9].text.contains(trick),
                "{trick} among the violations"
            );
        }
    }
}

#[test]
fn what_hides_or_turns_the_reading_direction_is_visible() {
    let pages = every_page_with("a\u{202e}b\u{200b}c\0d\u{1b}e");
    for page in &pages {
        let hidden = |c: char| c.is_control() && c != '\n' || matches!(c, '\u{202e}' | '\u{200b}');
        assert!(!page.text.contains(hidden), "{:?}", page.text);
    }
    assert!(
        pages[2]
            .by_id("run")
            .text
            .contains("a⟨U+202E⟩b⟨U+200B⟩c␀d␛e")
    );
}

#[test]
fn what_a_client_sent_is_never_a_page_of_this_server() {
    let mock = LangSmithMock::builder().unmounted();
    let part = |name: &str, content_type: &str, data: &[u8]| {
        let name = format!("attachment.{}.{name}", id(1));
        (name, content_type.to_owned(), data.to_vec())
    };
    let main = json_part(format!("post.{}", id(1)), &post(1, &[]));
    send_parts(
        &mock,
        &[
            main,
            part("page", "text/html", b"<script>alert(1)</script>"),
            part("drawing", "image/svg+xml", b"<svg onload='alert(1)'/>"),
            part("photo", "image/png", b"\x89PNG"),
            part("lie", "image/png; x=\"", b"<script>alert(1)</script>"),
        ],
    );
    let file = |name: &str| {
        get(
            &mock,
            &format!("/viewer/attachment?run={}&name={name}", id(1)),
        )
    };
    for name in ["page", "drawing", "photo", "lie"] {
        let answer = file(name);
        assert_eq!(answer.status, 200, "{name}");
        let header = |wanted: &str| {
            let mut all = answer.headers.iter();
            all.find(|(has, _)| *has == wanted)
                .map_or("", |(_, value)| value)
        };
        assert!(
            header("content-security-policy").contains("sandbox"),
            "{name}"
        );
        assert_eq!(header("x-content-type-options"), "nosniff", "{name}");
        let is_download = header("content-disposition").starts_with("attachment; filename=\"");
        let is_image = answer.content_type == "image/png";
        assert!(is_download || is_image, "{name}: {}", answer.content_type);
        assert!(is_download || !matches!(name, "page" | "drawing"), "{name}");
    }
    assert_eq!(file("nothing").status, 404);
    let shown = page(&mock, &format!("/?trace={}", id(1)));
    let images: Vec<_> = shown
        .all("img")
        .filter_map(|image| image.get("src"))
        .collect();
    assert!(
        images
            .iter()
            .all(|src| src.starts_with("/viewer/attachment?run="))
    );
    let raw = get(&mock, &format!("/viewer/run.json?run={}", id(1)));
    assert_eq!(raw.content_type, "application/json");
    let raw: Value = serde_json::from_slice(&raw.body).unwrap();
    assert_eq!(raw["name"], "run 1");
}

#[test]
fn a_key_that_stands_in_a_run_is_shown_nowhere() {
    let mock = LangSmithMock::builder().unmounted();
    let mut run = post(1, &[]);
    let leak = format!("the key is {KEY}, keep it");
    run["name"] = json!(leak);
    run["inputs"] = json!({"prompt": leak, "list": [leak], leak.clone(): 1});
    run["error"] = json!(leak);
    run["extra"] = json!({"metadata": {"service": leak, "thread_id": leak}});
    // The stand-in knows a key once a request has shown it.
    let mut dropped = post(2, &[]);
    dropped["name"] = json!(leak);
    dropped["dotted_order"] = json!(leak);
    batch(&mock, &[run, dropped], &[]);
    let feedback = json!({"run_id": id(1), "key": leak, "value": leak, "comment": leak});
    mock.handle(json_request(http::Method::POST, "/feedback", &feedback));
    for target in [
        "/".to_owned(),
        format!("/?trace={}", id(1)),
        format!("/viewer/run.json?run={}", id(1)),
        "/violations".to_owned(),
    ] {
        let body = get(&mock, &target).body;
        let text = String::from_utf8_lossy(&body);
        assert!(!text.contains(KEY), "{target}");
    }
    assert!(page(&mock, "/violations").text.contains("key_in_body"));
}
