//! The propagator's promises: round trip, budget, trust, and that nothing a stranger sends is fatal.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use common::model::{Baggage, DottedOrder, JsonMap, LazyBaggage, RunContext};
use common::propagation::limits::{
    LANGGRAPH_METADATA, LANGGRAPH_TAGS, MAX_BAGGAGE_BYTES, MAX_BAGGAGE_MEMBERS, MAX_METADATA_KEYS,
};
use common::propagation::{
    Extracted, Extractor, INCOMING_RUN_ID, INCOMING_TRACE_ID, Injector, LangSmithPropagator,
    Outcome, Propagator as _, TrustPolicy,
};
use http::HeaderMap;
use proptest::prelude::*;
use serde_json::{Value, json};

const A: &str = "20260101T000000000000Z01990000-0000-7000-8000-00000000000a";
const AB: &str = "20260101T000000000000Z01990000-0000-7000-8000-00000000000a.\
                  20260101T000001500000Z01990000-0000-7000-8000-00000000000b";

fn open_to_all() -> LangSmithPropagator {
    LangSmithPropagator::new()
        .policy(TrustPolicy::Continue)
        .allow_any_project()
        .allow_metadata(["thread_id"])
}

fn context(metadata: Value, tags: &[&str], project: Option<&str>) -> RunContext {
    let Value::Object(metadata) = metadata else {
        panic!("metadata is an object");
    };
    RunContext {
        dotted_order: AB.parse().expect("valid"),
        baggage: LazyBaggage::from(Baggage {
            metadata: Arc::new(metadata),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            project: project.map(str::to_owned),
        }),
    }
}

fn read(baggage: &[&str]) -> Extracted {
    let mut headers = vec![("langsmith-trace", A)];
    headers.extend(baggage.iter().map(|line| ("baggage", *line)));
    open_to_all().extract(&headers)
}

fn metadata_of(json: &Value) -> (JsonMap, Extracted) {
    let escaped = percent_encoding::utf8_percent_encode(
        &json.to_string(),
        percent_encoding::NON_ALPHANUMERIC,
    )
    .to_string();
    let extracted = read(&[&format!("langsmith-metadata={escaped}")]);
    let context = extracted.context.clone().expect("valid");
    ((*context.baggage.metadata).clone(), extracted)
}

#[test]
fn every_carrier_gives_back_what_was_put_into_it() {
    fn round_trip(mut carrier: impl Injector) {
        let context = context(json!({"k": "é ,=;%"}), &["a", "b/c"], Some("docs"));
        open_to_all().inject(&context, &mut carrier);
        assert_eq!(open_to_all().extract(&carrier).context, Some(context));
    }
    round_trip(HeaderMap::new());
    round_trip(Vec::new());
    round_trip(HashMap::<String, String>::new());
    round_trip(BTreeMap::new());
    round_trip(JsonMap::new());
}

#[test]
fn an_old_context_is_replaced_and_the_baggage_of_others_is_kept() {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("langsmith-trace", A),
        ("langsmith-trace", A),
        ("baggage", "userId=42;ttl=5, langsmith-project=old"),
        ("baggage", "langsmith-replicas=%5B%5D,sentry-id=x"),
    ] {
        headers.append(name, value.parse().expect("a header value"));
    }
    open_to_all().inject(&context(json!({}), &["new"], None), &mut headers);
    let values: Vec<_> = headers.iter().map(|(_, value)| value.as_bytes()).collect();
    assert_eq!(
        values,
        [
            AB.as_bytes(),
            b"userId=42;ttl=5,sentry-id=x,langsmith-tags=new"
        ]
    );
}

#[test]
fn without_baggage_no_header_is_added_and_an_old_one_of_ours_goes_away() {
    let bare = context(json!({}), &[], None);
    assert_eq!(
        open_to_all().headers(&bare),
        [("langsmith-trace".to_owned(), AB.to_owned())]
    );
    let mut carrier = vec![("Baggage".to_owned(), "langsmith-project=old".to_owned())];
    open_to_all().inject(&bare, &mut carrier);
    assert_eq!(carrier, [("langsmith-trace".to_owned(), AB.to_owned())]);
}

