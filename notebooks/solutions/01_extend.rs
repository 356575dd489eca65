// Notebook 01, exercise “extend”: a second service behind a layer, asked with what the first one found.
lesson.clear();
let retrieving: Router = story::retriever(trusting(&retriever, "retriever"));
let near: Service = lesson.serve("retriever", retrieving);
let writing: Router = story::generator(trusting(&lesson.client("generator"), "generator"));
let far: Service = lesson.serve("generator", writing);
let root: RunTree = gateway.run("gateway").metadata("user", "ada").start();
let found: Value = call_service(&root, "call retriever", near.url("/retrieve")).await;
let call: RunTree = root.child("call generator").run_type(RunType::Tool).start();
let body: Value = json!({"question": story::QUESTION, "documents": found["documents"]});
let request: reqwest::RequestBuilder = http_client().post(far.url("/write")).json(&body);
let reply: reqwest::Response = request.trace(&call).send().await.expect("the generator answers");
let answer: Value = reply.json().await.expect("JSON");
call.end_with(answer.clone());
root.end_with(answer);
text_tree(&lesson.tree(7).await)
