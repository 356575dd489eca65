// Notebook 01, exercise “predict”: the generator never sees a header, so its layer begins a second trace.
let prediction: &str = "
gateway
  call retriever
    retriever
      search docs
  call generator
generator
  write answer
";
lesson.clear();
let retrieving: Router = story::retriever(trusting(&lesson.client("retriever"), "retriever"));
let writing: Router = story::generator(trusting(&lesson.client("generator"), "generator"));
let near: Service = lesson.serve("retriever", retrieving);
let far: Service = lesson.serve("generator", writing);
let old: HeaderProxy =
    HeaderProxy::before(&far).strip("langsmith-trace").strip("baggage").start();
let root: RunTree = gateway.run("gateway").start();
call_service(&root, "call retriever", near.url("/retrieve")).await;
call_service(&root, "call generator", old.url("/write")).await;
root.end();
println!("{} runs have arrived, {} are predicted", lesson.tree(7).await.len(), prediction.trim().lines().count());
