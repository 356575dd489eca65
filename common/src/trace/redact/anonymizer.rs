//! Rules that mask texts wherever they are.

use std::borrow::Cow;
use std::sync::Arc;

use regex::Regex;
use serde_json::Value;

use super::path::{Field, TextPath};
use super::rules::{Hooks, Rule, Rules};
use super::secrets;
use super::sensitive::SensitiveKeys;
use super::walk::Walk;

/// What stands in place of a match if nobody says otherwise, as in the official SDKs.
pub const REDACTED: &str = "[redacted]";

/// How many bytes of text an anonymizer reads of one operation before it withholds the rest: 8 MiB.
///
/// A request of LangSmith's holds 20 MB in all; reading this much takes the thread that ends the run
/// some tens of milliseconds.
pub const DEFAULT_MASKED_BYTES: usize = 8 * 1024 * 1024;

/// Masks texts by rules: in every field of a run, at any depth, also in the keys of maps. A cheap clone.
///
/// ```
/// use common::trace::Anonymizer;
/// use serde_json::json;
///
/// let anonymizer = Anonymizer::builder()
///     .rule(r"[\w.]+@[\w.]+", "<email>")
///     .redact(r"\d{3}-\d{4}")
///     .build()?;
/// let masked = anonymizer.mask(json!({"ask": ["alice@x.org", {"call": "555-9999"}]}));
/// assert_eq!(masked, json!({"ask": ["<email>", {"call": "[redacted]"}]}));
/// # Ok::<(), common::trace::AnonymizerError>(())
/// ```
///
/// The rules are those of the official `create_anonymizer`, which looks at values only, and only ten
/// levels deep; [`leave`](AnonymizerBuilder::leave) says what else is to stay. Patterns take time in
/// proportion to the text, whatever the text is. Their syntax is that of the `regex` crate.
#[derive(Debug, Clone)]
pub struct Anonymizer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    rules: Rules,
    sensitive: Option<SensitiveKeys>,
    left: [bool; Field::COUNT],
    max_bytes: usize,
}

impl Anonymizer {
    /// Begins an anonymizer that masks nothing yet.
    pub fn builder() -> AnonymizerBuilder {
        AnonymizerBuilder::default()
    }

    /// Makes an anonymizer that masks credentials; see [`AnonymizerBuilder::secrets`].
    ///
    /// ```
    /// use common::trace::Anonymizer;
    ///
    /// let masked = Anonymizer::secrets().mask_text("postgres://app:hunter22@db/docs");
    /// assert_eq!(masked, "postgres://app:[SECRET_DETECTED]@db/docs");
    /// ```
    pub fn secrets() -> Self {
        Self::builder().secrets().finish()
    }

    /// Returns what would be sent of a value, as of a run's inputs. A function that panics, panics here.
    pub fn mask(&self, value: impl Into<Value>) -> Value {
        let mut value = value.into();
        self.walk(Field::Inputs, Hooks::Ask).value(&mut value);
        value
    }

    /// Returns what would be sent of a text, as of a run's error.
    pub fn mask_text(&self, text: impl Into<String>) -> String {
        let mut text = text.into();
        self.walk(Field::Errors, Hooks::Ask).text(&mut text);
        text
    }

    pub(super) fn walk(&self, field: Field, hooks: Hooks) -> Walk<'_> {
        Walk {
            rules: &self.shared.rules,
            sensitive: self.shared.sensitive,
            keys: !self.leaves(Field::Keys),
            field,
            hooks,
        }
    }

    pub(super) fn leaves(&self, field: Field) -> bool {
        self.shared.left[field as usize]
    }

    pub(super) fn has_hooks(&self) -> bool {
        self.shared.rules.have_hooks()
    }

    pub(super) fn max_bytes(&self) -> usize {
        self.shared.max_bytes
    }
}

/// Gathers the rules of an [`Anonymizer`]. A text goes through them in the order they were added.
#[derive(Debug)]
#[must_use = "an anonymizer is made by `.build()`"]
pub struct AnonymizerBuilder {
    rules: Vec<Rule>,
    invalid: Option<AnonymizerError>,
    sensitive: Option<SensitiveKeys>,
    left: [bool; Field::COUNT],
    max_bytes: usize,
}

