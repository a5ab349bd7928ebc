//! Which nodes may be granted: caches propose with this rule, live reads decide with it.

use std::collections::{BTreeMap, BTreeSet};

use super::sets::{Full, Limits};
use super::{Budget, Grant, NotAShare, Rate, Sets, Starts};
use crate::blocker::Blocker;
use crate::ids::NodeUid;
use crate::snapshot::{Fleet, Node, Pool};
use crate::time::Time;

const GUARD: &str = "repairguard/cluster";

/// What guard and pools have room for, less what is taken from it in this round.
#[derive(Debug, Clone)]
pub struct Rooms<'a> {
    fleet: &'a Fleet<'a>,
    now: Time,
    cluster: Sets<'a>,
    pools: BTreeMap<&'a str, Sets<'a>>,
    /// Nodes that this round takes.
    taken: BTreeSet<&'a NodeUid>,
    /// How many nodes this round takes, by pool.
    starts: BTreeMap<&'a str, u32>,
    /// Begun by a process that stopped before it took their starts down, by pool and in the guard.
    unnoted: (BTreeMap<&'a str, u32>, u32),
    /// Control-plane nodes that are out of service or in flight.
    control_plane: Vec<&'a Node>,
}

impl<'a> Rooms<'a> {
    /// What there is room for now.
    pub fn new(fleet: &'a Fleet<'a>, now: Time) -> Self {
        let snapshot = fleet.snapshot;
        let guard_budget = snapshot.guard.as_ref().and_then(|guard| guard.budget.as_ref());
        let grants =
            snapshot.guard.iter().flat_map(|guard| &guard.grants).filter(|grant| fleet.stands(grant));
        let cluster =
            Sets::new(snapshot.nodes.values(), grants, fleet.unfinished.iter().copied(), zoned(guard_budget));
        let out = |node: &&Node| node.is_control_plane() && cluster.all.unavailable.contains(&node.uid);
        let control_plane = snapshot.nodes.values().filter(out).collect();
        Self {
            fleet,
            now,
            cluster,
            pools: BTreeMap::new(),
            taken: BTreeSet::new(),
            starts: BTreeMap::new(),
            unnoted: unnoted(fleet),
            control_plane,
        }
    }

    /// Takes `node` of `pool`, as it will count once it is granted.
    pub fn take(&mut self, pool: &'a Pool, node: &'a Node) {
        self.sets(pool).take(node);
        self.cluster.take(node);
        self.taken.insert(&node.uid);
        *self.starts.entry(&pool.name).or_default() += 1;
        if node.is_control_plane() {
            self.control_plane.push(node);
        }
    }

    /// Whether this round has taken the node already.
    pub fn has_taken(&self, node: &NodeUid) -> bool {
        self.taken.contains(node)
    }

    /// How many nodes of `pool` are in flight.
    pub fn in_flight(&mut self, pool: &'a Pool) -> usize {
        self.sets(pool).all.in_flight.len()
    }

    /// Why `node` of `pool` may not be granted; `None` if it may. `admitted`: its confirmed fault is one that the pool
    /// lets through a storm and a full budget, one node at a time.
    pub fn refusal(&mut self, pool: &'a Pool, node: &Node, admitted: bool) -> Option<Blocker> {
        let object = format!("repairpool/{}", pool.name);
        if admitted && self.in_flight(pool) > 0 {
            let next = "nodes that are let through a storm are repaired one at a time; waits for one to end";
            return Some(Blocker::new("OneAtATime", object, next));
        }
        let of_pool = refused(self.sets(pool), node, &pool.budget, admitted, &object);
        of_pool
            .or_else(|| self.rate_of_pool(pool, &object))
            .or_else(|| self.refused_by_guard(node, admitted))
            .or_else(|| self.refused_by_control_plane(node))
    }

