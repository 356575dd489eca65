// Notebook 02, exercise “predict”: the generator's spans wait for a parent that nobody sends.
use opentelemetry_sdk::propagation::TraceContextPropagator;
let prediction: &str = "
gateway
  call retriever
    retriever
      search docs
  call generator
";
lesson.clear();
let foreign: SdkTracerProvider = plain(to_langsmith(lesson.mock()));
let near: Service = lesson.serve("retriever", story::spanned_retriever(&docs, both.clone()));
let writes: axum::Router = story::spanned_generator(&foreign.tracer("docs"), TraceContextPropagator::new());
let far: Service = lesson.serve("generator", writes);
let root: RunTree = gateway.run("gateway").start();
call_service(&root, "call retriever", near.url("/retrieve")).await;
let call: RunTree = root.child("call generator").run_type(RunType::Tool).start();
let mut headers: HashMap<String, String> = HashMap::new();
let here: Context = Context::new().with_parent_run(call.context().expect("tracing is on"));
both.inject_context(&here, &mut headers);
let request: reqwest::RequestBuilder =
    http_client().post(far.url("/write")).header("traceparent", &headers["traceparent"]);
request.json(&json!({"question": story::QUESTION})).send().await.expect("an answer");
call.end();
root.end();
foreign.force_flush().expect("answered with 200");
let count: usize = lesson.tree(5).await.len();
lesson.mock().expire_orphans();
println!("3 runs and 4 spans were sent, {count} runs are there");
