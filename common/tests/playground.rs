//! The header playground: our reading is the propagator's, that of others is what was recorded, and nothing else.
#![cfg(all(feature = "langsmith_mock", feature = "analysis"))]

mod pages;

use common::langsmith_mock::{LangSmithMock, MockRequest};
use common::playground::{HeaderReading, MemberVerdict, read};
use common::propagation::{LangSmithPropagator, Outcome, Propagator as _, TrustPolicy};
use http::{HeaderValue, Method};
use pages::{Page, page};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

#[path = "vectors/cases.rs"]
mod recorded;

use recorded::{cases, headers};

const A: &str = "20260101T000000000000Z01990000-0000-7000-8000-00000000000a";

fn pasted(headers: &[(String, String)]) -> String {
    let lines = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\n"));
    lines.collect()
}

fn with(baggage: &str) -> HeaderReading {
    read(&format!("langsmith-trace: {A}\nbaggage: {baggage}"))
}

#[test]
fn every_recorded_case_reads_as_the_propagator_reads_it_and_shows_what_was_recorded() {
    let mut kept = 0;
    for case in cases() {
        let name = case["name"].as_str().expect("a name");
        let headers = headers(&case);
        let ours = LangSmithPropagator::new()
            .policy(TrustPolicy::Continue)
            .allow_any_project();
        let extracted = ours.extract(&headers);
        let reading = read(&pasted(&headers));
        assert_eq!(reading.outcome, extracted.outcome, "{name}");
        let inherited = extracted
            .context
            .as_ref()
            .map(|context| (*context.baggage).clone());
        assert_eq!(reading.inherited, inherited, "{name}");
        // The members name the reasons that the counters name.
        if extracted.context.is_some() {
            let mut found = Vec::new();
            for member in &reading.members {
                match &member.verdict {
                    MemberVerdict::Ignored(reasons) | MemberVerdict::Partly(reasons) => {
                        found.extend(reasons)
                    }
                    MemberVerdict::OverBudget => found.push("over_budget"),
                    _ => {}
                }
            }
            let expected = extracted.ignored().by_reason();
            let mut expected: Vec<&str> = expected
                .into_iter()
                .filter(|(_, count)| *count > 0)
                .map(|(reason, _)| reason)
                .collect();
            found.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found, expected, "{name}");
        }
        let whole = case["headers"]
            .as_array()
            .is_some_and(|all| all.iter().all(|one| one["value"].is_string()));
        for (peer, made) in reading
            .peers
            .iter()
            .zip(["python_from_headers", "js_from_headers"])
        {
            if !whole {
                assert!(
                    peer.lines.iter().all(|line| line.about != "these bytes"),
                    "{name}"
                );
                continue;
            }
            kept += 1;
            assert_eq!(peer.lines.len(), 1, "{name}");
            assert_eq!(peer.lines[0].bytes, None, "{name}");
            let begins = match case[made]["result"].as_str() {
                Some("raises") => "raises ",
                Some("none") => "no parent",
                _ => "goes on below run ",
            };
            assert!(
                peer.lines[0].what.starts_with(begins),
                "{name}: {}",
                peer.lines[0].what
            );
        }
    }
    assert_eq!(kept, 2 * 56);
}

#[test]
fn of_bytes_that_nobody_recorded_a_case_of_the_same_class_is_shown_with_its_own_bytes_or_none() {
    let other = "20261122T100538926531Z01a202b7-f0ee-7646-9e7b-a245c1fc89c2";
    let reading = read(&format!(
        "langsmith-trace: {other}\nbaggage: langsmith-tags=x, langsmith-project=mine"
    ));
    let python = &reading.peers[0];
    assert_eq!(python.sdk, "Python 0.15.0");
    assert_eq!(python.lines[0].case, "space after comma (legal W3C OWS)");
    assert_eq!(python.lines[0].about, "headers of the same class");
    let bytes = python.lines[0].bytes.as_deref().expect("its bytes");
    assert!(
        bytes.contains(A) && bytes.contains("langsmith-tags=t1, langsmith-project=proj"),
        "{bytes}"
    );

    for (text, case) in [
        ("langsmith-trace: garbage", "literal null"),
        (
            &format!("langsmith-trace: {other}, {A}"),
            "comma-joined duplicate header",
        ),
        (
            &format!("langsmith-trace: {}", other.to_uppercase()),
            "uppercase uuid",
        ),
    ] {
        assert_eq!(read(text).peers[1].lines[0].case, case, "{text}");
    }
    // Two lines, an id that is cut short, text that no case has.
    for text in [
        format!("langsmith-trace: {A}\nlangsmith-trace: {A}"),
        format!("langsmith-trace: {}", &A[..55]),
        "langsmith-trace: 12 garbage".to_owned(),
        "accept: */*".to_owned(),
    ] {
        let reading = read(&text);
        assert!(
            reading.peers.iter().all(|peer| peer.lines.is_empty()),
            "{text}"
        );
        assert!(reading.to_string().contains("not recorded"), "{text}");
    }
    // Together they were never recorded; each part was.
    let parts = with("langsmith-tags=b%2Ca%2Cb,langsmith-project=a+b");
    let about: Vec<&str> = parts.peers[0]
        .lines
        .iter()
        .map(|line| line.about.as_str())
        .collect();
    assert_eq!(
        about,
        [
            "the trace header, alone",
            "the member langsmith-tags, alone",
            "the member langsmith-project, alone"
        ]
    );
}

