//! Node conditions as a second source: what a condition says, and for how long it has said so.
//!
//! A condition alone starts no repair. A policy names a check of ours that has to confirm it on the host.

use nodemend_core::time::{Span, Time};

/// One condition of a node, as its status has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeCondition {
    /// `type`, such as `Ready`.
    pub kind: String,
    /// `status`.
    pub status: ConditionStatus,
    /// `lastTransitionTime`: since when the status is what it is; `None` if the condition does not say.
    pub since: Option<Time>,
}

/// What a condition says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConditionStatus {
    /// `True`.
    True,
    /// `False`.
    False,
    /// `Unknown`, or any other text.
    Unknown,
}

/// What is asked of a node's conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// The condition's `type`.
    pub kind: &'a str,
    /// The statuses that match, such as `False` and `Unknown` for a node that is not Ready.
    pub statuses: &'a [ConditionStatus],
    /// For how long it has to have stood.
    pub at_least: Span,
}

/// How a node's conditions compare with what is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The condition has stood long enough.
    Stands {
        /// Since when.
        since: Time,
    },
    /// It stands, but not long enough yet.
    TooShort {
        /// What is left to wait.
        rest: Span,
    },
    /// It has another status.
    Differs,
    /// It stands, but does not say since when: never taken for long enough.
    NoTime,
    /// The node has no such condition.
    Absent,
}

impl ConditionStatus {
    /// The status in Kubernetes's spelling; what is none of it is `Unknown`.
    pub fn of(text: &str) -> Self {
        match text {
            "True" => Self::True,
            "False" => Self::False,
            _ => Self::Unknown,
        }
    }
}

impl Wanted<'_> {
    /// Whether one of `conditions` is what is asked, as of `now`.
    ///
    /// A status change restarts the wait even between two statuses that both match, because the condition's
    /// own time does: a flapping node has to be caught by the check that confirms it.
    pub fn in_conditions(&self, conditions: &[NodeCondition], now: Time) -> Standing {
        let Some(condition) = conditions.iter().find(|condition| condition.kind == self.kind) else {
            return Standing::Absent;
        };
        if !self.statuses.contains(&condition.status) {
            return Standing::Differs;
        }
        let Some(since) = condition.since else { return Standing::NoTime };
        let stood = now.since(since);
        if stood >= self.at_least {
            return Standing::Stands { since };
        }
        Standing::TooShort { rest: Span(self.at_least.0 - stood.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOT_READY: Wanted<'_> = Wanted {
        kind: "Ready",
        statuses: &[ConditionStatus::False, ConditionStatus::Unknown],
        at_least: Span::minutes(5),
    };

    fn ready(status: &str, since: Option<Time>) -> Vec<NodeCondition> {
        let other = NodeCondition {
            kind: "DiskPressure".into(),
            status: ConditionStatus::False,
            since: Some(Time(0)),
        };
        vec![other, NodeCondition { kind: "Ready".into(), status: ConditionStatus::of(status), since }]
    }

    #[test]
    fn a_condition_has_to_stand_for_its_whole_time() {
        let since = Time(1000);
        let at = |now| NOT_READY.in_conditions(&ready("Unknown", Some(since)), now);
        assert_eq!(at(since.after(Span::minutes(5))), Standing::Stands { since });
        assert_eq!(at(since.after(Span::minutes(4))), Standing::TooShort { rest: Span::minutes(1) });
        // The API server's clock may be ahead of ours.
        assert_eq!(at(Time(0)), Standing::TooShort { rest: Span::minutes(5) });
    }

    #[test]
    fn what_does_not_stand_never_matches() {
        let late = Time(i64::MAX);
        assert_eq!(NOT_READY.in_conditions(&ready("True", Some(Time(0))), late), Standing::Differs);
        assert_eq!(NOT_READY.in_conditions(&ready("False", None), late), Standing::NoTime);
        assert_eq!(NOT_READY.in_conditions(&[], late), Standing::Absent);
        assert_eq!(ConditionStatus::of("Maybe"), ConditionStatus::Unknown);
    }
}
