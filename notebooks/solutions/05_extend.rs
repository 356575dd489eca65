// Notebook 05, exercise “extend”: what cannot be sent stays on disk, and the successor sends it.
lesson.clear();
let folder: ScratchFolder = ScratchFolder::new("05-extend");
pub fn worker(lesson: &Lesson, folder: &std::path::Path) -> Client {
    let spool: SpoolConfig = SpoolConfig::new(folder);
    lesson.client_with("worker", |client| client.spool(spool))
}
let first: Client = worker(&apart, folder.path());
lesson.mock().fault(Fault::status(503));
for page in 1..=3 {
    first.run(format!("page {page}")).start().end();
}
println!("{:?}", first.shutdown_async(Duration::from_millis(500)).await);
lesson.mock().clear_faults();
let second: Client = worker(&apart, folder.path());
second.run("page 4").start().end();
text_tree(&lesson.tree(4).await)
