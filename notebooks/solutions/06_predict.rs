// Notebook 06, exercise “predict”: the path is what was waited for, and the check was not.
let waits_for: &str = "write answer";
let saves_nothing: &str = "check safety";
let code: &str = "LT051";
lesson.clear();
pub async fn timed(run: RunTree, millis: u64) {
    pause(millis).await;
    run.end_with(json!({"took": run.name()}));
}
let gateway: Client = apart.client("gateway");
let root: RunTree = gateway.run("gateway").start();
let check: RunTree = root.child("check safety").run_type(RunType::Tool).start();
let checking: tokio::task::JoinHandle<()> = tokio::spawn(timed(check, 200));
for query in ["keep the trace", "service boundary", "which header"] {
    let search = root.child("search pages").run_type(RunType::Retriever);
    timed(search.inputs(json!({"query": query})).start(), 60).await;
}
timed(root.child("write answer").run_type(RunType::Llm).start(), 90).await;
checking.await.expect("no panic");
root.end();
let told: RunTree = gateway.run("prediction").metadata("code", code).start();
told.add_metadata("waits_for", waits_for);
told.add_metadata("saves_nothing", saves_nothing);
told.end();
text_tree(&lesson.tree(7).await)
