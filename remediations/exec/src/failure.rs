//! Why an operation did not happen, and whether that is certain.

use nodemend_core::op::{OpFailure, OpResult};

/// An operation that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failed {
    /// It did not happen.
    NotDone(OpFailure),
    /// It may have happened.
    Unknown(OpFailure),
}

impl Failed {
    pub(crate) fn not_done(reason: &str, message: impl Into<String>) -> Self {
        Self::NotDone(failure(reason, message, true))
    }

    /// It did not happen, and will not without a person's hand.
    pub(crate) fn refused(reason: &str, message: impl Into<String>) -> Self {
        Self::NotDone(failure(reason, message, false))
    }

    pub(crate) fn unknown(reason: &str, message: impl Into<String>) -> Self {
        Self::Unknown(failure(reason, message, true))
    }

    /// For requests without an effect, or whose repetition changes nothing: an uncertain end is none.
    #[must_use]
    pub(crate) fn without_effect(self) -> Self {
        match self {
            Self::NotDone(why) | Self::Unknown(why) => Self::NotDone(why),
        }
    }

    pub(crate) fn into_failure(self) -> OpFailure {
        match self {
            Self::NotDone(why) | Self::Unknown(why) => why,
        }
    }
}

impl From<Failed> for OpResult {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::NotDone(why) => Self::NotDone(why),
            Failed::Unknown(why) => Self::Unknown(why),
        }
    }
}

fn failure(reason: &str, message: impl Into<String>, retryable: bool) -> OpFailure {
    OpFailure { reason: reason.to_owned(), message: message.into(), retryable }
}
