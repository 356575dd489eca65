//! The program as a whole: six processes and the trace that they leave, under everything that goes wrong.
//!
//! The trees on the page about this example are what is expected: the page cannot say what the program does not do.
//! With Redis and NATS, the ones that a broker matters to are held to them as well; without, a test says so.

#![allow(clippy::print_stdout, reason = "a skipped test says so")]

mod told;

use std::process::Output;

use common::lab::QueueKind;
use multi_service_app::scenario::Scenario;

use self::told::{program, rows, text, tree_of, tree_on_page};

fn play(scenario: Scenario, queue: &str) -> Output {
    let arguments = [
        "--scenario",
        scenario.name(),
        "--smoke",
        "--quiet",
        "--queue",
        queue,
    ];
    program().args(arguments).output().expect("it runs")
}

fn leaves_the_tree_of_the_page(scenario: Scenario, queue: &str) {
    let output = play(scenario, queue);
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    let seen = rows(tree_of(&said));
    assert_eq!(seen, rows(tree_on_page(scenario)), "{said}");
}

fn on_a_broker(scenario: Scenario, kind: QueueKind, queue: &str) {
    if let Some(why) = kind.missing() {
        let required = std::env::var_os("WORKBOOK_BROKERS").is_some();
        assert!(!required, "the runner has found them all, yet {why}");
        println!("skipped: {why}");
        return;
    }
    leaves_the_tree_of_the_page(scenario, queue);
}

#[test]
fn a_question_is_one_trace_over_six_processes() {
    leaves_the_tree_of_the_page(Scenario::Normal, "embedded");
}

#[test]
fn without_the_tool_server_there_is_an_answer_and_the_trace_says_without_what() {
    leaves_the_tree_of_the_page(Scenario::ToolsDown, "embedded");
}

#[test]
fn without_the_retriever_there_is_no_answer_and_the_trace_says_why() {
    leaves_the_tree_of_the_page(Scenario::RetrieverDown, "embedded");
}

#[test]
fn a_retriever_that_takes_for_ever_is_given_up_at_both_ends() {
    leaves_the_tree_of_the_page(Scenario::RetrieverSlow, "embedded");
}

#[test]
fn a_generator_that_is_killed_in_mid_stream_leaves_open_runs_and_is_asked_once_more() {
    leaves_the_tree_of_the_page(Scenario::GeneratorRestarted, "embedded");
}

#[test]
fn a_worker_that_is_killed_leaves_an_open_run_and_its_message_comes_again() {
    leaves_the_tree_of_the_page(Scenario::WorkerRestarted, "embedded");
}

#[test]
fn poison_is_tried_three_times_and_put_aside() {
    let output = play(Scenario::Poisoned, "embedded");
    let said = text(&output);
    assert!(said.contains("Put aside after 3 attempts"), "{said}");
    assert_eq!(
        rows(tree_of(&said)),
        rows(tree_on_page(Scenario::Poisoned)),
        "{said}"
    );
}

#[test]
fn a_reader_who_leaves_ends_the_work_in_every_service() {
    leaves_the_tree_of_the_page(Scenario::ReaderLeaves, "embedded");
}

#[test]
fn redis_brings_the_message_of_a_dead_worker_again() {
    on_a_broker(Scenario::WorkerRestarted, QueueKind::RedisStreams, "redis");
}

#[test]
fn nats_brings_the_message_of_a_dead_worker_again() {
    on_a_broker(Scenario::WorkerRestarted, QueueKind::Nats, "nats");
}

#[test]
fn redis_puts_poison_aside() {
    on_a_broker(Scenario::Poisoned, QueueKind::RedisStreams, "redis");
}

#[test]
fn nats_puts_poison_aside() {
    on_a_broker(Scenario::Poisoned, QueueKind::Nats, "nats");
}

#[test]
fn a_question_that_the_documentation_does_not_answer_asks_no_model() {
    let output = program()
        .args(["--smoke", "--quiet", "--queue", "embedded"])
        .args(["--question", "How do I bake sourdough bread?"])
        .output()
        .expect("it runs");
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("The documentation has no answer to this."),
        "{said}"
    );
    let tree = tree_of(&said);
    assert!(
        tree.contains("search docs") && !tree.contains("generate"),
        "{said}"
    );
}

#[test]
fn the_scenarios_are_listed_with_what_happens() {
    let output = program().arg("--list-scenarios").output().expect("it runs");
    let said = text(&output);
    assert_eq!(said, Scenario::list());
    assert_eq!(said.lines().count(), Scenario::ALL.len());
}
