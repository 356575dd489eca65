//! Pieces that no middleware reaches: each leaves the trace that its page says.
#![cfg(all(feature = "lab", unix))]

use common::lab::legacy;
use common::prelude::*;

/// Returns the names of a run and of the run above it.
fn above(tree: &TraceTree, name: &str) -> Option<String> {
    let run = tree
        .find(name)
        .unwrap_or_else(|| panic!("no {name}:\n{}", text_tree(tree)));
    tree.parent_of(run.id).map(|parent| parent.name.clone())
}

fn whole(lesson: &Lesson, tree: &TraceTree, traces: usize) {
    assert!(tree.orphans().is_empty(), "{}", text_tree(tree));
    assert_eq!(tree.trace_ids().len(), traces, "{}", text_tree(tree));
    assert_eq!(lesson.mock().errors(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_cron_is_below_the_run_that_started_it() {
    let lesson = Lesson::start("cron").await;
    let tree = legacy::cron(&lesson).await.expect("a shell");
    whole(&lesson, &tree, 1);
    assert_eq!(above(&tree, "index pages").as_deref(), Some("nightly"));
    let tags = &tree.find("index pages").expect("the job").tags;
    assert_eq!(tags, &["cron"], "the baggage came along");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_below_the_run_that_its_argument_names() {
    let lesson = Lesson::start("command-line").await;
    let tree = legacy::command_line(&lesson).await.expect("a shell");
    whole(&lesson, &tree, 1);
    assert_eq!(above(&tree, "migrate").as_deref(), Some("deploy"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_script_with_curl_hands_on_what_its_environment_says() {
    let lesson = Lesson::start("shell").await;
    let tree = legacy::shell_script(&lesson)
        .await
        .expect("a shell and curl");
    whole(&lesson, &tree, 1);
    assert_eq!(above(&tree, "store").as_deref(), Some("backup"));
    let backup = tree.find("backup").expect("the script");
    let outputs = backup.outputs.as_ref().expect("what it said");
    assert_eq!(json!(outputs)["answer"], "stored");
    assert_eq!(tree.find("store").expect("the service").tags, ["shell"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_below_its_upload_and_the_file_is_linked_to_both() {
    let lesson = Lesson::start("batch").await;
    let tree = legacy::batch_file(&lesson).await.expect("a folder");
    whole(&lesson, &tree, 3);
    assert_eq!(above(&tree, "import file").as_deref(), Some("close file"));
    let import = tree.find("import file").expect("the import");
    assert_eq!(import.extra.metadata["link_count"], 2);
    let runs = lesson.mock().runs();
    let named = |name: &str| {
        runs.iter()
            .filter(|run| run.name == name)
            .collect::<Vec<_>>()
    };
    let (uploads, records) = (named("upload"), named("import record"));
    assert_eq!((uploads.len(), records.len()), (2, 2));
    for record in records {
        let parent = tree.parent_of(record.id).expect("a parent");
        assert_eq!(parent.name, "upload");
        assert_eq!(parent.extra.metadata["page"], record.extra.metadata["page"]);
        assert_eq!(record.extra.metadata["batch_run_id"], import.id.to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_without_a_layer_reads_the_headers_by_itself() {
    let lesson = Lesson::start("by-hand").await;
    let tree = legacy::service_by_hand(&lesson).await.expect("an answer");
    whole(&lesson, &tree, 1);
    assert_eq!(above(&tree, "answer by hand").as_deref(), Some("ask"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_before_the_command_says_where_it_belongs_and_only_that_one() {
    let lesson = Lesson::start("lines").await;
    let tree = legacy::line_protocol(&lesson).await.expect("a connection");
    whole(&lesson, &tree, 2);
    assert_eq!(above(&tree, "SEARCH").as_deref(), Some("count"));
    assert_eq!(above(&tree, "PING"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_a_day_later_is_linked_to_its_cause_and_not_below_it() {
    let lesson = Lesson::start("later").await;
    let tree = legacy::scheduled_later(&lesson).await.expect("a folder");
    whole(&lesson, &tree, 2);
    assert_eq!(above(&tree, "write report"), None);
    let order = tree.find("order report").expect("the cause");
    let report = tree.find("write report").expect("the report");
    assert_eq!(
        report.extra.metadata["linked_run_ids"],
        json!([order.id.to_string()])
    );
}
