//! The question set: what the retriever finds of what it should, and what it refuses.

use std::collections::HashSet;
use std::fmt::Write as _;

use common::lab::Lesson;
use common::lab::llm::{Model, TokenTiming};
use langgraph_agent::approve::Decision;
use langgraph_agent::assistant::{Assistant, Turn};
use langgraph_agent::corpus::{Corpus, Source};
use langgraph_agent::index::{Hit, Index};
use langgraph_agent::nodes::Crew;
use langgraph_agent::script::scripted;

/// Measured on 34 questions when this was written: 30 among the first three, 26 of them the first. The thresholds
/// leave room for two sections that are written anew.
const LEAST_AMONG_THREE: usize = 28;
const LEAST_FIRST: usize = 24;
/// What goes by words cannot tell: the documentation has these words, or has others for the same thing.
const TOLERATED: [&str; 2] = [
    "Which Rust version do I need?",
    "What happens when a server crashes?",
];
/// How many of the script's answers have to cite a section that answers.
const LEAST_ANSWERED: usize = 30;

#[derive(serde::Deserialize)]
struct Set {
    question: Vec<Question>,
}

#[derive(serde::Deserialize)]
struct Question {
    ask: String,
    expect: Vec<String>,
}

fn index() -> Index {
    let corpus = Corpus::of_repository().expect("the documentation is here");
    Index::of(corpus).expect("an index")
}

fn questions() -> Vec<Question> {
    let set: Set = toml::from_str(include_str!("../questions.toml")).expect("questions");
    set.question
}

fn found(index: &Index, question: &Question) -> Vec<Hit> {
    let hits = index.search(&question.ask, &Source::ALL, 5);
    hits.expect("any question may be asked")
}

/// Returns where the first passage stands that answers the question, from 1.
fn rank(hits: &[Hit], question: &Question) -> Option<usize> {
    let at = hits
        .iter()
        .position(|hit| question.expect.contains(&hit.passage.citation()));
    at.map(|at| at + 1)
}

#[test]
#[allow(clippy::print_stdout, reason = "the table is what the test is for")]
fn the_right_section_is_among_the_first_three_and_mostly_the_first() {
    let index = index();
    let (mut first, mut among_three, mut all) = (0, 0, 0);
    let mut table = String::from("rank  support  question\n");
    for question in questions()
        .iter()
        .filter(|question| !question.expect.is_empty())
    {
        let hits = found(&index, question);
        let rank = rank(&hits, question);
        all += 1;
        first += usize::from(rank == Some(1));
        among_three += usize::from(rank.is_some_and(|rank| rank <= 3));
        let shown = rank.map_or("–".to_owned(), |rank| rank.to_string());
        let support = hits.iter().map(|hit| hit.support).fold(0.0, f64::max);
        let _ = writeln!(table, "{shown:<4}  {support:<7.2}  {}", question.ask);
        if rank != Some(1) {
            let instead = hits
                .first()
                .map_or("nothing".to_owned(), |hit| hit.passage.citation());
            let _ = writeln!(table, "               first was {instead}");
        }
    }
    let _ = write!(table, "hit@1 {first}/{all}, hit@3 {among_three}/{all}");
    println!("{table}");
    assert!(all >= 24, "{all} questions");
    assert!(
        among_three >= LEAST_AMONG_THREE && first >= LEAST_FIRST,
        "{table}"
    );
}

