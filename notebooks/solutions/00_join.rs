// The set-up notebook, exercise “join”: the search is a child, and the answer ends after it.
lesson.clear();
let root: RunTree = client.run("answer").inputs(json!({"question": "What is a child run?"})).start();
let search: RunTree = root.child("look up").run_type(RunType::Retriever).start();
pause(20).await; // stands for real work
search.end_with(json!({"documents": 2}));
root.end_with(json!({"answer": "A run that another one started."}));
text_tree(&lesson.tree(2).await)
