//! What the API server wrote down: who cordoned what when, and what was evicted. The controller's own words do not count.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use nodemend_bed::audit::each_event;
use serde_json::Value;

use crate::journal::time;
use crate::{E2eError, Stage};

/// The controller's user name.
const CONTROLLER: &str = "system:serviceaccount:nodemend-system:nodemend";

/// One change that the controller made to a node's cordon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CordonChange {
    /// When the API server answered.
    pub at: Timestamp,
    /// The node.
    pub node: String,
    /// Cordoned, or uncordoned.
    pub cordoned: bool,
}

/// An eviction that the controller asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Eviction {
    /// When the API server answered.
    pub at: Timestamp,
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
}

/// The requests of the controller, oldest first.
#[derive(Debug, Clone)]
pub struct Witness(Vec<Value>);

impl Witness {
    /// What was written down since a point in time.
    pub fn since(stage: &Stage, start: Timestamp) -> Result<Self, E2eError> {
        let mut events = Vec::new();
        each_of_the_controller(stage, |at, event| {
            if at >= start {
                events.push(event);
            }
        })?;
        events.sort_by_key(|event| time(&event["stageTimestamp"]));
        Ok(Self(events))
    }

    /// Changes of cordons. Every other patch of a node leaves `spec.unschedulable` alone.
    pub fn cordon_changes(&self) -> Vec<CordonChange> {
        self.0.iter().filter_map(cordon_change).collect()
    }

    /// Whether the controller ever cordoned the node.
    pub fn cordoned(&self, node: &str) -> bool {
        self.cordon_changes().iter().any(|change| change.node == node && change.cordoned)
    }

    /// Evictions that were let through.
    pub fn evictions(&self) -> Vec<Eviction> {
        self.0.iter().filter(|event| succeeded(event)).filter_map(eviction).collect()
    }

    /// Evictions that were asked for, let through or not.
    pub fn tried_evictions(&self) -> Vec<Eviction> {
        self.0.iter().filter_map(eviction).collect()
    }

    /// How many of these nodes were cordoned by the controller at the same time, at most.
    pub fn most_cordoned_at_once(&self, nodes: &[&str]) -> usize {
        most_at_once(self.cordon_changes().iter().filter(|change| nodes.contains(&change.node.as_str())))
    }
}

/// What the controller did between two points in time, counted without keeping it: for logs of any length.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Requests that were answered.
    pub requests: usize,
    /// The same by verb and resource, such as `get nodes` or `patch nodes/status`.
    pub by_kind: BTreeMap<String, usize>,
    changes: Vec<CordonChange>,
}

impl Tally {
    /// Reads the log once.
    pub fn between(stage: &Stage, start: Timestamp, end: Timestamp) -> Result<Self, E2eError> {
        let mut tally = Self::default();
        each_of_the_controller(stage, |at, event| {
            if at < start || at > end {
                return;
            }
            // A watch has a line for its beginning too.
            if event["stage"] == "ResponseComplete" {
                tally.requests += 1;
                *tally.by_kind.entry(request_kind(&event)).or_default() += 1;
            }
            tally.changes.extend(cordon_change(&event));
        })?;
        tally.changes.sort_by_key(|change| change.at);
        Ok(tally)
    }

    /// How many nodes were cordoned by the controller at the same time, at most.
    pub fn most_cordoned_at_once(&self) -> usize {
        most_at_once(self.changes.iter())
    }

    /// How many nodes the controller has cordoned, and how often it did so.
    pub fn cordoned(&self) -> (usize, usize) {
        let cordons = || self.changes.iter().filter(|change| change.cordoned);
        (cordons().map(|change| &change.node).collect::<BTreeSet<_>>().len(), cordons().count())
    }
}

fn request_kind(event: &Value) -> String {
    let part = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (verb, object) = (part(&event["verb"]), &event["objectRef"]);
    match (part(&object["resource"]), part(&object["subresource"])) {
        (resource, below) if below.is_empty() => format!("{verb} {resource}"),
        (resource, below) => format!("{verb} {resource}/{below}"),
    }
}

fn each_of_the_controller(stage: &Stage, mut take: impl FnMut(Timestamp, Value)) -> Result<(), E2eError> {
    let log = stage.bed().audit_log();
    let of_controller = |event: Value| {
        let at = time(&event["stageTimestamp"]).filter(|_| event["user"]["username"] == CONTROLLER);
        if let Some(at) = at {
            take(at, event);
        }
    };
    each_event(&log, of_controller).map_err(E2eError::file(log))
}

fn cordon_change(event: &Value) -> Option<CordonChange> {
    let of_node = event["objectRef"]["resource"] == "nodes"
        && (event["verb"] == "patch" || event["verb"] == "update")
        && succeeded(event);
    // Absent means untouched; a merge patch lifts it with `false` or `null`.
    let unschedulable = event.pointer("/requestObject/spec/unschedulable").filter(|_| of_node)?;
    Some(CordonChange {
        at: time(&event["stageTimestamp"])?,
        node: event["objectRef"]["name"].as_str()?.to_owned(),
        cordoned: unschedulable == &Value::Bool(true),
    })
}

fn succeeded(event: &Value) -> bool {
    event["responseStatus"]["code"].as_i64().is_some_and(|code| (200..300).contains(&code))
}

fn eviction(event: &Value) -> Option<Eviction> {
    let object = &event["objectRef"];
    if object["subresource"] != "eviction" || event["verb"] != "create" {
        return None;
    }
    Some(Eviction {
        at: time(&event["stageTimestamp"])?,
        namespace: object["namespace"].as_str()?.to_owned(),
        pod: object["name"].as_str()?.to_owned(),
    })
}

fn most_at_once<'a>(changes: impl Iterator<Item = &'a CordonChange>) -> usize {
    let mut cordoned = BTreeSet::new();
    let mut most = 0;
    for change in changes {
        if change.cordoned {
            cordoned.insert(&change.node);
        } else {
            cordoned.remove(&change.node);
        }
        most = most.max(cordoned.len());
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(second: i64, node: &str, cordoned: bool) -> CordonChange {
        CordonChange { at: Timestamp::from_second(second).unwrap(), node: node.into(), cordoned }
    }

    #[test]
    fn a_node_that_is_back_does_not_count() {
        let changes = [change(1, "a", true), change(2, "a", false), change(3, "b", true)];
        assert_eq!(most_at_once(changes.iter()), 1);
        let changes = [change(1, "a", true), change(2, "b", true), change(3, "a", false)];
        assert_eq!(most_at_once(changes.iter()), 2);
    }

    #[test]
    fn a_cordon_that_is_written_again_counts_once() {
        let changes = [change(1, "a", true), change(2, "a", true)];
        assert_eq!(most_at_once(changes.iter()), 1);
    }
}