#[test]
fn metadata_is_what_a_full_baggage_leaves_out_first() {
    let propagator = open_to_all();
    let large = json!({"text": "x".repeat(8200)});
    let headers = propagator.headers(&context(large, &["t"], Some("docs")));
    assert_eq!(headers[1].1, "langsmith-tags=t,langsmith-project=docs");
    assert_eq!(propagator.counters().left_out, 1);

    // Others have taken all 64 places: theirs stay, ours go.
    let foreign: Vec<String> = (0..64).map(|n| format!("k{n}=v")).collect();
    let mut carrier = vec![("baggage".to_owned(), foreign.join(","))];
    propagator.inject(
        &context(json!({"a": 1}), &["t"], Some("docs")),
        &mut carrier,
    );
    assert_eq!(carrier.first("baggage"), Some(&*foreign.join(",")));
    assert_eq!(propagator.counters().left_out, 4);
}

/// The context of a run with that many levels, itself included.
fn deep(levels: u128) -> RunContext {
    let mut context = context(json!({"k": 1}), &["t"], Some("docs"));
    let segment = |n: u128| {
        let id = uuid::Uuid::from_u128(n + 1);
        format!("20260101T000000000000Z{id}")
    };
    let order: Vec<String> = (0..levels).map(segment).collect();
    context.dotted_order = order.join(".").parse().expect("valid");
    context
}

#[test]
fn a_run_too_deep_to_be_read_is_not_sent() {
    let propagator = open_to_all();
    let headers = propagator.headers(&deep(128));
    assert_eq!(propagator.extract(&headers).context, Some(deep(128)));

    assert_eq!(propagator.headers(&deep(129)), []);
    let mut carrier = vec![
        ("Langsmith-Trace".to_owned(), A.to_owned()),
        ("baggage".to_owned(), "a=1,langsmith-project=old".to_owned()),
    ];
    propagator.inject(&deep(300), &mut carrier);
    assert_eq!(carrier, [("baggage".to_owned(), "a=1".to_owned())]);

    let counters = propagator.counters();
    assert_eq!((counters.injected, counters.not_injected), (1, 2));
    assert_eq!(counters.left_out, 0);
}

#[test]
fn a_baggage_is_filled_to_its_last_byte_and_not_past_it() {
    let project = "langsmith-project=p";
    for (spare, fits) in [(0, true), (1, false)] {
        let size = MAX_BAGGAGE_BYTES - 1 - project.len() + spare;
        let theirs = format!("k={}", "x".repeat(size - 2));
        let mut carrier = vec![("baggage".to_owned(), theirs.clone())];
        open_to_all().inject(&context(json!({}), &[], Some("p")), &mut carrier);
        let merged = carrier.first("baggage").expect("kept").to_owned();
        assert_eq!(merged == format!("{theirs},{project}"), fits);
        assert_eq!(merged == theirs, !fits);
    }
}

#[test]
fn several_lines_share_one_budget_and_the_last_of_a_name_counts() {
    let extracted = read(&["langsmith-project=one", " langsmith-project = two ; ttl=5 "]);
    let project = |extracted: Extracted| {
        extracted
            .context
            .expect("valid")
            .baggage
            .into_inner()
            .project
    };
    assert_eq!(project(extracted).as_deref(), Some("two"));

    let filler = format!("k={}", "x".repeat(MAX_BAGGAGE_BYTES - 2));
    let extracted = read(&[&filler, "langsmith-project=late"]);
    assert_eq!(extracted.ignored().over_budget, 1);
    assert_eq!(project(extracted), None);

    let members = |count: usize| vec!["k=v"; count].join(",");
    let extracted = read(&[&members(40), &members(23), "langsmith-project=64th,a=b"]);
    assert_eq!(extracted.ignored().over_budget, 1);
    assert_eq!(project(extracted).as_deref(), Some("64th"));
}

