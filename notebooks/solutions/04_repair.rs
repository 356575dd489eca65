// Notebook 04, exercise “repair”: both tasks carry the node's run.
lesson.clear();
pub fn researching(client: Client, tools: McpTools) -> Graph {
    let research = move |_: State, _: NodeContext| {
        let (client, tools) = (client.clone(), tools.clone());
        async move {
            let searching = spawn(story::search_source(client, "search pages"));
            let page = json!({"page": "headers"});
            let reading = spawn(async move { tools.call("read_page", page).await });
            searching.await?;
            Ok::<Value, NodeError>(json!({"page": reading.await??}))
        }
    };
    let graph = Graph::builder("docs team").node("research", research).start("research");
    graph.compile().expect("a graph")
}
let researcher: Graph = researching(supervisor.clone(), tools.clone());
researcher.invoke(json!({})).client(&supervisor).await.expect("a page");
text_tree(lesson.capture(5).await.tree())
