// Notebook 03, exercise “predict”: only the bare task has left its parent behind.
let prediction: &str = "
gateway
  search pages
  rank
    score
  search issues
search code
";
lesson.clear();
let root: RunTree = gateway.run("gateway").start();
async {
    spawn(search_source(gateway.clone(), "search pages")).await.expect("no panic");
    let rank: RunTree = child("rank").start();
    with_run(&rank, || std::thread::spawn(carry(|| child("score").start().end())))
        .join()
        .expect("no panic");
    rank.end();
    tokio::join!(search_source(gateway.clone(), "search issues"));
    tokio::spawn(search_source(gateway.clone(), "search code")).await.expect("no panic");
}
.in_run(&root)
.await;
root.end();
println!(
    "{} runs have arrived, {} are predicted",
    lesson.tree(6).await.len(),
    prediction.trim().lines().count()
);
