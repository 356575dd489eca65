//! LT010, LT022, LT023, LT026 to LT041: what the endpoint answers, and what clients write into their books.

use common::analysis::doctor::{Evidence, examine};
use serde_json::{Value, json};

use crate::cases::{id, tells, with};

fn request(status: u16) -> Value {
    json!({ "request": { "number": 1, "method": "POST", "path": "/runs/multipart", "status": status } })
}

#[test]
fn answers_of_the_endpoint_each_have_their_code_and_202_has_none() {
    for (status, code) in [
        (401, "LT030"),
        (403, "LT030"),
        (409, "LT022"),
        (413, "LT010"),
        (422, "LT029"),
        (429, "LT033"),
    ] {
        tells(code, &[request(status)], &[request(202)]);
    }
}

#[test]
fn lt023_an_accepted_operation_that_was_not_stored_and_one_that_was_refused_openly() {
    let gone = json!({ "operation": { "request": 1, "kind": "post", "id": id(1), "outcome": "rejected" } });
    tells(
        "LT023",
        &[request(202), gone.clone()],
        &[request(500), gone],
    );
}

#[test]
fn requests_of_several_logs_have_numbers_of_their_own() {
    let gone = json!({ "operation": { "request": 1, "kind": "post", "id": id(1), "outcome": "rejected" } });
    let read = |logs: &[&[Value]]| {
        let mut evidence = Evidence::new();
        for log in logs {
            let text: String = log.iter().map(|line| format!("{line}\n")).collect();
            evidence.read_more(text.as_bytes()).expect("a log");
        }
        let report = examine(&evidence);
        let findings = report.findings.iter();
        let told = findings.map(|it| format!("{} {}", it.fault.code, it.about));
        told.collect::<Vec<_>>()
    };
    let (lost, refused) = ([request(202), gone.clone()], [request(500), gone]);
    assert_eq!(read(&[&refused, &[request(202)]]), [""; 0]);
    assert_eq!(read(&[&lost, &[request(500)]]), ["LT023 request 1"]);
    assert_eq!(
        read(&[&[request(500)], &lost]),
        ["LT023 request 1 of log 2"]
    );
    assert_eq!(
        read(&[&[request(413)], &[request(413)]]),
        ["LT010 request 1", "LT010 request 1 of log 2"]
    );
}

fn books(fields: Value) -> Value {
    with(json!({ "ledger": fields }), "/ledger/process", json!("p"))
}

#[test]
fn lt026_a_queue_that_was_left_and_one_that_is_being_sent() {
    let left = |ended: bool| {
        books(json!({ "accepted": 9, "delivered": 4, "queued": 5, "requests": 1, "ended": ended }))
    };
    tells("LT026", &[left(true)], &[left(false)]);
}

#[test]
fn lt027_a_client_from_before_the_fork_and_one_from_after_it() {
    let made =
        |pid: u64| books(json!({ "accepted": 9, "queued": 9, "pid": 12, "made_in_pid": pid }));
    tells("LT027", &[made(11)], &[made(12)]);
}

#[test]
fn lt036_memory_that_grows_beside_an_empty_queue_and_one_that_settles() {
    let at = |bytes: u64| books(json!({ "accepted": 9, "delivered": 9, "resident_bytes": bytes }));
    tells(
        "LT036",
        &[at(100), at(120), at(140), at(160)],
        &[at(100), at(160), at(159), at(160)],
    );
}

#[test]
fn lt037_a_queue_without_a_bound_and_one_that_is_sent_on() {
    let at = |queued: u64, delivered: u64| {
        books(
            json!({ "accepted": queued + delivered, "queued": queued, "queued_bytes": queued * 9, "delivered": delivered }),
        )
    };
    tells(
        "LT037",
        &[at(1, 0), at(2, 0), at(3, 0)],
        &[at(1, 0), at(2, 1), at(3, 2)],
    );
}

#[test]
fn lt038_a_slow_caller_and_a_first_call_that_is_slow() {
    let at = |accepted: u64| {
        books(
            json!({ "accepted": accepted, "delivered": accepted, "caller_micros": accepted * 900 }),
        )
    };
    tells("LT038", &[at(40)], &[at(3)]);
}

#[test]
fn lt041_runs_given_up_books_that_do_not_balance_and_books_that_do() {
    let whole = books(json!({ "accepted": 9, "delivered": 8, "spooled": 1 }));
    let lost =
        books(json!({ "accepted": 9, "delivered": 8, "dropped": { "rejected by the server": 1 } }));
    tells("LT041", &[lost], std::slice::from_ref(&whole));
    tells(
        "LT041",
        &[books(json!({ "accepted": 9, "delivered": 8 }))],
        &[whole],
    );
}

#[test]
fn what_the_endpoint_lists_has_the_code_of_its_rule_and_tidiness_has_none() {
    let listed = |code: &str, message: &str| json!({ "violation": { "code": code, "run": id(77), "message": message } });
    for (rule, code) in [
        ("child_without_ancestors", "LT018"),
        ("root_with_ancestors", "LT019"),
        ("trace_id_mismatch", "LT020"),
        ("child_before_parent", "LT004"),
        ("already_received", "LT022"),
        ("int_too_big", "LT029"),
        ("trace_too_large", "LT034"),
        ("feedback_orphan", "LT040"),
        ("span_orphan", "LT044"),
        ("workspace_changed", "LT050"),
        ("project_changed", "LT009"),
        ("body_too_large", "LT010"),
    ] {
        tells(
            code,
            &[listed(rule, "so it is")],
            &[listed("part_length_missing", "so it is")],
        );
    }
    tells(
        "LT021",
        &[listed("id_time_differs", "opening the run gives 404")],
        &[listed("id_time_differs", "was not made from start_time")],
    );
}
