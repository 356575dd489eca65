// Notebook 02, exercise “extend”: both calls are told in both vocabularies, with their content.
lesson.clear();
let docs: SdkTracer = lesson.pipeline("gateway").tracer("docs");
let root: RunTree = gateway.run("gateway").start();
let asked: Value = json!({"question": story::QUESTION});
let capture: ContentCapture = ContentCapture::Attributes;
let tool: Call = Call::tool("search docs").arguments(&asked);
let mut search: trace::Span = with_run(&root, || tool.start(&docs, &capture));
let found: Vec<Value> = story::retrieve(story::QUESTION).await;
Answer::new().result(&json!({"documents": found})).record(&mut search, &capture);
search.end();
let chat: Call = Call::chat("openai", "gpt-4o-mini")
    .conversation("chat-7")
    .messages([Message::text("user", story::QUESTION)]);
let mut write: trace::Span = with_run(&root, || chat.start(&docs, &capture));
let text: String = story::generate(story::QUESTION, &found).await;
Answer::new()
    .usage(Usage::tokens(11, 7))
    .messages([Message::text("assistant", text.as_str()).finish_reason("stop")])
    .record(&mut write, &capture);
write.end();
root.end();
println!("asked {asked}\nfound {} documents\nwrote {text}", found.len());
text_tree(&lesson.tree(3).await)
