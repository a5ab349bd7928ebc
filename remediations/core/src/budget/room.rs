//! Which nodes may be granted: caches propose with this rule, live reads decide with it.

use std::collections::{BTreeMap, BTreeSet};

use super::sets::{Full, Limits};
use super::{Budget, Grant, NotAShare, Rate, Sets, Starts};
use crate::blocker::Blocker;
use crate::ids::NodeUid;
use crate::snapshot::{Fleet, Node, Pool, TextIndex};
use crate::time::Time;

const GUARD: &str = "repairguard/cluster";

/// What guard and pools have room for, less what is taken from it in this round. Counted when it is first asked for: in
/// most rounds nothing is to be granted.
#[derive(Debug, Clone)]
pub struct Rooms<'a> {
    fleet: &'a Fleet<'a>,
    now: Time,
    cluster: Option<Sets<'a>>,
    pools: BTreeMap<&'a str, Sets<'a>>,
    /// Nodes that this round takes.
    taken: BTreeSet<&'a NodeUid>,
    /// How many nodes this round takes, by pool.
    starts: BTreeMap<&'a str, u32>,
    unnoted: Option<Unnoted<'a>>,
    /// Control-plane nodes that are out of service or in flight.
    control_plane: Option<Vec<&'a Node>>,
}

/// What was begun by a process that stopped before it took the starts down.
#[derive(Debug, Clone, Default)]
struct Unnoted<'a> {
    by_pool: BTreeMap<&'a str, u32>,
    in_guard: u32,
}

impl<'a> Rooms<'a> {
    /// What there is room for now.
    pub fn new(fleet: &'a Fleet<'a>, now: Time) -> Self {
        Self {
            fleet,
            now,
            cluster: None,
            pools: BTreeMap::new(),
            taken: BTreeSet::new(),
            starts: BTreeMap::new(),
            unnoted: None,
            control_plane: None,
        }
    }

    /// Takes `node` of `pool`, as it will count once it is granted.
    pub fn take(&mut self, pool: &'a Pool, node: &'a Node) {
        self.sets(pool).take(node);
        self.cluster().take(node);
        self.taken.insert(&node.uid);
        *self.starts.entry(&pool.name).or_default() += 1;
        if let Some(out) = self.control_plane.as_mut().filter(|_| node.is_control_plane()) {
            out.push(node);
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

    fn cluster(&mut self) -> &mut Sets<'a> {
        let fleet = self.fleet;
        self.cluster.get_or_insert_with(|| {
            let guard = fleet.snapshot.guard.as_ref();
            let grants =
                guard.into_iter().flat_map(|guard| &guard.grants).filter(|grant| fleet.stands(grant));
            let unfinished = fleet.unfinished().iter().copied();
            let zoned = zoned(guard.and_then(|guard| guard.budget.as_ref()));
            Sets::new(fleet.snapshot.nodes.values(), grants, unfinished, zoned)
        })
    }

    fn unnoted(&mut self) -> &Unnoted<'a> {
        let fleet = self.fleet;
        self.unnoted.get_or_insert_with(|| Unnoted::of(fleet))
    }

    fn rate_of_pool(&mut self, pool: &Pool, object: &str) -> Option<Blocker> {
        let rate = pool.budget.rate.as_ref()?;
        let of_pool =
            |starts: &BTreeMap<&str, u32>| starts.get(pool.name.as_str()).copied().unwrap_or_default();
        let taken = of_pool(&self.starts) + of_pool(&self.unnoted().by_pool);
        too_fast(rate, &pool.starts, taken, self.now, object)
    }

    fn refused_by_guard(&mut self, node: &Node, admitted: bool) -> Option<Blocker> {
        let guard = self.fleet.snapshot.guard.as_ref()?;
        let budget = guard.budget.as_ref()?;
        refused(self.cluster(), node, budget, admitted, GUARD).or_else(|| {
            let rate = budget.rate.as_ref()?;
            let taken = self.starts.values().sum::<u32>() + self.unnoted().in_guard;
            too_fast(rate, &guard.starts, taken, self.now, GUARD)
        })
    }

    /// Control-plane nodes go one at a time, and none while another is out of service: etcd needs its quorum.
    fn refused_by_control_plane(&mut self, node: &Node) -> Option<Blocker> {
        if !node.is_control_plane() {
            return None;
        }
        let other = self.control_plane_out().iter().find(|other| other.uid != node.uid)?;
        let next =
            "control-plane nodes are repaired one at a time, while all others serve; waits for this one";
        Some(Blocker::new("ControlPlane", format!("node/{}", other.name), next))
    }

    fn control_plane_out(&mut self) -> &[&'a Node] {
        let nodes = self.fleet.snapshot.nodes.values();
        if self.control_plane.is_none() {
            let unavailable = &self.cluster().all.unavailable;
            let out =
                nodes.filter(|node| node.is_control_plane() && unavailable.contains(&node.uid)).collect();
            self.control_plane = Some(out);
        }
        self.control_plane.as_deref().unwrap_or_default()
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

impl<'a> Unnoted<'a> {
    /// What is under way without a grant of its pool, and of the guard: starts are taken down with grants, and nobody has
    /// written those yet. They count as starts of this moment.
    fn of(fleet: &Fleet<'a>) -> Self {
        let names = |grants: &'a [Grant]| grants.iter().map(|grant| (grant.remediation.as_str(), ()));
        let snapshot = fleet.snapshot;
        let of_guard: TextIndex<'_, ()> =
            snapshot.guard.iter().flat_map(|guard| names(&guard.grants)).collect();
        let of_pools: TextIndex<'_, ()> =
            snapshot.pools.values().flat_map(|pool| names(&pool.grants)).collect();
        let mut unnoted = Self::default();
        for remediation in fleet.unfinished() {
            if !of_pools.contains(&remediation.name) {
                *unnoted.by_pool.entry(remediation.pool.as_str()).or_default() += 1;
            }
            unnoted.in_guard += u32::from(!of_guard.contains(&remediation.name));
        }
        unnoted
    }
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
