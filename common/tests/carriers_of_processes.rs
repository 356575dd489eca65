//! Contexts on their way into other processes: the environment of children and of theirs, and files.

use std::process::Command;

use common::model::RunContext;
use common::propagation::carrier::file::{self, ReadFileError};
use common::propagation::carrier::links::{LINK_COUNT, LINKED_RUN_IDS, LINKED_TRACE_IDS, Links};
use common::propagation::carrier::{mcp, stream};
use common::propagation::limits::{MAX_ENTRIES, MAX_FILE_BYTES, MAX_LINKS};
use common::propagation::{
    ChildEnv, Entries, Injector as _, Job, LangSmithPropagator, Propagator as _, TrustPolicy,
};
use serde_json::{Value, json};

const ROOT: &str = "20261122T100538926531Z01a202b7-f0ee-7646-9e7b-a245c1fc89c2";

/// Says in which part a copy of this program is to act.
const PART: &str = "CARRIERS_OF_PROCESSES_PART";

fn trusting() -> LangSmithPropagator {
    LangSmithPropagator::new().policy(TrustPolicy::Continue)
}

fn context() -> RunContext {
    RunContext::new(ROOT.parse().expect("a dotted order"))
}

fn env() -> ChildEnv {
    let mut env = ChildEnv::new();
    trusting().inject(&context(), &mut env);
    env
}

/// Makes a command that runs this program again, as `part`.
fn copy(part: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args([
        "--exact",
        "acts_in_its_part",
        "--nocapture",
        "--test-threads=1",
    ]);
    command.env(PART, part);
    command
}

/// Runs it and returns what it found, as it says behind `found: `.
fn found(command: &mut Command) -> String {
    let output = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = said.lines().find_map(|line| line.split_once("found: "));
    line.unwrap_or_else(|| panic!("it says nothing: {said}"))
        .1
        .to_owned()
}

/// No test of its own: what the copies of this program do.
#[test]
#[allow(clippy::print_stdout, reason = "a child tells its parent")]
fn acts_in_its_part() {
    let Ok(part) = std::env::var(PART) else {
        return;
    };
    let said = match part.as_str() {
        "child" => trusting()
            .extract(&ChildEnv::received())
            .outcome
            .to_string(),
        // It knows nothing of traces, and starts a child as anybody would.
        "between" => found(&mut copy("child")),
        // It knows of them, and has no run.
        "between, tidy" => {
            let mut command = copy("child");
            ChildEnv::new().apply(&mut command);
            found(&mut command)
        }
        other => panic!("no part {other}"),
    };
    println!("found: {said}");
}

#[test]
fn a_child_continues_the_trace() {
    let mut command = copy("child");
    env().apply(&mut command);
    assert_eq!(found(&mut command), "continued");
    let mut command = copy("child");
    env().for_descendants().apply(&mut command);
    assert_eq!(found(&mut command), "continued");
}

#[cfg(unix)]
#[test]
fn a_grandchild_hears_of_it_only_when_asked_for() {
    let mut command = copy("between");
    env().apply(&mut command);
    assert_eq!(found(&mut command), "absent");

    let mut command = copy("between");
    env().for_descendants().apply(&mut command);
    assert_eq!(found(&mut command), "continued");

    let mut command = copy("between, tidy");
    env().for_descendants().apply(&mut command);
    assert_eq!(found(&mut command), "absent");
}

#[test]
fn what_this_process_was_given_is_not_handed_on() {
    let mut command = copy("child");
    env().apply(&mut command);
    let set = |command: &Command| -> Vec<(String, bool)> {
        let vars = command.get_envs().filter(|(name, _)| *name != PART);
        vars.map(|(name, value)| (name.to_string_lossy().into_owned(), value.is_some()))
            .collect()
    };
    let named = |list: [(&str, bool); 6]| list.map(|(name, set)| (name.to_owned(), set)).to_vec();
    let pid = cfg!(unix);
    assert_eq!(
        set(&command),
        named([
            ("BAGGAGE", false),
            ("LANGSMITH_TRACE", false),
            ("TRACEPARENT", false),
            ("TRACEPARENT_FROM_PID", pid),
            ("TRACEPARENT_LANGSMITH", true),
            ("TRACESTATE", false),
        ])
    );
    // What somebody else put there on purpose stays.
    let mut command = copy("child");
    command.env(
        "TRACEPARENT",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    );
    ChildEnv::new().apply(&mut command);
    assert!(set(&command).contains(&("TRACEPARENT".to_owned(), true)));
}

