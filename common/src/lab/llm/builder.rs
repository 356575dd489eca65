//! The script of a scripted model.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::answer::Answer;
use super::received::LlmRequest;
use super::server::ScriptedLlm;
use super::timing::TokenTiming;
use crate::lab::story;

type Choice = Box<dyn Fn(&LlmRequest) -> Option<Answer> + Send + Sync>;

/// Writes a script. Made by [`ScriptedLlm::builder`].
#[must_use = "a scripted model begins with `.start()`"]
pub struct ScriptedLlmBuilder {
    pub(super) seed: u64,
    pub(super) timing: TokenTiming,
    pub(super) models: Vec<String>,
    pub(super) script: Script,
}

/// What is answered to whom.
#[derive(Default)]
pub(super) struct Script {
    in_order: Mutex<VecDeque<Answer>>,
    choices: Vec<Choice>,
}

impl Script {
    /// Answers a request: first what was scripted in order, then by prompt, then from the docs.
    pub(super) fn answer(&self, asked: &LlmRequest) -> Answer {
        let mut in_order = self.in_order.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(next) = in_order.pop_front() {
            return next;
        }
        drop(in_order);
        self.choices
            .iter()
            .find_map(|choice| choice(asked))
            .unwrap_or_else(|| Answer::text(story::answer(&asked.prompt)))
    }
}

impl ScriptedLlmBuilder {
    pub(super) fn new() -> Self {
        Self {
            seed: 7,
            timing: TokenTiming::default(),
            models: vec!["gpt-4o-mini".to_owned()],
            script: Script::default(),
        }
    }

    /// Sets what delays and ids are drawn from; 7 by default.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets when tokens come; [`TokenTiming::LESSON`] by default.
    pub fn timing(mut self, timing: TokenTiming) -> Self {
        self.timing = timing;
        self
    }

    /// Adds the name of a model, beside `gpt-4o-mini`. Others do not exist.
    pub fn model(mut self, name: impl Into<String>) -> Self {
        self.models.push(name.into());
        self
    }

    /// Gives the next request this answer, whatever it asks; several are given in order. When they are used up,
    /// answers are chosen by prompt.
    pub fn then(self, answer: Answer) -> Self {
        let mut in_order = self.script.in_order.lock();
        match &mut in_order {
            Ok(queue) => queue.push_back(answer),
            Err(poisoned) => poisoned.get_mut().push_back(answer),
        }
        drop(in_order);
        self
    }

    /// Gives this answer to each prompt that contains the text, in capitals or not. Of several that fit, the one
    /// that was written first is given.
    pub fn when(self, text: impl Into<String>, answer: Answer) -> Self {
        let text = text.into().to_lowercase();
        self.choose(move |asked| {
            let fits = asked.prompt.to_lowercase().contains(&text);
            fits.then(|| answer.clone())
        })
    }

    /// Asks a function of yours for the answer; where it gives none, the script goes on.
    ///
    /// ```
    /// use std::time::Duration;
    /// use common::lab::llm::{Answer, ScriptedLlm};
    ///
    /// // Busy at the first attempt of every question.
    /// let llm = ScriptedLlm::builder()
    ///     .choose(|asked| (asked.before == 0).then(|| Answer::rate_limited(Duration::ZERO)))
    ///     .start();
    /// # let _ = llm;
    /// ```
    pub fn choose(
        mut self,
        choice: impl Fn(&LlmRequest) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        self.script.choices.push(Box::new(choice));
        self
    }

    /// Gives this answer to whatever is left, in place of one from the docs.
    pub fn otherwise(self, answer: Answer) -> Self {
        self.choose(move |_| Some(answer.clone()))
    }

    /// Starts the model on a free port of this machine. It answers when this returns.
    ///
    /// # Panics
    /// When no port can be bound; a lesson cannot go on without.
    pub fn start(self) -> ScriptedLlm {
        ScriptedLlm::of(self)
    }
}

impl fmt::Debug for ScriptedLlmBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedLlmBuilder")
            .field("seed", &self.seed)
            .field("timing", &self.timing)
            .field("models", &self.models)
            .finish_non_exhaustive()
    }
}