impl Default for AnonymizerBuilder {
    fn default() -> Self {
        Self {
            rules: Vec::new(),
            invalid: None,
            sensitive: None,
            left: [false; Field::COUNT],
            max_bytes: DEFAULT_MASKED_BYTES,
        }
    }
}

impl AnonymizerBuilder {
    /// Replaces what matches `pattern` by `replacement`, where `$1` stands for the first group.
    pub fn rule(mut self, pattern: &str, replacement: impl Into<Cow<'static, str>>) -> Self {
        match Regex::new(pattern) {
            Ok(regex) => self.rules.push(Rule::Pattern(regex, replacement.into())),
            Err(error) => {
                self.invalid.get_or_insert(AnonymizerError::InvalidPattern {
                    pattern: pattern.to_owned(),
                    why: error.to_string(),
                });
            }
        }
        self
    }

    /// Replaces what matches `pattern` by [`REDACTED`].
    pub fn redact(self, pattern: &str) -> Self {
        self.rule(pattern, REDACTED)
    }

    /// Replaces each text by what `mask` makes of it; `mask` is told where the text stands.
    ///
    /// It is called on the thread that starts or ends the run. If it panics, the field is withheld.
    pub fn with(
        mut self,
        mask: impl Fn(&str, &TextPath<'_>) -> String + Send + Sync + 'static,
    ) -> Self {
        self.rules.push(Rule::Hook(Arc::new(mask)));
        self
    }

    /// Replaces credentials by [`SECRET_PLACEHOLDER`](super::SECRET_PLACEHOLDER).
    ///
    /// Found are the keys of Anthropic, OpenAI and other providers of language models, LangSmith, GitHub,
    /// GitLab, AWS, Google, Slack, Stripe, npm, PyPI and SendGrid; JSON Web Tokens; private keys; values
    /// behind a name such as `API_KEY=` or `"password":`; authorization headers, cookies and bearer
    /// tokens; passwords in addresses and behind `--password`; and the texts and numbers of maps under
    /// keys such as `client_secret`, alone or in a list, and of pairs as `{"name": "DB_PASSWORD",
    /// "value": …}` and `["authorization", …]`.
    /// It looks for all that the preset of the official SDKs looks for, and besides for tokens that are
    /// split over the items of a list, as over the chunks of a stream.
    pub fn secrets(mut self) -> Self {
        self.rules.push(Rule::Secrets);
        self.sensitive = Some(SensitiveKeys);
        self
    }

    /// Replaces addresses of e-mail by [`REDACTED`].
    pub fn emails(self) -> Self {
        self.redact(secrets::EMAIL)
    }

    /// Replaces the numbers of payment cards by [`REDACTED`], also where they are JSON numbers. The
    /// check digit tells them from other numbers.
    pub fn card_numbers(mut self) -> Self {
        self.rules.push(Rule::Cards(Cow::Borrowed(REDACTED)));
        self
    }

    /// Leaves a field as it is. Without it, nothing is left.
    pub fn leave(mut self, field: Field) -> Self {
        self.left[field as usize] = true;
        self
    }

    /// Sets how many bytes are read of one operation; [`DEFAULT_MASKED_BYTES`] if nobody says. A field
    /// that would be more is replaced by a marker: what was not read is not sent.
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Makes the anonymizer.
    ///
    /// # Errors
    /// If a pattern cannot be used.
    pub fn build(self) -> Result<Anonymizer, AnonymizerError> {
        match self.invalid {
            Some(error) => Err(error),
            None => Ok(self.finish()),
        }
    }

    fn finish(self) -> Anonymizer {
        Anonymizer {
            shared: Arc::new(Shared {
                rules: Rules::new(self.rules),
                sensitive: self.sensitive,
                left: self.left,
                max_bytes: self.max_bytes,
            }),
        }
    }
}

/// Why an anonymizer cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnonymizerError {
    /// Correct the pattern; the text says what is wrong. Look-around and back-references do not exist,
    /// because they can take forever.
    #[error("the pattern `{pattern}` cannot be used: {why}")]
    InvalidPattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        why: String,
    },
}