    fn sets(&mut self, pool: &'a Pool) -> &mut Sets<'a> {
        let fleet = self.fleet;
        self.pools.entry(&pool.name).or_insert_with(|| {
            let grants = pool.grants.iter().filter(|grant| fleet.stands(grant));
            let members = fleet.members(&pool.name).iter().copied();
            Sets::new(members, grants, fleet.unfinished_of(pool), zoned(Some(&pool.budget)))
        })
    }

    fn rate_of_pool(&self, pool: &Pool, object: &str) -> Option<Blocker> {
        let of_pool =
            |starts: &BTreeMap<&str, u32>| starts.get(pool.name.as_str()).copied().unwrap_or_default();
        let taken = of_pool(&self.starts) + of_pool(&self.unnoted.0);
        too_fast(pool.budget.rate.as_ref()?, &pool.starts, taken, self.now, object)
    }

    fn refused_by_guard(&self, node: &Node, admitted: bool) -> Option<Blocker> {
        let guard = self.fleet.snapshot.guard.as_ref()?;
        let budget = guard.budget.as_ref()?;
        refused(&self.cluster, node, budget, admitted, GUARD).or_else(|| {
            let taken = self.starts.values().sum::<u32>() + self.unnoted.1;
            too_fast(budget.rate.as_ref()?, &guard.starts, taken, self.now, GUARD)
        })
    }

    /// Control-plane nodes go one at a time, and none while another is out of service: etcd needs its quorum.
    fn refused_by_control_plane(&self, node: &Node) -> Option<Blocker> {
        let other = self.control_plane.iter().find(|other| other.uid != node.uid)?;
        node.is_control_plane().then(|| {
            let next =
                "control-plane nodes are repaired one at a time, while all others serve; waits for this one";
            Blocker::new("ControlPlane", format!("node/{}", other.name), next)
        })
    }
}

fn zoned(budget: Option<&Budget>) -> bool {
    budget.is_some_and(|budget| budget.per_zone.is_some())
}

fn refused(sets: &Sets<'_>, node: &Node, budget: &Budget, admitted: bool, object: &str) -> Option<Blocker> {
    let of_whole = Limits {
        max_unavailable: &budget.max_unavailable,
        max_in_flight: budget.max_in_flight.as_ref(),
        admitted,
    };
    told(sets.full(node, of_whole), object, "").or_else(|| {
        let zone = budget.per_zone.as_ref()?;
        let of_zone = Limits {
            max_unavailable: &zone.max_unavailable,
            max_in_flight: zone.max_in_flight.as_ref(),
            admitted,
        };
        let name = format!(" in zone {}", if node.zone().is_empty() { "(none)" } else { node.zone() });
        told(sets.zone_full(node, of_zone), object, &name)
    })
}

fn told(full: Result<Option<Full>, NotAShare>, object: &str, place: &str) -> Option<Blocker> {
    let next = match full {
        Ok(None) => return None,
        Ok(Some(Full::InFlight { now, allowed })) => {
            format!("{now} in flight{place}, {allowed} may be; waits for one to end")
        }
        Ok(Some(Full::Unavailable { now, allowed, of })) => {
            format!("{now} of {of} nodes{place} unavailable, {allowed} may be; waits for one to come back")
        }
        Err(error) => return Some(Blocker::new("BadBudget", object, error.to_string())),
    };
    let reason = if place.is_empty() { "Budget" } else { "ZoneBudget" };
    Some(Blocker::new(reason, object, next))
}

/// What is under way without a grant of its pool, and of the guard: starts are taken down with grants, and nobody has
/// written those yet. They count as starts of this moment.
fn unnoted<'a>(fleet: &Fleet<'a>) -> (BTreeMap<&'a str, u32>, u32) {
    let names = |grants: &'a [Grant]| grants.iter().map(|grant| grant.remediation.as_str());
    let snapshot = fleet.snapshot;
    let of_guard: BTreeSet<_> = snapshot.guard.iter().flat_map(|guard| names(&guard.grants)).collect();
    let of_pools: BTreeSet<_> = snapshot.pools.values().flat_map(|pool| names(&pool.grants)).collect();
    let (mut by_pool, mut in_guard) = (BTreeMap::new(), 0);
    for remediation in &fleet.unfinished {
        if !of_pools.contains(remediation.name.as_str()) {
            *by_pool.entry(remediation.pool.as_str()).or_default() += 1;
        }
        in_guard += u32::from(!of_guard.contains(remediation.name.as_str()));
    }
    (by_pool, in_guard)
}

fn too_fast(rate: &Rate, starts: &Starts, taken: u32, now: Time, object: &str) -> Option<Blocker> {
    let used = starts.used(rate, now).saturating_add(taken);
    if used < rate.nodes {
        return None;
    }
    let after = starts.next(rate, now).unwrap_or_else(|| now.after(rate.per));
    let until =
        if rate.nodes == 0 { "none may ever start".to_owned() } else { format!("goes on at {after}") };
    let next = format!("{used} nodes started within {}, {} may be; {until}", rate.per, rate.nodes);
    let blocker = Blocker::new("Rate", object, next);
    Some(if rate.nodes == 0 { blocker } else { blocker.until(after) })
}

#[cfg(test)]
#[path = "room_tests.rs"]
mod tests;
