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
let foreign: SdkTracerProvider = plain(exporter(&address, "stand-in-key"));
let writes: axum::Router =
    story::spanned_generator(&foreign.tracer("docs"), TraceContextPropagator::new());
let near: Service = lesson.serve("retriever", story::spanned_retriever(&docs, both.clone()));
let far: Service = lesson.serve("generator", writes);
let root: RunTree = gateway.run("gateway").start();
call_service(&root, "call retriever", near.url("/retrieve"), &both).await;
call_service(&root, "call generator", far.url("/write"), &both).await;
root.end();
foreign.force_flush().expect("answered with 200");
let count: usize = lesson.tree(5).await.len();
lesson.mock().expire_orphans();
println!("3 runs and 4 spans were sent, {count} runs are there");
