// Notebook 03, exercise “extend”: the failed message goes back as it came, with its sender’s context.
lesson.clear();
let queue: Queue = Queue::start("exercise").await.expect("a queue");
let worker: Client = lesson.client("worker");
let root: RunTree = gateway.run("enqueue").start();
for page in 1..=3 {
    queue.publish(&json!({"page": page}), &root).await.expect("sent");
}
root.end();
let (mut settled, mut taken): (usize, usize) = (0, 0);
while settled < 3 && taken < 6 {
    taken += 1;
    let next = tokio::time::timeout(Duration::from_secs(2), queue.next()).await;
    let Ok(message) = next else { break };
    let message = message.expect("a message");
    let (body, attempt): (Value, u32) = (message.body(), message.attempt());
    let parent: Option<RunContext> = ours().extract(message.carrier()).context;
    let name: String = format!("page {}, attempt {attempt}", body["page"]);
    let run: RunTree = worker.run(name).parent(parent).start();
    if body["page"] == 2 && attempt == 1 {
        run.fail("the index is busy");
        message.retry().await.expect("settled");
    } else {
        run.end();
        message.ack().await.expect("settled");
        settled += 1;
    }
}
text_tree(&lesson.tree(5).await)
