// Notebook 04, exercise “predict”: the wrapper repeats the call below it; siblings are two calls.
let twice: &str = "write answer";
let used: u64 = 590;
let summed: u64 = 940;
lesson.clear();
pub fn call(above: &RunTree, name: &str, input: u64, output: u64) -> RunTree {
    let run: RunTree = above.child(name).run_type(RunType::Llm).start();
    run.set_usage(Usage::tokens(input, output));
    run
}
let root: RunTree = supervisor.run("docs team").start();
let step: RunTree = root.child("plan").start();
call(&step, "plan model", 100, 20).end();
step.end();
let step: RunTree = root.child("write").start();
let answer: RunTree = call(&step, "write answer", 300, 50);
call(&answer, "write model", 300, 50).end();
answer.end();
step.end_with(json!({"answer": "In a header.", "usage_metadata": Usage::tokens(300, 50)}));
let step: RunTree = root.child("review").start();
call(&step, "review model", 50, 10).end();
call(&step, "review model", 50, 10).end();
step.end();
root.child("prediction")
    .metadata("twice", twice)
    .metadata("used", used)
    .metadata("summed", summed)
    .start()
    .end();
root.end();
println!("{} runs have arrived", lesson.tree(10).await.len());
