// Notebook 06, exercise “repair”: the dead one's run is closed, the lost one's place is taken.
lesson.clear();
let gateway: Client = apart.client("gateway");
let killed: Client =
    apart.client_with("gateway", |client| client.sink(Arc::new(MemorySink::new())));
let [retriever, generator]: [Client; 2] = ["retriever", "generator"].map(|name| apart.client(name));
let root: RunTree = gateway.run("gateway").start();
let search: RunTree =
    retriever.run("search docs").parent(root.context()).metadata("host", "worker-1").start();
let index: RunTree = retriever.run("index pages").parent(root.context()).metadata("host", "worker-2").start();
let lost: RunTree = killed.run("call generator").parent(root.context()).start();
generator.run("generator").parent(lost.context()).start().end();
root.end();
std::mem::forget(search);
lesson.tree(2).await;
let runs: Vec<Run> = lesson.mock().runs();
let gone: PendingRule = PendingRule::all().metadata("host", "worker-1");
for plan in [close_pending(&runs, &gone), adopt_orphans(&runs)] {
    print!("{plan}{}", gateway.carry_out(&plan, Pace::default(), patience).await);
}
index.end();
text_tree(lesson.capture(5).await.tree())
