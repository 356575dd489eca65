// Notebook 04, exercise “extend”: a node behind the writer, a tool run in it, and a router behind it.
lesson.clear();
pub async fn count(arguments: Value) -> Result<usize, NodeError> {
    Ok(arguments["draft"].as_str().unwrap_or_default().split_whitespace().count())
}
pub async fn found(_: State, _: NodeContext) -> Result<Value, NodeError> {
    Ok(json!({"notes": ["a layer on the service reads the header"]}))
}
pub async fn draft(state: State, _: NodeContext) -> Result<Value, NodeError> {
    let told: bool = state["words"].is_number();
    Ok(json!({"answer": if told { "in a header that a layer reads" } else { "in a header" }}))
}
pub async fn reviewing(state: State, context: NodeContext) -> Result<Value, NodeError> {
    let draft: Value = json!({"draft": state["answer"]});
    Ok(json!({"words": context.tool("count_words", draft, count).await?}))
}
pub fn good_enough(state: &State) -> &'static str {
    if state["words"].as_u64() >= Some(5) { END } else { "write" }
}
let reviewed: Graph = Graph::builder("docs team")
    .channel("notes", Reducer::append())
    .node("search", found)
    .node("write", draft)
    .node("review", reviewing)
    .start("search")
    .edge("search", "write")
    .edge("write", "review")
    .route("review", "good_enough", good_enough, ["write", END])
    .compile()
    .expect("a graph");
reviewed.invoke(json!({})).client(&supervisor).await.expect("an answer");
supervisor.flush(std::time::Duration::from_secs(5)).expect("all runs are sent");
text_tree(&lesson.mock().tree())
