//! Which nodes of a plan come first.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::build::Candidate;
use crate::ids::NodeName;
use crate::rollout::Order;

/// Control-plane nodes go last, and after them the node that the controller itself runs on.
pub(super) fn in_order<'a>(
    mut candidates: Vec<Candidate<'a>>,
    order: Order,
    own: Option<&NodeName>,
) -> Vec<Candidate<'a>> {
    let name = |c: &Candidate<'_>| c.node.name.clone();
    match order {
        Order::UnavailableFirst => {
            candidates.sort_by_key(|c| (c.node.is_available(), Reverse(c.severity), c.since, name(c)));
        }
        Order::OldestFinding => {
            candidates.sort_by_key(|c| (c.since.is_none(), c.since, Reverse(c.severity), name(c)));
        }
        Order::LongestUptime => candidates.sort_by_key(|c| (c.booted.is_none(), c.booted, name(c))),
        Order::SpreadZones => candidates = one_of_each_zone(candidates),
    }
    candidates.sort_by_key(|c| (own == Some(&c.node.name), c.node.is_control_plane()));
    candidates
}

/// One of each zone in turn; within a zone those that serve nothing first, then the oldest finding.
fn one_of_each_zone(mut candidates: Vec<Candidate<'_>>) -> Vec<Candidate<'_>> {
    candidates.sort_by_key(|c| (c.node.is_available(), c.since, c.node.name.clone()));
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut turns: Vec<_> = candidates
        .into_iter()
        .map(|candidate| {
            let turn = seen.entry(candidate.node.zone()).or_default();
            *turn += 1;
            (*turn, candidate)
        })
        .collect();
    turns.sort_by_key(|(turn, candidate)| (*turn, candidate.node.zone()));
    turns.into_iter().map(|(_, candidate)| candidate).collect()
}
