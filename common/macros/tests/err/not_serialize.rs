use common::traceable;

struct Database;

struct Answer;

#[derive(Debug)]
struct Bad;

#[traceable]
fn answer(database: &Database, question: &str) -> u8 {
    0
}

#[traceable]
async fn gives_back(question: String) -> Answer {
    Answer
}

#[traceable]
fn fails() -> Result<u8, Bad> {
    Err(Bad)
}

#[traceable]
fn generic<T>(value: T) {}

fn main() {}