#[test]
fn a_member_behind_a_blank_is_not_told_of_as_if_the_blank_were_not_there() {
    let about = |baggage: &str| -> Vec<String> {
        let reading = with(baggage);
        let lines = reading.peers[0].lines.iter();
        lines.map(|line| line.about.clone()).collect()
    };
    // Nobody recorded metadata behind a blank; tags behind one were dropped.
    let metadata = "langsmith-metadata=%7B%22a%22%3A1%7D";
    let (trace, member) = (
        "the trace header, alone".to_owned(),
        "the member langsmith-metadata, alone".to_owned(),
    );
    assert_eq!(
        about(&format!("sentry=1, {metadata}")),
        std::slice::from_ref(&trace),
        "a blank"
    );
    assert_eq!(
        about(&format!("sentry=1,{metadata}")),
        [trace, member],
        "no blank"
    );
}

#[test]
fn each_member_has_its_verdict_and_each_limit_its_row() {
    let reading = with(
        "langsmith-project=p1,langsmith-project=p2;ttl=3,foo,userId=42,langsmith-tags=,langsmith-replicas=%5B%5D,\
         langsmith-metadata=%7B%22a%22%3A1%2C%22thread_id%22%3A%22t%22%7D",
    );
    let verdicts: Vec<String> = reading
        .members
        .iter()
        .map(|one| one.verdict.to_string())
        .collect();
    assert_eq!(
        verdicts,
        [
            "overridden by a later one",
            "kept",
            "ignored: bad_member",
            "of somebody else",
            "says nothing",
            "ignored: never_read",
            "kept in part: reserved_metadata",
        ]
    );
    assert_eq!(reading.members[1].value.as_deref(), Some("p2"));
    assert_eq!(reading.member_count, 7);
    let used = |reading: &HeaderReading, what: &str| {
        let row = reading.budget.iter().find(|row| row.what == what);
        row.map(|row| (row.used, row.limit))
    };
    assert_eq!(used(&reading, "keys of metadata"), Some((2, 64)));
    assert_eq!(used(&reading, "members of baggage"), Some((7, 64)));
    assert_eq!(used(&reading, "bytes of langsmith-trace"), Some((58, 8192)));

    let long = with(&format!(
        "langsmith-tags=a,padding={},langsmith-project=p",
        "x".repeat(8192)
    ));
    assert_eq!(long.members[0].verdict, MemberVerdict::Kept);
    assert_eq!(long.members[1].verdict, MemberVerdict::OverBudget);
    assert_eq!(long.members[2].verdict, MemberVerdict::OverBudget);
    assert!(
        long.budget
            .iter()
            .any(|row| row.what == "bytes of baggage" && row.is_over())
    );
    let many = with(&"a=1,".repeat(5000));
    assert_eq!((many.members.len(), many.member_count), (80, 5000));
    assert_eq!(many.members[64].verdict, MemberVerdict::OverBudget);
}

