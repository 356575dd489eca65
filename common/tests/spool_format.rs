//! A spool's file, byte by byte: what was written is read, and nothing else ever is.
#![cfg(feature = "client")]

mod captured;

use std::collections::HashSet;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use common::export::spool::{
    FRAME_LEN, HEADER_LEN, Header, MAX_PAYLOAD, NotASegment, ack, decode, encode, read_acks,
    read_segment, write_record,
};
use common::model::{
    Attachment, Feedback, FeedbackConfig, JsonMap, MAX_VALUE_DEPTH, Run, RunEvent, RunOp, RunType,
};
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use serde_json::{Value, json};
use uuid::Uuid;

const MARK: [u8; 8] = *b"\xf5mark\0\x01\x02";

fn header() -> Header {
    Header {
        mark: MARK,
        fingerprint: *b"a test's address",
        made: 1_795_341_938_000,
    }
}

/// A segment with records of several sizes; the second holds the bytes of a whole segment.
fn segment() -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut inner = Header {
        mark: *b"another!",
        ..header()
    }
    .bytes()
    .to_vec();
    write_record(&mut inner, *b"another!", 0, 1, 1, b"not to be found");
    let payloads = vec![
        b"first".to_vec(),
        inner,
        Vec::new(),
        vec![0xf5; 100],
        b"last".to_vec(),
    ];
    let mut bytes = header().bytes().to_vec();
    for (number, payload) in (0..).zip(&payloads) {
        write_record(&mut bytes, MARK, number, 1, 3, payload);
    }
    (bytes, payloads)
}

fn found(bytes: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let frames = read_segment(bytes).map(|contents| contents.frames);
    let frames = frames.unwrap_or_default().into_iter();
    frames
        .map(|frame| (frame.number, bytes[frame.payload].to_vec()))
        .collect()
}

#[test]
fn a_whole_segment_is_read_whole() {
    let (bytes, payloads) = segment();
    let contents = read_segment(&bytes).expect("a segment");
    assert_eq!(contents.header, Some(header()));
    assert_eq!((contents.damaged, contents.torn), (0, false));
    let expected: Vec<_> = (0..).zip(payloads).collect();
    assert_eq!(found(&bytes), expected);
}

#[test]
fn a_segment_cut_at_any_byte_gives_the_records_before_the_cut() {
    let (bytes, payloads) = segment();
    let mut ends = vec![HEADER_LEN];
    for payload in &payloads {
        ends.push(ends[ends.len() - 1] + FRAME_LEN + payload.len());
    }
    for cut in 0..=bytes.len() {
        let whole = ends.iter().skip(1).filter(|end| **end <= cut).count();
        let contents = read_segment(&bytes[..cut]).expect("the beginning of a segment");
        assert_eq!(contents.frames.len(), whole, "cut at {cut}");
        let torn = cut > 0 && !ends.contains(&cut);
        assert_eq!(contents.torn, torn, "cut at {cut}");
        assert_eq!(contents.damaged, 0, "cut at {cut}");
    }
}

#[test]
fn a_hundred_thousand_flipped_bits_cost_the_records_they_hit_and_no_other() {
    let (bytes, payloads) = segment();
    let mut starts = vec![HEADER_LEN];
    for payload in &payloads {
        starts.push(starts[starts.len() - 1] + FRAME_LEN + payload.len());
    }
    let original: HashSet<(u32, Vec<u8>)> = (0..).zip(payloads).collect();
    let mut random = SmallRng::seed_from_u64(4);
    for round in 0..100_000 {
        let mut broken = bytes.clone();
        let mut hit = HashSet::new();
        let mut in_header = 0;
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(0..broken.len());
            broken[at] ^= 1 << random.random_range(0..8);
            match starts.iter().rposition(|start| *start <= at) {
                Some(record) => drop(hit.insert(record as u32)),
                None => in_header += 1,
            }
        }
        let read = found(&broken);
        for record in &read {
            assert!(
                original.contains(record),
                "round {round} invented {record:?}"
            );
        }
        // With the header gone, the first record tells the mark.
        if in_header == 0 || !hit.contains(&0) {
            let expected = original.iter().filter(|(number, _)| !hit.contains(number));
            for record in expected {
                assert!(read.contains(record), "round {round} lost {}", record.0);
            }
        }
    }
}