#[test]
fn a_baggage_of_exactly_the_budget_is_read_to_its_end() {
    let member = ",langsmith-project=p";
    let filler = format!("k={}", "x".repeat(MAX_BAGGAGE_BYTES - 2 - member.len()));
    let exact = format!("{filler}{member}");
    assert_eq!(exact.len(), MAX_BAGGAGE_BYTES);
    assert_eq!(read(&[&exact]).ignored().total(), 0);
    assert_eq!(read(&[&format!("{exact}p")]).ignored().over_budget, 1);
}

#[test]
fn metadata_has_its_limits_entry_by_entry() {
    let nested = |levels: usize| (1..levels).fold(json!({}), |inner, _| json!({ "d": inner }));
    let (metadata, extracted) = metadata_of(&json!({
        "deep": nested(7),
        "too deep": nested(8),
        "long": "x".repeat(1024),
        "too long": "x".repeat(1025),
        "too wide": vec![1; 600],
        "ok": true,
    }));
    let keys: Vec<&String> = metadata.keys().collect();
    assert_eq!(keys, ["deep", "long", "ok"]);
    assert_eq!(extracted.ignored().metadata_limit, 3);

    let many: JsonMap = (0..70).map(|n| (format!("k{n}"), json!(n))).collect();
    let (metadata, extracted) = metadata_of(&Value::Object(many));
    assert_eq!(metadata.len(), MAX_METADATA_KEYS);
    assert_eq!(extracted.ignored().metadata_limit, 6);
}

#[test]
fn a_number_does_not_drift_from_service_to_service() {
    for number in [
        "1000000000372036854184467440737095516164775808",
        "0.1",
        "5e-324",
        "1.1e300",
    ] {
        let member = format!("langsmith-metadata=%7B%22n%22%3A{number}%7D");
        let first = read(&[&member]).context.expect("valid");
        let second = open_to_all()
            .extract(&open_to_all().headers(&first))
            .context;
        assert_eq!(second.as_ref(), Some(&first), "{number}");
        let exact: f64 = number.parse().expect("a number");
        assert_eq!(first.baggage.metadata["n"], json!(exact), "{number}");
    }
}

#[test]
fn reserved_metadata_needs_permission_and_the_sdks_own_is_no_event() {
    let (metadata, extracted) = metadata_of(&json!({
        "ls_method": "traceable", "ls_provider": "x", "LANGSMITH_PROJECT": "x", "LANGCHAIN_X": 1,
        "session_id": "s", "conversation_id": "c", "revision_id": "r", "user_id": "u",
        "thread_id": "allowed", "user": "u1",
    }));
    assert_eq!(
        Value::Object(metadata),
        json!({"thread_id": "allowed", "user": "u1"})
    );
    assert_eq!(extracted.ignored().reserved_metadata, 7);
}

#[test]
fn metadata_that_is_left_out_by_its_beginning_is_not_read_and_is_no_event() {
    let told = json!({
        "langgraph_node": "tools", "langgraph_step": 2, "langgraph_path": ["__pregel_pull", "tools"],
        "langgraph_checkpoint_ns": "tools:1", "checkpoint_ns": "tools:1", "thread_id": "allowed",
        "lang": "en", "langgraph": "kept, as it is no more than the beginning", "user": "u1",
    });
    let headers = open_to_all().headers(&context(told.clone(), &[], None));
    let metadata_by = |propagator: LangSmithPropagator| {
        let extracted = propagator.extract(&headers);
        assert_eq!(extracted.ignored().total(), 0, "{extracted}");
        let context = extracted.context.expect("valid");
        Value::Object((*context.baggage.metadata).clone())
    };
    assert_eq!(metadata_by(open_to_all()), told);
    assert_eq!(
        metadata_by(open_to_all().leave_out_metadata(LANGGRAPH_METADATA)),
        json!({"thread_id": "allowed", "lang": "en", "user": "u1",
               "langgraph": "kept, as it is no more than the beginning"})
    );
    // What is left out is left out, though it be allowed elsewhere.
    let neither = open_to_all().leave_out_metadata(["thread_", "lang", "check"]);
    assert_eq!(metadata_by(neither), json!({"user": "u1"}));
}

