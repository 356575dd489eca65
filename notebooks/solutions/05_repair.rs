// Notebook 05, exercise “repair”: every field is looked at, in both services.
lesson.clear();
pub fn masked(lesson: &Lesson, service: &str) -> Client {
    let rules: Anonymizer = Anonymizer::builder().secrets().emails().build().expect("rules");
    lesson.client_with(service, |client| client.anonymizer(rules))
}
let gateway: Client = masked(&apart, "gateway");
let layer: TracingLayer = TracingLayer::new(masked(&apart, "retriever").tracer());
let layer: TracingLayer = layer.policy(TrustPolicy::Continue).name(|_| "retriever".into());
let router: axum::Router =
    axum::Router::new().route("/retrieve", axum::routing::post(|| async { "[]" })).layer(layer);
let retriever: Service = lesson.serve("retriever", router);
let root: RunTree = gateway
    .run("gateway")
    .metadata("user", "ada@example.org")
    .inputs(json!({"question": story::QUESTION}))
    .start();
http_client().post(retriever.url("/retrieve")).trace(&root).send().await.expect("an answer");
let call: RunTree = root.child("call model").run_type(RunType::Llm).start();
let key: String = format!("sk-proj-{}", "x".repeat(24));
call.fail(format!("HTTP 401: Incorrect API key provided: {key}"));
root.end();
text_tree(&lesson.tree(3).await)