#[test]
fn a_command_that_is_used_again_tells_nothing_of_the_run_before() {
    let mut first = env();
    first.set("baggage", "langsmith-tags=of-the-first".to_owned());
    let mut command = copy("child");
    command.env("OTHER", "stays");
    first.apply(&mut command);
    env().for_descendants().apply(&mut command);
    let set = |command: &Command| -> Vec<String> {
        let set = command.get_envs().filter(|(_, value)| value.is_some());
        set.map(|(name, _)| name.to_string_lossy().into_owned())
            .collect()
    };
    assert_eq!(set(&command), [PART, "OTHER", "TRACEPARENT_LANGSMITH"]);
    ChildEnv::new().apply(&mut command);
    assert_eq!(set(&command), [PART, "OTHER"]);
}

#[test]
fn a_variable_is_never_one_of_the_configuration() {
    let mut env = ChildEnv::new();
    for name in [
        "traceparent",
        "tracestate",
        "baggage",
        "langsmith-trace",
        "x-other",
    ] {
        env.set(name, "1".to_owned());
    }
    let names: Vec<&str> = env.vars().map(|(name, _)| name).collect();
    assert!(names.len() >= 4, "{names:?}");
    for name in names {
        assert!(
            !name.starts_with("LANGSMITH_") && !name.starts_with("LANGCHAIN_"),
            "{name}"
        );
    }
}

#[test]
fn a_value_that_no_environment_holds_is_not_set_and_the_child_starts() {
    let mut env = env();
    env.set("baggage", "a=\0".to_owned());
    env.set("traceparent", "0".repeat(40_000));
    let mut command = copy("child");
    env.apply(&mut command);
    assert_eq!(found(&mut command), "continued");
}

#[test]
fn a_file_is_whole_private_and_replaced_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("context.json");
    for _ in 0..3 {
        file::write(&path, &Entries::of(&trusting(), &context())).expect("written");
        let read = file::read(&path).expect("read");
        assert_eq!(trusting().extract(&read).context, Some(context()));
    }
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .expect("a folder")
        .collect();
    assert_eq!(left.len(), 1, "nothing is left beside it: {left:?}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&path)
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[cfg(unix)]
#[test]
fn a_symlink_a_pipe_and_a_device_are_refused_and_what_a_link_points_at_is_never_written() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "mine").expect("written");
    let link = folder.path().join("link");
    symlink(&secret, &link).expect("a link");
    let pipe = folder.path().join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .expect("it runs")
            .success()
    );
    // Opening a pipe that nobody writes to would wait for ever.
    for odd in [&*link, &*pipe, folder.path(), "/dev/zero".as_ref()] {
        assert!(
            matches!(file::read(odd), Err(ReadFileError::NotAFile)),
            "{odd:?}"
        );
    }
    file::write(&link, &Entries::new()).expect("the link is replaced");
    assert_eq!(std::fs::read_to_string(&secret).expect("there"), "mine");
    assert!(file::read(&link).is_ok_and(|entries| entries.is_empty()));
}