#[test]
fn tags_that_are_left_out_by_their_beginning_are_not_read_and_are_no_event() {
    let told = context(
        json!({}),
        &["graph:step:2", "beta", "seq:step:1", "graph"],
        None,
    );
    let headers = open_to_all().headers(&told);
    let read = |propagator: LangSmithPropagator| {
        let extracted = propagator.extract(&headers);
        assert_eq!(extracted.ignored().total(), 0, "{extracted}");
        extracted.context.expect("valid").baggage.tags.clone()
    };
    assert_eq!(
        read(open_to_all()),
        ["graph:step:2", "beta", "seq:step:1", "graph"]
    );
    assert_eq!(
        read(open_to_all().leave_out_tags(LANGGRAPH_TAGS)),
        ["beta", "graph"]
    );
}

#[test]
fn tags_keep_their_order_and_have_their_limits() {
    let tags: Vec<String> = (0..70).map(|n| format!("t{n}")).collect();
    let line = format!(
        "langsmith-tags=b%2Ca%2C%2Cb%2C{}%2C{}",
        "y".repeat(257),
        tags.join("%2C")
    );
    let extracted = read(&[&line]);
    let found = extracted
        .context
        .clone()
        .expect("valid")
        .baggage
        .into_inner()
        .tags;
    assert_eq!(found[..3], ["b", "a", "t0"]);
    assert_eq!(found.len(), 64);
    assert_eq!(extracted.ignored().tag_limit, 1 + 8);
}

#[test]
fn a_project_counts_only_when_it_is_on_the_list() {
    let headers = [
        ("langsmith-trace", A),
        ("baggage", "langsmith-project=docs"),
    ];
    let listed = |projects: &[&str]| {
        let propagator = LangSmithPropagator::new()
            .policy(TrustPolicy::Continue)
            .allow_projects(projects.iter().copied());
        let extracted = propagator.extract(&headers);
        let project = extracted
            .context
            .clone()
            .expect("valid")
            .baggage
            .into_inner()
            .project;
        (project, extracted.ignored().project_not_allowed)
    };
    assert_eq!(listed(&["other", "docs"]), (Some("docs".into()), 0));
    assert_eq!(listed(&["other"]), (None, 1));
    assert_eq!(listed(&[]), (None, 1));
    let long = format!("langsmith-project={}", "p".repeat(257));
    assert_eq!(read(&[&long]).ignored().bad_project, 1);
    assert_eq!(
        read(&["langsmith-project=a%C2%85b"]).ignored().bad_project,
        1
    );
}

#[test]
fn restart_starts_anew_and_keeps_the_ids_it_was_told() {
    let headers = [("langsmith-trace", AB), ("baggage", "langsmith-tags=t")];
    let propagator = LangSmithPropagator::new();
    let extracted = propagator.extract(&headers);
    assert_eq!(extracted.context, None);
    let order: DottedOrder = AB.parse().expect("valid");
    assert_eq!(
        extracted.unlinked_metadata(),
        Some([
            (INCOMING_TRACE_ID, order.trace_id().to_string()),
            (INCOMING_RUN_ID, order.run_id().to_string()),
        ])
    );
    assert_eq!(
        propagator.clone().counters().untrusted,
        1,
        "clones count together"
    );
}

