//! An exercise: words for the learner, and facts about the trace that must arrive.

use super::about::AboutRun;
use super::capture::Capture;
use super::facts::{Fact, goal, is_about_a_run};
use super::outcome::{Check, Picture};
use super::wrong::Wrong;
use crate::analysis::Outline;

/// A task whose solution shows in the captured trace.
///
/// Facts are checked in the order in which they are stated, and the first that does not hold is what
/// the learner is told; so state first what the rest depends on. A run that is named must have ended.
///
/// ```
/// use common::lab::check::{Capture, Exercise};
/// use common::model::TraceTree;
///
/// let exercise = Exercise::new("01.repair", "Mend the trace")
///     .goal("One question, one trace.")
///     .minutes(10)
///     .hint("Which header does the retriever see?")
///     .why("The callee's runs stand below the caller's, because it read where the caller stands.")
///     .run("answer").root().from_service("gateway")
///     .run("retrieve").below("answer").from_service("retriever").within_parent()
///     .header("langsmith-trace").arrived()
///     .nothing_lost();
/// let check = exercise.check(&Capture::of(TraceTree::default()));
/// assert!(!check.is_passed(), "a check never passes on an empty trace");
/// ```
#[derive(Debug, Clone)]
pub struct Exercise {
    id: String,
    title: String,
    goal: String,
    minutes: u32,
    hints: Vec<String>,
    why: String,
    pub(super) facts: Vec<Fact>,
}

