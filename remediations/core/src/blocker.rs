//! Why something waits, said the same way on every object that waits.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time::Time;

/// One thing that is waited for: what kind, which object, since when, and what would release it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Blocker {
    /// A CamelCase word for programs, such as `Hold` or `PodDisruptionBudget`.
    #[schemars(length(max = 64))]
    pub reason: String,
    /// The object in the way, as `kind/name` or `kind/namespace/name`.
    #[schemars(length(max = 320))]
    pub object: String,
    /// Since when this has been in the way; absent while unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// When it goes by itself; absent when only an event or a person can release it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// What is wrong and what would release it, for people.
    #[schemars(length(max = 1024))]
    pub next: String,
}

impl Blocker {
    /// A blocker whose beginning is not known.
    pub fn new(reason: &str, object: impl Into<String>, next: impl Into<String>) -> Self {
        Self { reason: reason.to_owned(), object: object.into(), since: None, until: None, next: next.into() }
    }

    /// The same, known to be in the way since `time`.
    #[must_use]
    pub fn since(mut self, time: Time) -> Self {
        self.since = Some(time);
        self
    }

    /// The same, known to go by itself at `time`.
    #[must_use]
    pub fn until(mut self, time: Time) -> Self {
        self.until = Some(time);
        self
    }

    /// Whether `other` is about the same thing, whatever its times and texts.
    pub fn is_about(&self, other: &Self) -> bool {
        self.reason == other.reason && self.object == other.object
    }
}

/// `new` with the beginnings that `old` already knew, so that a rewritten status does not restart the clock.
pub fn keep_since(old: &[Blocker], new: Vec<Blocker>, now: Time) -> Vec<Blocker> {
    new.into_iter()
        .map(|blocker| {
            let known = old.iter().find(|o| o.is_about(&blocker)).and_then(|o| o.since);
            let since = blocker.since.or(known).unwrap_or(now);
            blocker.since(since)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blocker_keeps_its_first_time() {
        let old = vec![Blocker::new("Hold", "hold/a", "x").since(Time(5))];
        let new = vec![Blocker::new("Hold", "hold/a", "y"), Blocker::new("Hold", "hold/b", "y")];
        let kept = keep_since(&old, new, Time(9));
        assert_eq!(kept[0].since, Some(Time(5)));
        assert_eq!(kept[1].since, Some(Time(9)));
    }
}
