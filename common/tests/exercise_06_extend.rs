//! The exercise `06.extend`: as shipped, solved, and solved wrongly in ways that people try.
#![cfg(feature = "lab")]

use common::lab::check::Check;
use common::prelude::*;

/// Does the work of the exercise: `write` puts the export's context into a line, `read` takes it out.
async fn imported(
    write: impl Fn(&RunTree, &mut JsonMap),
    read: impl Fn(&mut JsonMap) -> Option<RunContext>,
) -> Check {
    let lesson = Lesson::start("06-exercises").await;
    let root = lesson.client("gateway").run("gateway");
    let root = root.metadata("user", "ada").start();
    let export = root.child("export").start();
    let mut lines = vec![json!({"page": "baggage"}).to_string()];
    for page in ["headers", "spawn"] {
        let mut line = JsonMap::new();
        line.insert("page".into(), page.into());
        write(&export, &mut line);
        lines.push(Value::Object(line).to_string());
    }
    export.end();
    root.end();
    let importer = lesson.client("importer");
    for line in lines {
        let line = line.parse::<Value>().expect("JSON");
        let mut line = line.as_object().expect("an object").clone();
        let parent = read(&mut line);
        let name = format!("import {}", line["page"].as_str().unwrap_or_default());
        let run = importer.run(name).parent(parent);
        run.inputs(line).start().end();
    }
    lesson.check("06.extend").await
}

fn ours() -> LangSmithPropagator {
    LangSmithPropagator::new().policy(TrustPolicy::Continue)
}

fn inject(run: &RunTree, line: &mut JsonMap) {
    ours().inject(&run.context().expect("tracing is on"), line);
}

fn extract(line: &mut JsonMap) -> Option<RunContext> {
    let context = ours().extract(line).context;
    ours().strip(line);
    context
}

#[tokio::test(flavor = "multi_thread")]
async fn as_shipped_the_imports_have_no_parent() {
    let check = imported(|_, _| {}, |_| None).await;
    assert_eq!(
        check.first_wrong(),
        Some(
            "run `import headers` has no parent: the importer never read `langsmith-trace`, or nobody sent it"
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_solution_passes_and_says_why() {
    let check = imported(inject, extract).await;
    assert_eq!(check.first_wrong(), None);
    assert!(
        check
            .to_string()
            .contains("inherits the user, in another program")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_solution_is_rejected_with_another_first_wrong_fact() {
    // Written, and not read.
    let check = imported(inject, |line| {
        ours().strip(line);
        None
    })
    .await;
    let sentence = check.first_wrong().expect("it fails").to_owned();
    assert!(
        sentence.starts_with("run `import headers` has no parent"),
        "{sentence}"
    );
    // Read, and not taken out again.
    let check = imported(inject, |line| ours().extract(line).context).await;
    assert_eq!(
        check.first_wrong(),
        Some("run `import headers` says in its inputs what must not leave")
    );
    // The dotted order alone travels: whose it is does not.
    let bare = |run: &RunTree, line: &mut JsonMap| {
        let order = run.dotted_order().expect("tracing is on").to_string();
        line.insert("langsmith-trace".into(), order.into());
    };
    let check = imported(bare, extract).await;
    assert_eq!(
        check.first_wrong(),
        Some(r#"run `import headers` has no metadata `user`; it should be "ada""#)
    );
    // The importer believes nobody.
    let check = imported(inject, |line| {
        let propagator = LangSmithPropagator::new();
        let context = propagator.extract(line).context;
        propagator.strip(line);
        context
    })
    .await;
    let sentence = check.first_wrong().expect("it fails");
    assert!(
        sentence.starts_with("run `import headers` has no parent"),
        "{sentence}"
    );
    // An old line is put below whatever came last.
    let last = std::sync::Mutex::new(None);
    let check = imported(
        |run, line| {
            inject(run, line);
            *last.lock().expect("no panic") = run.context();
        },
        |line| extract(line).or_else(|| last.lock().expect("no panic").clone()),
    )
    .await;
    assert_eq!(
        check.first_wrong(),
        Some("run `import baggage` should be a root, and is below `export`")
    );
}