#[test]
fn nothing_and_noise_and_lies_are_told_apart() {
    assert_eq!(read_segment(b"").map(|it| it.frames.len()), Ok(0));
    assert_eq!(read_segment(b"no"), Err(NotASegment::Foreign));
    assert_eq!(read_segment(&[0; 4_096]), Err(NotASegment::Foreign));
    let mut later = header().bytes();
    later[8] = 7;
    let crc = crc32fast::hash(&later[..44]);
    later[44..].copy_from_slice(&crc.to_le_bytes());
    assert_eq!(read_segment(&later), Err(NotASegment::Version(7)));
    for length in [u32::MAX, MAX_PAYLOAD as u32, 1_000] {
        let mut lying = header().bytes().to_vec();
        write_record(&mut lying, MARK, 0, 1, 1, b"x");
        let length_at = HEADER_LEN + 8;
        lying[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
        let contents = read_segment(&lying).expect("a segment");
        assert!(contents.frames.is_empty() && contents.torn, "{length}");
    }
}

#[test]
fn marks_without_records_do_not_take_for_ever() {
    let mut bytes = header().bytes().to_vec();
    while bytes.len() < 4 << 20 {
        bytes.extend(MARK);
        bytes.extend(1_000_000_u32.to_le_bytes());
    }
    let contents = read_segment(&bytes).expect("a segment");
    assert!(contents.frames.is_empty());
}

#[test]
fn intact_records_among_marks_without_do_not_make_it_longer() {
    let mut bytes = header().bytes().to_vec();
    let mut number = 0;
    while bytes.len() < 4 << 20 {
        write_record(&mut bytes, MARK, number, 1, 1, b"x");
        number += 1;
        bytes.extend(MARK);
        bytes.extend(1_000_000_u32.to_le_bytes());
    }
    let contents = read_segment(&bytes).expect("a segment");
    assert!(!contents.frames.is_empty() && contents.damaged > 0);
}

#[test]
fn acknowledgements_that_are_torn_or_damaged_acknowledge_nothing() {
    let numbers = [3, 0, 70_000];
    let bytes: Vec<u8> = numbers
        .iter()
        .flat_map(|number| ack(MARK, *number))
        .collect();
    assert_eq!(read_acks(&bytes, MARK), numbers);
    assert!(read_acks(&bytes, *b"another!").is_empty());
    for cut in 0..bytes.len() {
        assert_eq!(read_acks(&bytes[..cut], MARK), numbers[..cut / 8], "{cut}");
        let shifted = [&bytes[..cut], &bytes[cut / 8 * 8..]].concat();
        let read = read_acks(&shifted, MARK);
        assert_eq!(read, numbers, "a write was cut at {cut} and repeated");
    }
}

/// Any JSON, with numbers to the last digit.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("JSON has no others", |it| it.is_finite())
            .prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((".{0,6}", inner), 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

fn map() -> impl Strategy<Value = JsonMap> {
    let key = prop_oneof![
        ".{0,8}",
        Just("metadata".to_owned()),
        Just("runtime".to_owned())
    ];
    prop::collection::vec((key, value()), 0..4).prop_map(|entries| entries.into_iter().collect())
}

fn time() -> impl Strategy<Value = DateTime<Utc>> {
    (-60_000_000_000_i64..250_000_000_000, 0..1_000_000_000_u32)
        .prop_filter_map("in range", |(secs, nanos)| {
            DateTime::from_timestamp(secs, nanos)
        })
}

fn event() -> impl Strategy<Value = RunEvent> {
    let kwargs = prop::option::of(value());
    (".{0,8}", time(), prop::option::of(".{0,8}"), kwargs).prop_map(
        |(name, time, message, kwargs)| RunEvent {
            name,
            time,
            message,
            kwargs,
        },
    )
}

fn attachment() -> impl Strategy<Value = Attachment> {
    let data = prop::collection::vec(any::<u8>(), 0..64);
    (".{0,8}", ".{0,8}", data).prop_map(|(name, kind, data)| Attachment::new(name, kind, data))
}

fn run() -> impl Strategy<Value = Run> {
    let texts = (
        ".{0,12}",
        prop::option::of(".{0,12}"),
        prop::option::of(".{0,12}"),
        prop::collection::vec(".{0,6}", 0..3),
    );
    let maps = (
        prop::option::of(map()),
        prop::option::of(map()),
        map(),
        prop::option::of(map()),
        map(),
    );
    let lists = (
        prop::collection::vec(event(), 0..3),
        prop::collection::vec(attachment(), 0..3),
    );
    let others = (
        any::<u128>(),
        0..40_u8,
        time(),
        prop::option::of(time()),
        any::<bool>(),
    );
    (texts, maps, lists, others).prop_map(|(texts, maps, lists, others)| {
        let (number, depth, start, end, example) = others;
        let mut run = captured::run(u128::from(number as u16), None, "r", "x-custom", 0, 1);
        for level in 0..depth {
            let number = 1 + u128::from(level) + u128::from(number as u16);
            run = captured::run(number, Some(&run), "r", "llm", i64::from(level), 1);
        }
        run.run_type = RunType::Other("my \"own\"".to_owned());
        run.start_time = start;
        run.end_time = end;
        (run.name, run.error, run.project, run.tags) = texts;
        run.inputs = maps.0;
        run.outputs = maps.1;
        run.extra.metadata = maps.2.into();
        run.extra.runtime = maps.3.map(Into::into);
        run.extra.other = maps.4;
        (run.events, run.attachments) = lists;
        run.reference_example_id = example.then(|| Uuid::from_u128(number));
        run
    })
}

fn feedback() -> impl Strategy<Value = Feedback> {
    let values = (
        prop::option::of(value()),
        prop::option::of(value()),
        prop::option::of(value()),
        prop::option::of(map()),
    );
    let config = prop_oneof![
        Just(None),
        (any::<f64>(), any::<f64>()).prop_map(|(min, max)| Some(FeedbackConfig::Continuous {
            min: Some(min).filter(|it| it.is_finite()),
            max: Some(max).filter(|it| it.is_finite()),
        })),
        Just(Some(FeedbackConfig::Freeform)),
    ];
    (
        values,
        config,
        time(),
        prop::option::of(".{0,8}"),
        any::<[bool; 3]>(),
    )
        .prop_map(|(values, config, now, text, flags)| {
            let mut said = Feedback::on(captured::id(7), "quality", now);
            (said.score, said.value, said.correction, said.extra) = values;
            said.feedback_config = config;
            said.project = text.clone();
            said.comment = text;
            said.trace_id = flags[0].then(|| captured::run(8, None, "r", "llm", 0, 1).trace_id);
            said.extend_trace_retention = flags[1];
            said.error = flags[2].then_some(flags[1]);
            said.session_id = flags[1].then(|| Uuid::from_u128(5));
            said.start_time = Some(now + TimeDelta::nanoseconds(1));
            said
        })
}

fn there_and_back(op: &RunOp) -> RunOp {
    let mut payload = Vec::new();
    let kind = encode(op, &mut payload).expect("an operation");
    decode(kind, Bytes::from(payload)).expect("what was written")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_run_comes_back_as_it_was(run in run(), patch: bool) {
        let op = if patch { RunOp::Patch(Box::new(run)) } else { RunOp::Post(Box::new(run)) };
        prop_assert_eq!(there_and_back(&op), op);
    }

    #[test]
    fn feedback_comes_back_as_it_was(said in feedback()) {
        let op = RunOp::Feedback(Box::new(said));
        prop_assert_eq!(there_and_back(&op), op);
    }

    #[test]
    fn any_bytes_are_read_or_refused(kind in 0..5_u8, bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        let _ = decode(kind, Bytes::from(bytes.clone()));
        let _ = read_segment(&bytes);
        let mut behind = header().bytes().to_vec();
        behind.extend(bytes);
        let _ = read_segment(&behind);
    }
}

#[test]
fn values_as_deep_as_they_may_be_come_back_and_deeper_ones_are_refused() {
    let deep = |levels: usize| (1..levels).fold(json!({}), |inner, _| json!({ "a": inner }));
    let mut run = captured::run(1, None, "r", "chain", 0, 1);
    run.inputs = deep(MAX_VALUE_DEPTH).as_object().cloned();
    run.extra
        .other
        .insert("deep".to_owned(), deep(MAX_VALUE_DEPTH - 1));
    let op = RunOp::Post(Box::new(run));
    let deeper = "[".repeat(100_000);
    let mut payload = (deeper.len() as u32).to_le_bytes().to_vec();
    payload.extend(deeper.as_bytes());
    let in_a_large_stack = std::thread::Builder::new()
        .stack_size(8 << 20)
        .spawn(move || {
            assert!(there_and_back(&op) == op);
            assert!(decode(1, Bytes::from(payload)).is_err());
        });
    in_a_large_stack
        .expect("a thread")
        .join()
        .expect("no panic");
}

#[test]
fn a_place_ten_thousand_levels_down_comes_back() {
    let segments: Vec<String> = (0..10_000_u128)
        .map(|level| format!("20261122T100000000000Z{}", captured::id(level)))
        .collect();
    let mut run = captured::run(1, None, "r", "chain", 0, 1);
    run.dotted_order = segments.join(".").parse().expect("a dotted order");
    let op = RunOp::Patch(Box::new(run));
    assert!(there_and_back(&op) == op);
}
