//! Where the pods went: evictions from the audit log, joined with what the scheduler and the controllers of pods announced.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use crate::journal::time;
use crate::witness::Witness;
use crate::{E2eError, Stage};

/// A pod that was evicted, and the one that took its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The evicted pod.
    pub pod: String,
    /// The node that it was on.
    pub from: String,
    /// The node where its replacement was put; none while it waits.
    pub to: Option<String>,
}

/// A pod that the scheduler has put on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Placement {
    at: Timestamp,
    pod: String,
    node: String,
}

/// The pods that the controller evicted since `start`, in order.
///
/// The n-th eviction of a `ReplicaSet`'s pod is answered by the n-th pod that is placed for it after the first eviction.
pub fn moves(stage: &Stage, start: Timestamp) -> Result<Vec<Move>, E2eError> {
    let evicted: Vec<_> = Witness::since(stage, start)?
        .evictions()
        .into_iter()
        .map(|eviction| (eviction.at, eviction.pod))
        .collect();
    Ok(join(&evicted, &placements(stage)?))
}

fn join(evicted: &[(Timestamp, String)], placements: &[Placement]) -> Vec<Move> {
    let mut replacements: BTreeMap<&str, std::vec::IntoIter<&Placement>> = BTreeMap::new();
    for (at, pod) in evicted {
        replacements.entry(owner(pod)).or_insert_with(|| {
            let later = placements.iter().filter(|placement| placement.at >= *at);
            later.filter(|placement| owner(&placement.pod) == owner(pod)).collect::<Vec<_>>().into_iter()
        });
    }
    let placed = |pod: &str| placements.iter().find(|placement| placement.pod == pod);
    evicted
        .iter()
        .map(|(_, pod)| Move {
            pod: pod.clone(),
            from: placed(pod).map_or_else(String::new, |placement| placement.node.clone()),
            to: replacements.get_mut(owner(pod)).and_then(Iterator::next).map(|new| new.node.clone()),
        })
        .collect()
}

/// The `ReplicaSet`'s name is the pod's without its last part.
fn owner(pod: &str) -> &str {
    pod.rsplit_once('-').map_or(pod, |(owner, _)| owner)
}

/// Every placement that the scheduler announced, oldest first.
fn placements(stage: &Stage) -> Result<Vec<Placement>, E2eError> {
    let mut placements: Vec<_> = stage.list("events.events.k8s.io")?.iter().filter_map(placement).collect();
    placements.sort_by_key(|placement| placement.at);
    Ok(placements)
}

fn placement(event: &Value) -> Option<Placement> {
    if event["reason"] != "Scheduled" {
        return None;
    }
    let (_, node) = event["note"].as_str()?.rsplit_once(' ')?;
    Some(Placement {
        at: time(&event["eventTime"])?,
        pod: event["regarding"]["name"].as_str()?.to_owned(),
        node: node.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn placed(second: i64, pod: &str, node: &str) -> Placement {
        Placement { at: at(second), pod: pod.into(), node: node.into() }
    }

    #[test]
    fn evictions_and_replacements_of_one_owner_are_paired_in_order() {
        let placements = [
            placed(1, "web-a", "n1"),
            placed(1, "api-a", "n1"),
            placed(6, "web-b", "n2"),
            placed(8, "web-c", "n3"),
        ];
        let evicted = [(at(5), "web-a".into()), (at(7), "web-b".into()), (at(9), "api-a".into())];
        let moves = join(&evicted, &placements);
        let seen: Vec<_> = moves.iter().map(|m| (m.from.as_str(), m.to.as_deref())).collect();
        assert_eq!(seen, [("n1", Some("n2")), ("n2", Some("n3")), ("n1", None)]);
    }
}
