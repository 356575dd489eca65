//! What waits in a file until somebody takes it up.

use std::io::{self, BufRead as _, Write as _};

use super::{context, ours};
use crate::lab::{Lesson, ScratchFolder};
use crate::model::TraceTree;
use crate::propagation::carrier::file;
use crate::propagation::carrier::links::{BATCH_RUN_ID, Links};
use crate::propagation::{Entries, Job, Propagator as _};

/// Two uploads write a line each into a file, with their context; whoever closes the file writes its own beside it. Six
/// runs in three traces: `upload` twice, each with the `import record` of its line below; `close file` and, below it,
/// `import file`, which is linked to both uploads.
///
/// # Errors
/// When the file cannot be written or read.
pub async fn batch_file(lesson: &Lesson) -> io::Result<TraceTree> {
    let folder = ScratchFolder::new("batch");
    std::fs::create_dir(folder.path())?;
    let path = folder.path().join("records.jsonl");
    let sidecar = folder.path().join("records.jsonl.trace");
    let uploads = lesson.client("uploads");
    let mut records = std::fs::File::create(&path)?;
    for page in [1, 2] {
        let upload = uploads.run("upload").metadata("page", page).start();
        let job = Job::below(&ours(), &context(&upload)?, page);
        writeln!(records, "{}", serde_json::to_string(&job)?)?;
        upload.end();
    }
    let close = uploads.run("close file").start();
    file::write(&sidecar, &Entries::of(&ours(), &context(&close)?))?;
    close.end();

    // The importer, in a process of its own. A record that says nothing of a trace is a record all the same.
    let importer = lesson.client("importer");
    let read = io::BufReader::new(std::fs::File::open(&path)?);
    let mut jobs: Vec<Job<u32>> = Vec::new();
    for line in read.lines() {
        jobs.push(serde_json::from_str(&line?)?);
    }
    let senders: Vec<_> = jobs
        .iter()
        .map(|job| ours().extract(&job.trace_context))
        .collect();
    let links: Links = senders.iter().collect();
    let whole = ours().extract(&file::read(&sidecar).unwrap_or_default());
    let whole = importer
        .run("import file")
        .parent(whole.context)
        .metadata_from(links.metadata())
        .start();
    let id = whole.id().map(|id| id.to_string());
    for (job, sender) in jobs.iter().zip(senders) {
        let run = importer.run("import record").parent(sender.context);
        let run = run
            .metadata(BATCH_RUN_ID, id.clone())
            .metadata("page", job.body);
        run.start().end();
    }
    whole.end();
    Ok(lesson.tree(6).await)
}

/// A request orders a report for tomorrow. The report is no part of the request, which has long ended: it is a trace of
/// its own, and names the request in its metadata. Two runs in two traces: `order report` and `write report`.
///
/// # Errors
/// When the file cannot be written.
pub async fn scheduled_later(lesson: &Lesson) -> io::Result<TraceTree> {
    let folder = ScratchFolder::new("later");
    std::fs::create_dir(folder.path())?;
    let path = folder.path().join("report.json");
    let order = lesson.client("gateway").run("order report").start();
    file::write(&path, &Entries::of(&ours(), &context(&order)?))?;
    order.end();

    // A day later.
    let cause = ours().extract(&file::read(&path).unwrap_or_default());
    let links: Links = [cause].iter().collect();
    let report = lesson.client("reports").run("write report");
    report.metadata_from(links.metadata()).start().end();
    Ok(lesson.tree(2).await)
}