#[test]
fn trust_asks_the_predicate_and_ignore_does_not_look() {
    let propagator = LangSmithPropagator::new().policy(TrustPolicy::trust_if(|headers| {
        headers.first("X-Peer") == Some("gateway")
    }));
    let from = |peer| {
        let headers = [("langsmith-trace", A), ("x-peer", peer)];
        propagator.extract(&headers).outcome
    };
    assert_eq!(from("gateway"), Outcome::Continued);
    assert!(matches!(from("stranger"), Outcome::Untrusted { .. }));

    let ignoring = LangSmithPropagator::new().policy(TrustPolicy::Ignore);
    let extracted = ignoring.extract(&[("langsmith-trace", A)]);
    assert_eq!(extracted.outcome, Outcome::NotRead);
    assert_eq!(extracted.unlinked_metadata(), None);
    assert_eq!(ignoring.counters().not_read, 1);
}

#[test]
fn what_was_extracted_reads_as_a_sentence() {
    let extracted = read(&["langsmith-project=docs,langsmith-tags=a%2Cb,langsmith-replicas=x"]);
    assert_eq!(
        extracted.to_string(),
        "continued below run 01990000-0000-7000-8000-00000000000a; project docs, 2 tags, 0 keys of \
         metadata; ignored entries: never_read 1"
    );
}

#[test]
fn the_counters_read_as_a_sentence() {
    let propagator = open_to_all();
    assert_eq!(
        propagator.counters().to_string(),
        "nothing yet; ignored entries: none"
    );
    let _ = propagator.extract(&[("langsmith-trace", "null")]);
    let headers = [("langsmith-trace", A), ("baggage", "langsmith-replicas=x")];
    let _ = propagator.extract(&headers).ignored();
    assert_eq!(
        propagator.counters().to_string(),
        "continued 1, malformed 1; ignored entries: never_read 1"
    );
}

#[test]
fn what_is_far_too_long_is_left_out_like_what_is_a_little_too_long() {
    for long in [
        "x".repeat(1 << 20),
        "é\"".repeat(1 << 19),
        "日".repeat(3_000),
    ] {
        let propagator = open_to_all();
        let only = |metadata: Value, tags: &[&str], project| {
            let sent = propagator.headers(&context(metadata, tags, Some(project)));
            read(&[&sent[1].1])
                .context
                .expect("valid")
                .baggage
                .into_inner()
        };
        let found = only(json!({ "a": long }), &["t"], "docs");
        assert!(found.metadata.is_empty());
        assert_eq!(
            (&*found.tags, found.project.as_deref()),
            (&["t".to_owned()][..], Some("docs"))
        );
        let found = only(
            json!({"a": [1, { "b": long }], long.as_str(): 1}),
            &[&long],
            "docs",
        );
        assert!(found.metadata.is_empty() && found.tags.is_empty());
        assert_eq!(found.project.as_deref(), Some("docs"));
        let found = only(json!({"a": 1}), &["t", &long], &long);
        assert_eq!(found.metadata["a"], 1);
        assert!(found.tags.is_empty() && found.project.is_none());
        assert_eq!(propagator.counters().left_out, 5);
    }
}

#[test]
fn a_baggage_is_read_once_where_it_is_looked_at_and_then_counted() {
    let propagator = open_to_all();
    let counted = || propagator.counters().ignored.never_read;
    let baggage = "langsmith-replicas=x,langsmith-project=docs";
    let headers = [("langsmith-trace", A), ("baggage", baggage)];
    let first = propagator.extract(&headers);
    let mut context = first.context.clone().expect("valid");
    assert_eq!(counted(), 0, "nobody has looked");

    assert_eq!(context.baggage.project.as_deref(), Some("docs"));
    assert_eq!(counted(), 1);
    context.baggage.tags.push("own".to_owned());
    assert_eq!(first.ignored().never_read, 1);
    assert_eq!(counted(), 1, "clones are read together");
    let unchanged = first.context.expect("valid");
    assert!(unchanged.baggage.tags.is_empty());
    assert_ne!(unchanged, context);
}