#[test]
#[allow(clippy::print_stdout, reason = "the table is what the test is for")]
fn what_the_documentation_does_not_answer_has_no_good_document_and_the_rest_has_one() {
    let index = index();
    let mut wrong = Vec::new();
    let (mut most_refused, mut least_taken) = (0.0_f64, 1.0_f64);
    for question in questions() {
        let hits = found(&index, &question);
        let support = hits.iter().map(|hit| hit.support).fold(0.0, f64::max);
        match question.expect.is_empty() {
            true => most_refused = most_refused.max(support),
            false => least_taken = least_taken.min(support),
        }
        if hits.iter().any(Hit::is_good) == question.expect.is_empty() {
            wrong.push(format!("{support:.2} {}", question.ask));
        }
    }
    println!(
        "best support without an answer {most_refused:.2}, with one at least {least_taken:.2}"
    );
    wrong.retain(|wrong| !TOLERATED.iter().any(|known| wrong.ends_with(known)));
    // What is written anew may cost another one.
    assert!(wrong.len() <= 1, "{wrong:?}");
}

#[test]
fn every_expected_section_is_there() {
    let index = index();
    let cited: HashSet<String> = index
        .passages()
        .iter()
        .map(|passage| passage.citation())
        .collect();
    let questions = questions();
    let expected = questions.iter().flat_map(|question| &question.expect);
    let missing: Vec<&String> = expected
        .filter(|expected| !cited.contains(*expected))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_question_of_the_lessons_finds_its_section_first_and_the_rule_on_the_shelf_of_docs() {
    let index = index();
    let best = |source: &[Source]| {
        let hits = index.search("how do I keep the trace across spawn?", source, 3);
        let hits = hits.expect("any question may be asked");
        hits.iter()
            .map(|hit| hit.passage.citation())
            .collect::<Vec<_>>()
    };
    let lesson =
        "notebooks/03_async_streaming_patterns.ipynb § Which ways to start work keep the parent?";
    assert_eq!(best(&Source::ALL)[0], lesson);
    assert_eq!(best(&[Source::Notebooks])[0], lesson);
    let docs = best(&[Source::Docs]);
    let rule = "docs/best_practices.md#bp-16--start-work-with-what-carries-its-parent";
    assert_eq!(docs[0], rule);
}

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::print_stdout, reason = "the table is what the test is for")]
async fn the_answers_of_the_script_cite_a_section_that_answers() {
    let lesson = Lesson::start("langgraph_agent_test").await;
    let llm = scripted(TokenTiming::NONE);
    let crew = Crew::new(Model::scripted(&llm), index());
    let assistant = Assistant::new(&crew, &lesson.client("assistant")).expect("a graph");
    let (mut good, mut all) = (0, 0);
    let mut table = String::new();
    for (at, question) in questions().iter().enumerate() {
        if question.expect.is_empty() {
            continue;
        }
        let thread = format!("t-{at}");
        let mut turn = assistant.ask(&question.ask, &thread).await.expect("a turn");
        if let Turn::Asks(_) = turn {
            let yes = Decision::new(true, "approved by a test");
            turn = assistant.decide(&thread, &yes).await.expect("a turn");
        }
        let state = turn.state();
        let draft = state.draft.as_ref();
        let cited: Vec<&String> = draft
            .iter()
            .flat_map(|draft| draft.citations.iter().map(|(_, place)| place))
            .collect();
        let meets = state.answer.is_some() && cited.iter().any(|it| question.expect.contains(it));
        all += 1;
        good += usize::from(meets);
        let answer = state.answer.as_deref().unwrap_or("–");
        let mark = if meets { "✓" } else { "✗" };
        let _ = writeln!(
            table,
            "{mark} {}\n    {answer}\n    {cited:?}",
            question.ask
        );
    }
    println!("{table}{good}/{all}");
    assert!(good >= LEAST_ANSWERED, "{good}/{all}\n{table}");
}

#[test]
fn nobody_bakes_here() {
    let index = index();
    let hits = index.search("How do I bake sourdough bread?", &Source::ALL, 5);
    let hits = hits.expect("any question may be asked");
    assert!(!hits.iter().any(Hit::is_good), "{hits:?}");
    let tells = |hit: &&Hit| hit.passage.text.contains("sourdough");
    assert_eq!(
        hits.iter().find(tells),
        None,
        "the page about this program is no documentation"
    );
}
