//! The generated code is that of the `.proto` file: each message, field, number and call of one is in the other.

const PROTO: &str = include_str!("../proto/tools.proto");
const GENERATED: &str = include_str!("../src/tools/proto/tools.v1.rs");

/// Fields as `name = number`, in the `.proto` file, in its order.
fn written() -> Vec<String> {
    let fields = PROTO.lines().map(str::trim);
    let fields = fields.filter(|line| line.ends_with(';') && line.contains(" = "));
    let fields = fields.filter(|line| !line.starts_with("syntax"));
    fields
        .filter_map(|line| {
            let (before, number) = line.trim_end_matches(';').split_once(" = ")?;
            Some(format!("{} = {number}", before.split(' ').next_back()?))
        })
        .collect()
}

/// The same, in the generated code.
fn generated() -> Vec<String> {
    let mut fields = Vec::new();
    let mut lines = GENERATED.lines().map(str::trim);
    while let Some(line) = lines.next() {
        let Some((_, number)) = line.split_once("tag = \"") else {
            continue;
        };
        let number = number.split('"').next().expect("a number");
        let field = lines.next().and_then(|line| line.strip_prefix("pub "));
        let name = field
            .and_then(|field| field.split(':').next())
            .expect("a field");
        fields.push(format!("{name} = {number}"));
    }
    fields
}

#[test]
fn fields_and_their_numbers_agree() {
    assert_eq!(written(), generated());
    assert_eq!(written().len(), 4);
}

#[test]
fn messages_and_calls_agree() {
    let names = |start: &str| {
        let lines = PROTO.lines().map(str::trim);
        let names = lines.filter_map(|line| line.strip_prefix(start));
        let name = |rest: &str| rest.split([' ', '(']).next().unwrap_or_default().to_owned();
        names.map(name).collect::<Vec<_>>()
    };
    for message in names("message ") {
        assert!(
            GENERATED.contains(&format!("pub struct {message} ")),
            "{message}"
        );
    }
    for call in names("rpc ") {
        assert!(
            GENERATED.contains(&format!("\"/tools.v1.Tools/{call}\"")),
            "{call}"
        );
    }
    assert_eq!(names("rpc "), ["FitPrompt"]);
}
