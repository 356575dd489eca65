// Notebook 01, exercise “repair”: the layer trusts its caller, and the request goes out below the call.
lesson.clear();
pub fn moved(client: &Client) -> Router {
    let layer = TracingLayer::new(client.tracer())
        .policy(TrustPolicy::Continue)
        .name(|_| "retriever".into());
    let handler = post(|Json(body): Json<Value>| async move {
        let run: RunTree = current().expect("the layer has started a run");
        let search: RunTree = run.child("search docs").run_type(RunType::Retriever).start();
        let question: &str = body["question"].as_str().unwrap_or_default();
        let documents: Vec<Value> = story::retrieve(question).await;
        search.end_with(json!({"documents": documents}));
        Json(json!({"documents": documents}))
    });
    Router::new().route("/retrieve", handler).layer(layer)
}
let moved_service: Service = lesson.serve("retriever", moved(&retriever));
let root: RunTree = gateway.run("gateway").start();
let call: RunTree = root.child("call retriever").run_type(RunType::Tool).start();
let body: Value = json!({"question": story::QUESTION});
let request: reqwest::RequestBuilder = http_client().post(moved_service.url("/retrieve")).json(&body);
request.trace(&call).send().await.expect("the retriever answers");
call.end();
root.end();
text_tree(&lesson.tree(4).await)
