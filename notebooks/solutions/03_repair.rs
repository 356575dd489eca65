// Notebook 03, exercise “repair”: the task carries its parent, and the run lives in its stream.
lesson.clear();
pub fn streaming(client: &Client, model: Model) -> Router {
    let own: Client = client.clone();
    let handler = post(move |question: String| async move {
        let searching = spawn(search_source(own, "search docs"));
        let write: RunTree = child("write answer").run_type(RunType::Llm).start();
        let events = model.stream(question).await.expect("an answer");
        searching.await.expect("no panic");
        Body::from_stream(text_of(events.traced_by(write, ChatReply::new())))
    });
    Router::new().route("/ask", handler).layer(trusting(client, "generator"))
}
let even: TokenTiming = TokenTiming::every(Duration::from_millis(2));
let steady: ScriptedLlm = ScriptedLlm::builder().timing(even).start();
let routes: Router = streaming(&generator, Model::scripted(&steady));
let service: Service = lesson.serve("generator", routes);
let root: RunTree = gateway.run("gateway").start();
let request: reqwest::RequestBuilder =
    http_client().post(service.url("/ask")).body(story::QUESTION).trace(&root);
request.send().await.expect("an answer").text().await.expect("all of it");
root.end();
text_tree(&lesson.tree(4).await)
