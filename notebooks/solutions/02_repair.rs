// Notebook 02, exercise “repair”: the propagator reads both headers, and the tenant goes first.
lesson.clear();
let spans: Pipeline = lesson.pipeline("retriever");
let believing: LangSmithPropagator = LangSmithPropagator::new().policy(TrustPolicy::Continue);
let reads: ContextPropagator = spans.propagator(believing);
let moved: axum::Router = story::spanned_retriever(&spans.tracer("docs"), reads);
let moved: Service = lesson.serve("retriever", moved);
let tenant: axum::http::HeaderMap =
    [("baggage".parse().expect("a name"), "tenant=docs".parse().expect("a value"))].into_iter().collect();
let root: RunTree = gateway.run("gateway").metadata("user", "ada").start();
let call: RunTree = root.child("call retriever").run_type(RunType::Tool).start();
let request: reqwest::RequestBuilder =
    http_client().post(moved.url("/retrieve")).json(&json!({"question": story::QUESTION}));
request.headers(tenant).trace(&call).send().await.expect("the retriever answers");
call.end();
root.end();
text_tree(&lesson.tree(4).await)
