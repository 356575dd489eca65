//! Programs that are started, not called.

use std::ffi::OsString;
use std::io;

use axum::Router;
use axum::routing::get;
use tokio::process::Command;

use super::{context, ours};
use crate::lab::{Lesson, Service};
use crate::middleware::TracingLayer;
use crate::model::TraceTree;
use crate::propagation::{ChildEnv, Entries, Propagator as _, TrustPolicy};

/// Says what a job finds in its environment, a variable a line, and so stands for a job that reads it.
const JOB: &str = r#"printf '%s\n%s\n' "$TRACEPARENT_LANGSMITH" "$BAGGAGE""#;
/// Says what a program was given as its first argument.
const PROGRAM: &str = r#"printf '%s' "$1""#;
/// Calls a service as any script does. curl leaves a header out whose value is empty.
const SCRIPT: &str = r#"curl --silent --fail --noproxy '*' \
    -H "langsmith-trace: $TRACEPARENT_LANGSMITH" -H "baggage: $BAGGAGE" "$1""#;

/// A scheduler starts a job through a shell, as cron does; the context is in the environment. Two runs: `nightly` and,
/// below it, `index pages`.
///
/// # Errors
/// When there is no `sh`.
pub async fn cron(lesson: &Lesson) -> io::Result<TraceTree> {
    let nightly = lesson
        .client("scheduler")
        .run("nightly")
        .tag("cron")
        .start();
    // The child is a shell, and the job its child.
    let mut env = ChildEnv::new().for_descendants();
    ours().inject(&context(&nightly)?, &mut env);
    let said = said_by(JOB, &env, "").await?;

    // In the job; there it is `ChildEnv::received()`.
    let mut lines = said.lines();
    let (trace, baggage) = (
        lines.next().unwrap_or_default(),
        lines.next().unwrap_or_default(),
    );
    let get = |name: &str| match name {
        "TRACEPARENT_LANGSMITH" => Some(OsString::from(trace)),
        "BAGGAGE" => Some(OsString::from(baggage)),
        _ => None,
    };
    let parent = ours().extract(&ChildEnv::read(get, None)).context;
    let job = lesson.client("indexer").run("index pages").parent(parent);
    job.start().end();
    nightly.end();
    Ok(lesson.tree(2).await)
}

/// A program is given its context as an argument, `--trace-context JSON`. Two runs: `deploy` and, below it, `migrate`.
///
/// # Errors
/// When there is no `sh`.
pub async fn command_line(lesson: &Lesson) -> io::Result<TraceTree> {
    let deploy = lesson.client("deployer").run("deploy").start();
    let entries = Entries::of(&ours(), &context(&deploy)?);
    let argument = serde_json::to_string(&entries)?;
    let said = said_by(PROGRAM, &ChildEnv::new(), &argument).await?;

    // In the program: an argument that is broken is none, and the program runs all the same.
    let entries: Entries = serde_json::from_str(&said).unwrap_or_default();
    let parent = ours().extract(&entries).context;
    lesson
        .client("migrator")
        .run("migrate")
        .parent(parent)
        .start()
        .end();
    deploy.end();
    Ok(lesson.tree(2).await)
}

/// A shell script calls a service with curl, with the two headers out of its environment. Two runs: `backup` and, below
/// it, that of the service.
///
/// # Errors
/// When there is no `sh` or no `curl`, or the service does not answer.
pub async fn shell_script(lesson: &Lesson) -> io::Result<TraceTree> {
    let client = lesson.client("archive");
    let layer = TracingLayer::new(client.tracer())
        .policy(TrustPolicy::Continue)
        .name(|_| "store".into());
    let router = Router::new().route("/store", get(|| async { "stored" }));
    let service = Service::start("archive", router.layer(layer));

    let backup = lesson.client("host").run("backup").tag("shell").start();
    let mut env = ChildEnv::new().for_descendants();
    ours().inject(&context(&backup)?, &mut env);
    let said = said_by(SCRIPT, &env, &service.url("/store")).await?;
    backup.end_with(serde_json::json!({"answer": said}));
    Ok(lesson.tree(2).await)
}

/// Runs a script with an argument, and returns what it says.
async fn said_by(script: &str, env: &ChildEnv, argument: &str) -> io::Result<String> {
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh", argument]);
    env.apply(command.as_std_mut());
    let output = command.output().await?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(io::Error::other(format!(
            "the script failed ({}): {words}",
            output.status
        )));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