#[test]
fn a_baggage_of_several_lines_says_what_one_line_would() {
    let lines = ["langsmith-tags=a", "", " ,x=1 ;p", "langsmith-project=docs"];
    let apart = read(&lines);
    let joined = read(&[&lines.join(",")]);
    assert_eq!(apart, joined);
    assert_eq!(apart.context.expect("valid").baggage.tags, ["a"]);
}

/// Values that a header can carry whole: within every limit, and no reserved names.
fn any_context() -> impl Strategy<Value = RunContext> {
    let text = "[^,]{1,12}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(3, 8, 3, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-z\"\\\\]{0,3}", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    (
        prop::collection::btree_map("k[^,]{0,4}", value, 0..6),
        prop::collection::btree_set(text, 0..4),
        prop::option::of("[^\\p{Cc}]{1,20}"),
        any::<bool>(),
    )
        .prop_map(|(metadata, tags, project, deep)| RunContext {
            dotted_order: (if deep { AB } else { A }).parse().expect("valid"),
            baggage: LazyBaggage::from(Baggage {
                metadata: Arc::new(metadata.into_iter().collect()),
                tags: tags.into_iter().collect(),
                project,
            }),
        })
}

proptest! {
    #[test]
    fn what_is_injected_is_extracted(context in any_context()) {
        let propagator = open_to_all();
        let mut headers = HeaderMap::new();
        propagator.inject(&context, &mut headers);
        prop_assume!(propagator.counters().left_out == 0);
        prop_assert_eq!(propagator.extract(&headers).context, Some(context));
    }

    #[test]
    fn no_bytes_are_fatal(
        trace in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..3),
        baggage in prop::collection::vec("(langsmith-(metadata|tags|project|x))?[={}\\[\\]\"\\\\,;%a-f0-9 ]{0,60}", 0..4),
        noise in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut headers: Vec<(&str, Vec<u8>)> = vec![("baggage", noise)];
        headers.extend(trace.into_iter().map(|value| ("langsmith-trace", value)));
        headers.extend(baggage.iter().map(|line| ("baggage", line.clone().into_bytes())));
        let _ = open_to_all().extract(&headers);
        headers.retain(|(name, _)| *name == "baggage");
        headers.push(("langsmith-trace", A.into()));
        let extracted = open_to_all().extract(&headers);
        prop_assert!(extracted.context.is_some());
    }

    #[test]
    fn metadata_of_a_stranger_is_read_as_json_reads_it_or_not_at_all(
        text in "[{]([{}\\[\\]\",:\\\\a1 ]|\"a\":){0,24}[}]",
    ) {
        let escaped = percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC);
        let extracted = read(&[&format!("langsmith-metadata={escaped}")]);
        let ours = extracted.context.clone().expect("valid").baggage.into_inner().metadata;
        match serde_json::from_str::<JsonMap>(&text) {
            Ok(json) => prop_assert_eq!(&*ours, &json),
            Err(_) => prop_assert!(extracted.ignored().total() > 0),
        }
    }

    #[test]
    fn the_budget_is_never_exceeded(
        context in any_context(),
        size in 0_usize..9000,
        foreign in prop::collection::vec("[a-z]{1,8}=[a-z]{0,40}", 0..70),
    ) {
        let mut context = context;
        Arc::make_mut(&mut context.baggage.metadata).insert("big".into(), "x".repeat(size).into());
        let theirs = foreign.join(",");
        let mut carrier = vec![("baggage".to_owned(), theirs.clone())];
        open_to_all().inject(&context, &mut carrier);
        let merged = carrier.first("baggage").unwrap_or_default();
        prop_assert!(merged.starts_with(&theirs));
        if merged != theirs {
            prop_assert!(merged.len() <= MAX_BAGGAGE_BYTES);
            prop_assert!(merged.split(',').count() <= MAX_BAGGAGE_MEMBERS);
        }
    }
}
