//! Which nodes count in a storm: those whose Ready is not True or was not a moment ago, never those that merely have a
//! finding or a cordon, and not those that are so because of us.

use std::collections::{BTreeMap, BTreeSet};

use super::Breaker;
use crate::budget::NotAShare;
use crate::ids::NodeUid;
use crate::snapshot::{Node, Pool, Snapshot, ZONE_LABEL};
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
    let spared = spared(snapshot, pool.storm.within, now);
    let mut of_pool = Count::default();
    let mut of_zones: BTreeMap<&str, (Count, bool)> = BTreeMap::new();
    for node in snapshot.nodes.values() {
        let health = if spared.contains(&node.uid) { Health::Well } else { health(node, &pool.storm, now) };
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

/// Nodes that may be away because of us: granted and within the deadline, or repaired a moment ago.
fn spared(snapshot: &Snapshot, within: Span, now: Time) -> BTreeSet<&NodeUid> {
    let of_guard = snapshot.guard.iter().flat_map(|guard| &guard.grants);
    let grants = of_guard.chain(snapshot.pools.values().flat_map(|pool| &pool.grants));
    let granted = grants.filter(|grant| grant.at.after(REBOOT_DEADLINE) > now).map(|grant| &grant.node_uid);
    let finished = snapshot.remediations.values().filter(|remediation| {
        let at = remediation.journal.as_ref().and_then(|journal| journal.finished_at);
        remediation.is_finished() && at.is_some_and(|at| at.after(within) > now)
    });
    granted.chain(finished.map(|remediation| &remediation.node_uid)).collect()
}

/// How a node counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    Well,
    NotReady,
    /// Ready again, since a moment ago.
    Again,
}

fn health(node: &Node, breaker: &Breaker, now: Time) -> Health {
    if node.ready() != Some(true) {
        return Health::NotReady;
    }
    let recent = |since: Time| since.after(breaker.within) > now;
    let since = node.conditions.get("Ready").and_then(|condition| condition.since);
    // A node that is new has become Ready for the first time.
    if since.is_some_and(recent) && !recent(node.created) { Health::Again } else { Health::Well }
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