#[test]
fn a_file_of_somebody_else_is_an_error_that_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("context.json");
    let missing = file::read(&path).expect_err("nothing is there");
    assert!(
        matches!(&missing, ReadFileError::Io(why) if why.kind() == std::io::ErrorKind::NotFound),
        "{missing}"
    );
    for text in [
        "",
        "{}",
        "[]",
        "langsmith-trace: x",
        r#"{"trace_context":{"#,
    ] {
        std::fs::write(&path, text).expect("written");
        let read = file::read(&path);
        assert!(
            matches!(read, Err(ReadFileError::Malformed(_))),
            "{text}: {read:?}"
        );
    }
    std::fs::write(&path, vec![b' '; MAX_FILE_BYTES + 1]).expect("written");
    assert!(matches!(file::read(&path), Err(ReadFileError::TooLong)));
    std::fs::write(&path, [0xff]).expect("written");
    assert!(matches!(file::read(&path), Err(ReadFileError::Io(_))));
    assert!(file::write(&folder.path().join("none/context.json"), &Entries::new()).is_err());
}

#[test]
fn a_job_whose_context_is_broken_is_a_job_all_the_same() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let many: Vec<String> = (0..1000).map(|n| format!(r#""{n}":"x""#)).collect();
    for (context, entries) in [
        ("null", 0),
        ("7", 0),
        ("-7.5", 0),
        ("true", 0),
        ("\"text\"", 0),
        ("[[1],{}]", 0),
        (r#"{"langsmith-trace":7,"baggage":null,"x":{"y":["z"]}}"#, 0),
        (r#"{"langsmith-trace":"a","langsmith-trace":"b"}"#, 2),
        (&format!("{{{}}}", many.join(",")), MAX_ENTRIES),
        (&format!(r#"{{"x":{deep},"y":{{"z":{deep}}}}}"#), 0),
        (&deep, 0),
    ] {
        let row = format!(r#"{{"trace_context":{context},"body":"page 7","more":1}}"#);
        let job: Job<String> = serde_json::from_str(&row).expect(context);
        assert_eq!(
            (job.trace_context.iter().count(), job.body.as_str()),
            (entries, "page 7")
        );
    }
    let before: Job<u8> = serde_json::from_value(json!({"body": 7})).expect("an older job");
    assert!(before.trace_context.is_empty());
}

#[test]
fn a_batch_is_linked_to_a_bounded_number_of_runs_and_counts_them_all() {
    let order = |n: usize| format!("20261122T100538926531Z01a202b7-f0ee-7646-9e7b-{n:012x}");
    let messages: Vec<Entries> = (1..=MAX_LINKS + 20)
        .map(|n| Entries::from_iter([("langsmith-trace", order(n))]))
        .chain([
            Entries::new(),
            Entries::from_iter([("langsmith-trace", "broken")]),
        ])
        .collect();
    // Whether the senders are believed makes no difference to what is linked.
    for policy in [TrustPolicy::Continue, TrustPolicy::Restart] {
        let propagator = LangSmithPropagator::new().policy(policy);
        let read: Vec<_> = messages
            .iter()
            .map(|message| propagator.extract(message))
            .collect();
        let metadata = read.iter().collect::<Links>().metadata();
        assert_eq!(metadata[LINK_COUNT], MAX_LINKS + 20);
        for list in [LINKED_RUN_IDS, LINKED_TRACE_IDS] {
            assert_eq!(metadata[list].as_array().map(Vec::len), Some(MAX_LINKS));
        }
        assert_eq!(
            metadata[LINKED_RUN_IDS][0],
            Value::from("01a202b7-f0ee-7646-9e7b-000000000001")
        );
    }
    assert!(Links::default().metadata().is_empty());
}

#[test]
fn a_first_frame_that_says_more_is_a_message_and_is_not_swallowed() {
    let job = Job::below(&trusting(), &context(), "page 7");
    let message = serde_json::to_string(&job).expect("JSON");
    assert_eq!(stream::read_first_frame(&message), None);
    let frame = stream::first_frame(&job.trace_context);
    assert_eq!(stream::read_first_frame(&frame), Some(job.trace_context));
}

#[test]
fn an_answer_of_mcp_is_left_as_it_is() {
    for message in [
        json!({"jsonrpc": "2.0", "id": 1, "result": {}}),
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": [1]}),
        json!([{"method": "tools/call"}]),
    ] {
        let mut left = message.clone();
        assert!(mcp::meta_mut(&mut left).is_none());
        assert_eq!(left, message);
    }
}
