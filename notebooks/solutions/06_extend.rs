// Notebook 06, exercise “extend”: each line carries where it comes from, and old lines need not.
lesson.clear();
let folder: ScratchFolder = ScratchFolder::new("06-extend");
std::fs::create_dir_all(folder.path()).expect("a folder");
let file: std::path::PathBuf = folder.path().join("pages.jsonl");
let propagator: LangSmithPropagator = LangSmithPropagator::new().policy(TrustPolicy::Continue);
let root: RunTree = apart.client("gateway").run("gateway").metadata("user", "ada").start();
let export: RunTree = root.child("export").start();
let mut lines: Vec<String> = vec![json!({"page": "baggage"}).to_string()]; // an older export
for page in ["headers", "spawn"] {
    let mut line: JsonMap = JsonMap::new();
    line.insert("page".into(), page.into());
    propagator.inject(&export.context().expect("tracing is on"), &mut line);
    lines.push(Value::Object(line).to_string());
}
std::fs::write(&file, lines.join("\n")).expect("a file");
export.end();
root.end();
let importer: Client = apart.client("importer");
for line in std::fs::read_to_string(&file).expect("the file").lines() {
    let mut line: JsonMap = line.parse::<Value>().expect("JSON").as_object().expect("one").clone();
    let parent: Option<RunContext> = propagator.extract(&line).context;
    propagator.strip(&mut line);
    let name: String = format!("import {}", line["page"].as_str().unwrap_or_default());
    importer.run(name).parent(parent).inputs(line).start().end();
}
text_tree(&lesson.tree(5).await)