#[test]
fn a_reading_is_text_and_html_and_what_was_pasted_is_escaped_in_it() {
    let text = with("langsmith-tags=t1, langsmith-project=proj").to_string();
    for words in [
        "our receiver: continued",
        "trace and root 01990000-0000-7000-8000-00000000000a from 2026-01-01 00:00:00.000000",
        "children inherit: project proj; tags [t1]; metadata []",
        "⚠ langsmith-project counts only where the receiver allows it by name",
        "Python 0.15.0\n  these bytes (case “space after comma (legal W3C OWS)”): goes on below run",
        "JavaScript 0.12.0",
    ] {
        assert!(text.contains(words), "{words}:\n{text}");
    }
    let hostile = "<script>alert(1)</script>";
    let html = read(&format!(
        "langsmith-trace: {hostile}\nbaggage: {hostile}={hostile}"
    ))
    .to_html();
    assert!(
        !html.contains("<script") && html.contains("&lt;script&gt;"),
        "{html}"
    );
}

fn post(mock: &LangSmithMock, body: String) -> Page {
    let mut request = MockRequest::new(Method::POST, "/playground", body);
    request
        .headers
        .insert("accept", HeaderValue::from_static("text/html"));
    request
        .headers
        .insert("host", HeaderValue::from_static("127.0.0.1:1984"));
    let answer = mock.handle(request);
    assert_eq!(answer.status, 200);
    let policy = answer
        .headers
        .iter()
        .find(|(name, _)| *name == "content-security-policy");
    assert!(policy.is_some_and(|(_, policy)| policy.starts_with("default-src 'none'; ")));
    let page = Page::read(std::str::from_utf8(&answer.body).expect("UTF-8"));
    page.check("/playground");
    page
}

#[test]
fn the_page_of_the_stand_in_reads_a_form_without_a_script_and_keeps_nothing() {
    let mock = LangSmithMock::builder().unmounted();
    let empty = page(&mock, "/playground");
    assert!(empty.text.contains("Header playground") && !empty.text.contains("Our receiver"));
    let form = empty.by_id("playground");
    assert_eq!(
        (form.get("method"), form.get("action")),
        (Some("post"), Some("/playground"))
    );

    let text = format!("langsmith-trace: {A}\nbaggage: langsmith-tags=a b+c\n");
    let encoded = utf8_percent_encode(&text, NON_ALPHANUMERIC);
    for page in [
        post(&mock, format!("headers={encoded}")),
        page(&mock, &format!("/playground?headers={encoded}")),
    ] {
        assert!(
            page.by_id("reading")
                .text
                .contains("Our receiver: continued")
        );
        assert!(page.by_id("headers").text.contains("langsmith-tags=a b+c"));
    }
    assert!(mock.requests().is_empty(), "who looks on is not counted");

    for trick in [
        "</textarea><script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "\u{202e}\0\u{1b}[31m",
    ] {
        let text =
            format!("langsmith-trace: {trick}\nbaggage: {trick}={trick},langsmith-project={trick}");
        let page = post(
            &mock,
            format!("headers={}", utf8_percent_encode(&text, NON_ALPHANUMERIC)),
        );
        assert!(
            page.by_id("reading").text.contains("Our receiver"),
            "{trick}"
        );
    }
    let mut elsewhere = MockRequest::new(Method::POST, "/playground", "");
    elsewhere
        .headers
        .insert("host", HeaderValue::from_static("evil.example"));
    assert_eq!(mock.handle(elsewhere).status, 403);
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_as_the_propagator_reads_its_headers(
        trace in "[0-9TZ.,a-f{}é -]{0,120}",
        baggage in "([a-z]{0,3}|langsmith-(tags|project|metadata|replicas))[=;, ]{0,2}[a-z0-9%,;=é +]{0,60}",
    ) {
        let text = format!("langsmith-trace: {trace}\nbaggage: {baggage}\n");
        let headers = [("langsmith-trace", trace.trim()), ("baggage", baggage.trim())];
        let ours = LangSmithPropagator::new().policy(TrustPolicy::Continue).allow_any_project();
        let reading = read(&text);
        proptest::prop_assert_eq!(reading.outcome, ours.extract(&headers).outcome);
        let _ = (reading.to_string(), reading.to_html());
    }
}

#[test]
fn nothing_that_is_pasted_makes_it_fail() {
    for text in [
        "",
        "\u{0}",
        ":",
        "langsmith-trace:",
        "baggage:",
        "curl -H '",
        "> ",
        "é: é",
    ] {
        let _ = read(text).to_string();
        let _ = read(text).to_html();
    }
    let long = format!(
        "langsmith-trace: {}\nbaggage: {}",
        "é.".repeat(5_000),
        ",=;%".repeat(10_000)
    );
    assert_eq!(read(&long).outcome, Outcome::Oversize);
}
