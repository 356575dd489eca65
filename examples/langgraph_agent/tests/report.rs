//! What is printed of an answer, and what is not.

use langgraph_agent::approve::Decision;
use langgraph_agent::report::{answer, draft};
use langgraph_agent::state::{Draft, Review, State};

fn drafted() -> State {
    State {
        draft: Some(Draft {
            text: "Use spawn. [1]".into(),
            citations: vec![(1, "docs/x.md#spawn".into())],
        }),
        review: Some(Review {
            approved: true,
            reasons: Vec::new(),
        }),
        second_opinion: Some("Use threads.".into()),
        ..State::asked("how?")
    }
}

#[test]
fn a_second_opinion_goes_out_with_an_approved_answer_and_never_without() {
    let mut state = drafted();
    assert!(
        draft(&state).contains("Use threads."),
        "whoever decides sees it"
    );
    state.decision = Some(Decision::new(false, "rejected by you"));
    assert_eq!(answer(&state), "No answer goes out.\n\nrejected by you");
    state.decision = Some(Decision::new(true, "approved by you"));
    state.answer = Some("Use spawn. [1]".into());
    assert!(answer(&state).contains("The agent in Python says: Use threads."));
    // Declined: nobody was asked.
    let declined = State {
        answer: Some("The documentation has no answer to this.".into()),
        second_opinion: Some("Use threads.".into()),
        ..State::asked("how?")
    };
    assert_eq!(
        answer(&declined),
        "The documentation has no answer to this.\n\nnobody had to approve it"
    );
}

#[test]
fn after_a_comment_that_cost_the_answer_the_reviewer_has_the_last_word() {
    let mut state = drafted();
    state.decision = Some(Decision::comment("longer"));
    state.review = Some(Review {
        approved: false,
        reasons: vec!["it cites nothing".into()],
    });
    assert_eq!(
        answer(&state),
        "No answer goes out. it cites nothing.\n\nthe reviewer let no draft pass"
    );
}

#[test]
fn what_a_helper_did_not_do_is_said_once() {
    let mut state = drafted();
    state.without = vec!["Nobody counted.".into(), "Nobody counted.".into()];
    assert_eq!(answer(&state).matches("Nobody counted.").count(), 1);
}
