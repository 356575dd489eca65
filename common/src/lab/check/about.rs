//! The words in which an exercise speaks of one run.

use super::exercise::Exercise;
use super::facts::Fact;
use crate::model::RunType;

/// An [`Exercise`], about to say more of one run. Made by [`Exercise::run`].
#[derive(Debug, Clone)]
#[must_use = "the exercise is what is checked; end with `done`, or with a fact about the whole trace"]
pub struct AboutRun {
    exercise: Exercise,
    name: String,
}

impl AboutRun {
    pub(super) fn new(exercise: Exercise, name: String) -> Self {
        Self { exercise, name }
    }

    fn fact(mut self, fact: impl FnOnce(String) -> Fact) -> Self {
        self.exercise.facts.push(fact(self.name.clone()));
        self
    }

    /// Demands so many runs of this name, instead of one. What else is said holds for each of them.
    pub fn times(mut self, wanted: usize) -> Self {
        for fact in &mut self.exercise.facts {
            if let Fact::Run { name, times } = fact
                && *name == self.name
            {
                *times = wanted;
            }
        }
        self
    }

    /// Demands that it is the root of its trace.
    pub fn root(self) -> Self {
        self.fact(|run| Fact::Root { run })
    }

    /// Demands that its parent is a run of this name.
    pub fn below(self, parent: impl Into<String>) -> Self {
        let parent = parent.into();
        self.fact(|run| Fact::Below { run, parent })
    }

    /// Demands that it was made by this service (metadata key `service`).
    pub fn from_service(self, service: impl Into<String>) -> Self {
        let service = service.into();
        self.fact(|run| Fact::Service { run, service })
    }

    /// Demands a run type.
    pub fn of_type(self, run_type: impl Into<RunType>) -> Self {
        let run_type = run_type.into();
        self.fact(|run| Fact::Type { run, run_type })
    }

    /// Demands that it streamed: that it says when its first token came.
    pub fn streamed(self) -> Self {
        self.fact(|run| Fact::Streamed { run })
    }

    /// Demands that it began after its parent and ended before it.
    pub fn within_parent(self) -> Self {
        self.fact(|run| Fact::Within { run })
    }

    /// Demands that it began after a run of this name had ended.
    pub fn after(self, earlier: impl Into<String>) -> Self {
        let earlier = earlier.into();
        self.fact(|run| Fact::After { run, earlier })
    }

    /// Demands that it ran at the same time as a run of this name, for a part at least; as another one, if
    /// the name is its own.
    pub fn alongside(self, other: impl Into<String>) -> Self {
        let other = other.into();
        self.fact(|run| Fact::Alongside { run, other })
    }

    /// Demands that it took at least so many milliseconds.
    pub fn at_least(self, millis: u32) -> Self {
        self.fact(|run| Fact::AtLeast { run, millis })
    }

    /// Demands that it ended without an error.
    pub fn succeeded(self) -> Self {
        self.fact(|run| Fact::Succeeded { run })
    }

    /// Demands that it ended in an error whose text has these words in it.
    pub fn failed_with(self, words: impl Into<String>) -> Self {
        let words = words.into();
        self.fact(|run| Fact::Failed { run, words })
    }

    /// Demands an entry of its metadata.
    pub fn metadata(self, key: impl Into<String>, value: impl Into<serde_json::Value>) -> Self {
        let (key, value) = (key.into(), value.into());
        self.fact(|run| Fact::Metadata { run, key, value })
    }

    /// Demands an entry of its metadata that the learner predicts. What is told of a wrong one is not the
    /// value, but where to look: `look` ends the sentence.
    pub fn predicts(
        self,
        key: impl Into<String>,
        value: impl Into<serde_json::Value>,
        look: impl Into<String>,
    ) -> Self {
        let (key, value, look) = (key.into(), value.into(), look.into());
        self.fact(|run| Fact::Predicted {
            run,
            key,
            value,
            look,
        })
    }

    /// Demands a tag.
    pub fn tagged(self, tag: impl Into<String>) -> Self {
        let tag = tag.into();
        self.fact(|run| Fact::Tagged { run, tag })
    }

    /// Demands that it is filed under this project.
    pub fn in_project(self, project: impl Into<String>) -> Self {
        let project = project.into();
        self.fact(|run| Fact::Project { run, project })
    }

    /// Demands that its inputs have this key, with something in it: `[]`, `""` and `null` are nothing.
    pub fn with_input(self, key: impl Into<String>) -> Self {
        let key = key.into();
        self.fact(|run| Fact::Input { run, key })
    }

    /// Demands that its outputs have this key, with something in it: `[]`, `""` and `null` are nothing.
    pub fn with_output(self, key: impl Into<String>) -> Self {
        let key = key.into();
        self.fact(|run| Fact::Output { run, key })
    }

    /// Demands that its input of this key has these words in it, at whatever depth.
    pub fn with_words_in_input(self, key: impl Into<String>, words: impl Into<String>) -> Self {
        let (key, words) = (key.into(), words.into());
        self.fact(|run| Fact::Said { run, key, words })
    }

    /// Demands so many tokens in, and so many out.
    pub fn used_tokens(self, input: u64, output: u64) -> Self {
        self.fact(|run| Fact::Used { run, input, output })
    }

    /// Says something of a header of the requests to its service.
    pub fn header(self, name: impl Into<String>) -> AboutHeader {
        AboutHeader {
            about: self,
            header: name.into(),
        }
    }

    /// Demands another run, and says more of it in what follows.
    pub fn run(self, name: impl Into<String>) -> Self {
        self.exercise.run(name)
    }

    /// Ends what is said of runs.
    pub fn done(self) -> Exercise {
        self.exercise
    }

    /// See [`Exercise::one_trace`].
    #[must_use]
    pub fn one_trace(self) -> Exercise {
        self.exercise.one_trace()
    }

    /// See [`Exercise::nothing_else`].
    #[must_use]
    pub fn nothing_else(self) -> Exercise {
        self.exercise.nothing_else()
    }

    /// See [`Exercise::nothing_lost`].
    #[must_use]
    pub fn nothing_lost(self) -> Exercise {
        self.exercise.nothing_lost()
    }
}

impl From<AboutRun> for Exercise {
    fn from(about: AboutRun) -> Self {
        about.done()
    }
}

/// An [`Exercise`], about to say what became of a header. Made by [`AboutRun::header`].
///
/// Headers are seen at services that were started with [`Lesson::serve`](crate::lab::Lesson::serve).
#[derive(Debug, Clone)]
#[must_use = "say what the header must have done"]
pub struct AboutHeader {
    about: AboutRun,
    header: String,
}

impl AboutHeader {
    /// Demands that the header arrived at the run's service, readable.
    pub fn arrived(self) -> AboutRun {
        let header = self.header;
        self.about.fact(|run| Fact::Arrived {
            run,
            header,
            words: None,
        })
    }

    /// Demands that it arrived with these words in it, percent-encoding undone.
    pub fn arrived_with(self, words: impl Into<String>) -> AboutRun {
        let (header, words) = (self.header, Some(words.into()));
        self.about.fact(|run| Fact::Arrived { run, header, words })
    }

    /// Demands that no request to the run's service had it.
    pub fn never_arrived(self) -> AboutRun {
        let header = self.header;
        self.about.fact(|run| Fact::KeptOut { run, header })
    }
}
