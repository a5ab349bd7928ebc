//! What a check is: a question about one host, answered from facts alone.

use std::collections::BTreeMap;

use nodemend_core::facts::Facts;
use nodemend_core::finding::{CheckState, Severity};

use crate::config::CheckConfig;

/// A question about one host.
pub trait Check: Sync {
    /// Its name in the catalogue; stable, never used again for another question.
    fn id(&self) -> &'static str;

    /// How bad it is while it fails.
    fn severity(&self) -> Severity;

    /// What it asks, in a sentence.
    fn description(&self) -> &'static str;

    /// Where the question and its thresholds come from.
    fn source(&self) -> &'static str;

    /// Packages whose installed versions it needs.
    fn packages(&self) -> &'static [&'static str] {
        &[]
    }

    /// What can be configured: name and meaning of each setting.
    fn settings(&self) -> &'static [Setting] {
        &[]
    }

    /// Names of the observed values that make up the identity of the fault.
    fn identity(&self) -> &'static [&'static str];

    /// The answer.
    fn evaluate(&self, facts: &Facts, config: &CheckConfig) -> Finding;
}

/// A value of a check's configuration.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub description: &'static str,
    /// What is wrong with a value, if anything is.
    pub fault: fn(&str) -> Option<String>,
}

/// What a check says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// One of four states.
    pub state: CheckState,
    /// One sentence for people.
    pub message: String,
    /// What was observed, by name.
    pub observed: BTreeMap<String, String>,
}

impl Finding {
    /// Observed, and in order.
    pub fn pass(message: impl Into<String>) -> Self {
        Self::new(CheckState::Pass, message)
    }

    /// Observed, and not in order.
    pub fn fail(message: impl Into<String>) -> Self {
        Self::new(CheckState::Fail, message)
    }

    /// Could not be observed.
    pub fn unknown(message: impl Into<String>) -> Self {
        Self::new(CheckState::Unknown, message)
    }

    /// Does not apply to this subject.
    pub fn skip(message: impl Into<String>) -> Self {
        Self::new(CheckState::Skip, message)
    }

    /// The same, with one more observed value.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.observed.insert(name.to_owned(), value.into());
        self
    }

    fn new(state: CheckState, message: impl Into<String>) -> Self {
        Self { state, message: message.into(), observed: BTreeMap::new() }
    }
}