impl Exercise {
    /// Names an exercise. The id begins with the notebook's number: `01.repair`.
    pub fn new(id: impl Into<String>, title: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            title: title.into(),
            goal: String::new(),
            minutes: 0,
            hints: Vec::new(),
            why: String::new(),
            facts: Vec::new(),
        }
    }

    /// Says in a sentence what is to be reached.
    #[must_use]
    pub fn goal(mut self, sentence: impl Into<String>) -> Self {
        self.goal = sentence.into();
        self
    }

    /// Estimates how long it takes.
    #[must_use]
    pub fn minutes(mut self, minutes: u32) -> Self {
        self.minutes = minutes;
        self
    }

    /// Adds a hint; each is shown only when it is asked for, and should say more than the one before.
    #[must_use]
    pub fn hint(mut self, sentence: impl Into<String>) -> Self {
        self.hints.push(sentence.into());
        self
    }

    /// Says why the solution works; shown when the exercise is passed.
    #[must_use]
    pub fn why(mut self, sentence: impl Into<String>) -> Self {
        self.why = sentence.into();
        self
    }

    /// Demands a run of this name, and says more of it in what follows. Exactly one, unless
    /// [`AboutRun::times`] says otherwise.
    pub fn run(self, name: impl Into<String>) -> AboutRun {
        let name = name.into();
        let fact = Fact::Run {
            name: name.clone(),
            times: 1,
        };
        AboutRun::new(self.fact(fact), name)
    }

    /// Demands that all runs belong to one trace.
    #[must_use]
    pub fn one_trace(self) -> Self {
        self.fact(Fact::OneTrace)
    }

    /// Demands that no more than so many runs arrived: the budget.
    #[must_use]
    pub fn at_most(self, runs: usize) -> Self {
        self.fact(Fact::AtMost { runs })
    }

    /// Demands that these words are nowhere: in no field of a run, and in no tracing header that a service
    /// received.
    #[must_use]
    pub fn nowhere_said(self, words: impl Into<String>) -> Self {
        self.fact(Fact::NowhereSaid {
            words: words.into(),
        })
    }

    /// Demands that there are no other runs than those named so far.
    #[must_use]
    pub fn nothing_else(self) -> Self {
        self.fact(Fact::NothingElse)
    }

    /// Demands that every run that was sent has arrived, was accepted, and has ended.
    #[must_use]
    pub fn nothing_lost(self) -> Self {
        self.fact(Fact::NothingLost)
    }

    pub(super) fn fact(mut self, fact: Fact) -> Self {
        self.facts.push(fact);
        self
    }

    /// Returns the exercise's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the exercise's title.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Returns the sentence that says what is to be reached.
    pub fn stated_goal(&self) -> &str {
        &self.goal
    }

    /// Returns how many minutes it is said to take; 0 if nobody said.
    pub fn estimate(&self) -> u32 {
        self.minutes
    }

    /// Returns the hints.
    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    /// Returns the sentence that says why the solution works.
    pub fn stated_why(&self) -> &str {
        &self.why
    }

    /// Returns how many runs there are at least when the exercise is solved.
    pub fn expected_runs(&self) -> usize {
        let times = self.facts.iter().map(|fact| match fact {
            Fact::Run { times, .. } => *times,
            _ => 0,
        });
        times.sum()
    }

    /// Returns the tree as it should be.
    pub fn goal_tree(&self) -> Outline {
        goal(&self.facts)
    }

    /// Looks at what was captured, and says whether the exercise is solved or what is wrong first.
    pub fn check(&self, capture: &Capture) -> Check {
        let wrong = self.first_wrong(capture);
        let picture = wrong.as_ref().map(|wrong| Picture {
            left: ("as it is", wrong.mark_in(Outline::of(capture.tree()))),
            right: ("as it should be", wrong.mark_goal_in(self.goal_tree())),
        });
        Check::new(self, wrong.map(|wrong| wrong.sentence), picture)
    }

    /// Compares a tree that the learner predicted with what was captured. The prediction is text: a
    /// name a line, two blanks of indentation a level.
    ///
    /// The exercise's facts come first: if they do not hold, it was not the exercise's trace that arrived.
    pub fn check_prediction(&self, prediction: &str, capture: &Capture) -> Check {
        let predicted = Outline::parse(prediction);
        let actual = Outline::of(capture.tree());
        if capture.tree().is_empty() {
            return self.check(capture);
        }
        if predicted.is_empty() {
            let sentence =
                "nothing is predicted yet: write the tree, a name a line, two blanks a level";
            return Check::new(self, Some(sentence.to_owned()), None);
        }
        if self.first_wrong(capture).is_some() {
            return self.check(capture);
        }
        let Some((at, sentence)) = first_difference(&predicted, &actual) else {
            return Check::new(self, None, None);
        };
        let picture = Picture {
            left: ("as you predicted", predicted.mark(at, "")),
            right: ("as it arrived", actual.mark(at, "")),
        };
        Check::new(self, Some(sentence), Some(picture))
    }

    fn first_wrong(&self, capture: &Capture) -> Option<Wrong> {
        if capture.tree().is_empty() {
            let sentence = "no run has arrived: run the exercise's own cell first, then this one";
            return Some(Wrong::of(sentence));
        }
        if !self.facts.iter().any(is_about_a_run) {
            return Some(Wrong::of(
                "this exercise demands no run, so nothing can pass it",
            ));
        }
        let known: Vec<&str> = self.facts.iter().filter_map(Fact::named).collect();
        self.facts
            .iter()
            .find_map(|fact| fact.wrong(capture, &known))
    }
}

fn first_difference(predicted: &Outline, actual: &Outline) -> Option<(usize, String)> {
    let (predicted, actual): (Vec<_>, Vec<_>) =
        (predicted.rows().collect(), actual.rows().collect());
    let at =
        (0..predicted.len().max(actual.len())).find(|at| predicted.get(*at) != actual.get(*at))?;
    let place = |rows: &[(usize, &str)]| {
        let (depth, name) = rows[at];
        match rows[..at].iter().rev().find(|(above, _)| *above < depth) {
            Some((_, parent)) => format!("`{name}` below `{parent}`"),
            None => format!("`{name}` as a root"),
        }
    };
    let sentence = match (predicted.get(at), actual.get(at)) {
        (Some(_), Some(_)) => format!(
            "you predicted {}; what arrived is {}",
            place(&predicted),
            place(&actual)
        ),
        (Some(_), None) => format!("you predicted {}, which did not arrive", place(&predicted)),
        _ => format!("{} arrived, and you did not predict it", place(&actual)),
    };
    Some((at, sentence))
}
