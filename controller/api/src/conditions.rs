//! The conditions that every status carries, so that `kubectl wait` and kstatus-aware tools understand all kinds alike.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time as MetaTime};
use nodemend_core::time::Time;

/// The object is as its spec asks, or its work ended well.
pub const READY: &str = "Ready";
/// Work is going on.
pub const RECONCILING: &str = "Reconciling";
/// Nothing moves until somebody does something; the message says what.
pub const STALLED: &str = "Stalled";

/// One condition as it is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// [`READY`], [`RECONCILING`] or [`STALLED`].
    pub kind: &'a str,
    /// Whether it holds; `None` is unknown.
    pub holds: Option<bool>,
    /// A CamelCase word for programs.
    pub reason: &'a str,
    /// A sentence for people.
    pub message: &'a str,
}

/// Sets one condition. The time of the last transition changes only with the condition's status.
pub fn set(conditions: &mut Vec<Condition>, wanted: Wanted<'_>, generation: Option<i64>, now: Time) {
    let status = match wanted.holds {
        Some(true) => "True",
        Some(false) => "False",
        None => "Unknown",
    };
    let old = conditions.iter().position(|condition| condition.type_ == wanted.kind);
    let kept = old.map(|index| &conditions[index]).filter(|condition| condition.status == status);
    let condition = Condition {
        last_transition_time: kept.map_or_else(|| meta_time(now), |c| c.last_transition_time.clone()),
        message: wanted.message.to_owned(),
        observed_generation: generation,
        reason: wanted.reason.to_owned(),
        status: status.to_owned(),
        type_: wanted.kind.to_owned(),
    };
    match old {
        Some(index) => conditions[index] = condition,
        None => conditions.push(condition),
    }
}

/// A point in time as the API machinery writes it: whole seconds. Times that no calendar has become the epoch.
pub fn meta_time(time: Time) -> MetaTime {
    MetaTime(jiff::Timestamp::from_second(time.0.div_euclid(1000)).unwrap_or(jiff::Timestamp::UNIX_EPOCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(holds: bool, message: &str) -> Wanted<'_> {
        Wanted { kind: READY, holds: Some(holds), reason: "Test", message }
    }

    #[test]
    fn the_transition_time_changes_with_the_status_alone() {
        let mut conditions = Vec::new();
        set(&mut conditions, ready(false, "a"), Some(1), Time(1000));
        set(&mut conditions, ready(false, "b"), Some(2), Time(2000));
        assert_eq!(conditions[0].last_transition_time, meta_time(Time(1000)));
        assert_eq!((conditions[0].message.as_str(), conditions[0].observed_generation), ("b", Some(2)));
        set(&mut conditions, ready(true, "b"), Some(2), Time(3000));
        assert_eq!(conditions[0].last_transition_time, meta_time(Time(3000)));
        assert_eq!(conditions.len(), 1);
    }
}
