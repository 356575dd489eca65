// Notebook 06, the capstone: five faults, five changes.
lesson.clear();
let [gateway, retriever, generator]: [Client; 3] = DAY_SERVICES.map(|name| apart.client(name));
let retriever: Service = lesson.serve("retriever", story::retriever(layer(&retriever, "retriever")));
let generator: Service = lesson.serve("generator", story::generator(layer(&generator, "generator")));
let edge: HeaderProxy = HeaderProxy::before(&retriever).start();
let root: RunTree = gateway.run("gateway").metadata("request_id", "q-007").start();
let find: RunTree = root.child("find").start();
ask(&find, edge.url("/retrieve")).await;
let mut reading: JoinSet<()> = JoinSet::new();
for page in ["headers", "baggage", "spawn"] {
    let read = find.child("read page").run_type(RunType::Tool).inputs(json!({"page": page})).start();
    reading.spawn(async move {
        pause(60).await;
        read.end_with(json!({"bytes": page.len()}));
    });
}
while reading.join_next().await.is_some() {}
find.end();
let write: RunTree = root.child("write").start();
let shown: RunTree = write.clone();
tokio::spawn(async move {
    loop {
        shown.add_metadata("under way", true); // for a page of status
        pause(1000).await;
    }
});
ask(&write, generator.url("/write")).await;
let used: Value = json!({"usage_metadata":
    {"input_tokens": 300, "output_tokens": 50, "total_tokens": 350}});
let chat: RunTree = write.child("chat").run_type(RunType::Chain).start();
chat.child("call model").run_type(RunType::Llm).start().end_with(used.clone());
chat.end_with(used);
write.end();
root.end();
text_tree(lesson.capture(12).await.tree())
