//! Which nodes count in a storm: those whose Ready is not True or was not a moment ago, never those that merely have a
//! finding or a cordon, and not those that are so because of us.

use std::collections::BTreeMap;

use super::Breaker;
use crate::budget::NotAShare;
use crate::ids::NodeName;
use crate::snapshot::{Node, Pool, Snapshot, TextIndex, ZONE_LABEL};
use crate::time::{Span, Time};

/// How long a node that we hold a grant for may be away because of us: what the built-in playbooks give draining,
/// installing and restarting together, 15 minutes each. After that it counts like any other node.
pub const REBOOT_DEADLINE: Span = Span::minutes(45);

/// Whether no node at all is Ready while there are at least two: it may be the controller that is cut off. Then nothing
/// is known, and nothing may start or be lifted.
pub fn blind(snapshot: &Snapshot) -> bool {
    snapshot.nodes.len() >= 2 && snapshot.nodes.values().all(|node| node.ready() != Some(true))
}

/// Why it is a storm for `pool`, with the figures; `None` while it is not.
pub fn cause(snapshot: &Snapshot, pool: &Pool, now: Time) -> Option<String> {
    let sick = sick(snapshot, pool, now);
    if pool.storm.is_never(sick.len()) {
        return None;
    }
    let mut of_pool = Count::default();
    let mut of_zones: BTreeMap<&str, (Count, bool)> = BTreeMap::new();
    for node in snapshot.nodes.values() {
        let health = sick.get(&node.name).copied().unwrap_or(Health::Well);
        let ours = pool.selector.matches(&node.labels);
        if ours {
            of_pool.add(health);
        }
        if let Some(zone) = node.labels.get(ZONE_LABEL) {
            let (count, has_ours) = of_zones.entry(zone).or_default();
            count.add(health);
            *has_ours |= ours;
        }
    }
    let zones = of_zones.into_iter().filter(|(_, (_, has_ours))| *has_ours);
    let places = zones.map(|(zone, (count, _))| (format!("zone {zone}"), count));
    let places = std::iter::once((format!("pool {}", pool.name), of_pool)).chain(places);
    let told: Vec<_> = places.filter_map(|(place, count)| count.beyond(&pool.storm, &place)).collect();
    (!told.is_empty()).then(|| told.join("; "))
}

/// The nodes of the cluster that are not well, and not so because of us. Where there are too few of them for any storm, who
/// is spared is not asked: that goes through every repair.
fn sick<'a>(snapshot: &'a Snapshot, pool: &Pool, now: Time) -> BTreeMap<&'a NodeName, Health> {
    let health = |node: &'a Node| Some((node, health(node, &pool.storm, now)?));
    let mut sick: Vec<_> = snapshot.nodes.values().filter_map(health).collect();
    if !pool.storm.is_never(sick.len()) {
        let granted = granted(snapshot, now);
        sick.retain(|(node, _)| !granted.contains(node.uid.as_str()));
    }
    if !pool.storm.is_never(sick.len()) {
        let finished = finished(snapshot, pool.storm.within, now);
        sick.retain(|(node, _)| !finished.contains(node.uid.as_str()));
    }
    sick.into_iter().map(|(node, health)| (&node.name, health)).collect()
}

/// Nodes that may be away because of us: granted, and within the deadline.
fn granted(snapshot: &Snapshot, now: Time) -> TextIndex<'_, ()> {
    let of_guard = snapshot.guard.iter().flat_map(|guard| &guard.grants);
    let grants = of_guard.chain(snapshot.pools.values().flat_map(|pool| &pool.grants));
    let granted = grants.filter(|grant| grant.at.after(REBOOT_DEADLINE) > now);
    granted.map(|grant| (grant.node_uid.as_str(), ())).collect()
}

/// Nodes that may have been away because of us: repaired a moment ago.
fn finished(snapshot: &Snapshot, within: Span, now: Time) -> TextIndex<'_, ()> {
    let finished = snapshot.remediations.values().filter(|remediation| {
        let at = remediation.journal.as_ref().and_then(|journal| journal.finished_at);
        at.is_some_and(|at| at.after(within) > now) && remediation.is_finished()
    });
    finished.map(|remediation| (remediation.node_uid.as_str(), ())).collect()
}

/// How a node counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    Well,
    NotReady,
    /// Ready again, since a moment ago.
    Again,
}

/// What is wrong with a node, if anything is.
fn health(node: &Node, breaker: &Breaker, now: Time) -> Option<Health> {
    let ready = node.conditions.get("Ready").filter(|ready| ready.status == "True");
    let Some(ready) = ready else { return Some(Health::NotReady) };
    let recent = |since: Time| since.after(breaker.within) > now;
    // A node that is new has become Ready for the first time.
    (ready.since.is_some_and(recent) && !recent(node.created)).then_some(Health::Again)
}

impl Breaker {
    /// Whether so many nodes of the whole cluster are too few for a storm anywhere. A limit that cannot be read is taken
    /// for passed by any number.
    fn is_never(&self, sick: usize) -> bool {
        let limit = self.max_not_ready.of(1);
        limit.is_ok() && u32::try_from(sick).is_ok_and(|sick| sick < self.at_least)
    }
}

#[derive(Debug, Default)]
struct Count {
    total: usize,
    not_ready: usize,
    /// Those of `not_ready` that are Ready again.
    again: usize,
}

impl Count {
    fn add(&mut self, health: Health) {
        self.total += 1;
        self.not_ready += usize::from(health != Health::Well);
        self.again += usize::from(health == Health::Again);
    }

    /// What is beyond the limit; a limit that cannot be read is taken for passed.
    fn beyond(&self, breaker: &Breaker, place: &str) -> Option<String> {
        match self.allowed(breaker) {
            Ok(allowed) if self.not_ready <= allowed => None,
            Ok(allowed) => Some(self.told(breaker, place, allowed)),
            Err(error) => Some(format!("spec.storm.maxNotReady: {error}")),
        }
    }

    fn allowed(&self, breaker: &Breaker) -> Result<usize, NotAShare> {
        let fewer = usize::try_from(breaker.at_least).unwrap_or(usize::MAX).saturating_sub(1);
        Ok(breaker.max_not_ready.of(self.total)?.max(fewer))
    }

    fn told(&self, breaker: &Breaker, place: &str, allowed: usize) -> String {
        let again = match self.again {
            0 => String::new(),
            again => format!(" ({again} of them Ready again for less than {})", breaker.within),
        };
        format!("{} of {} nodes of {place} not Ready{again}, {allowed} may be", self.not_ready, self.total)
    }
}
