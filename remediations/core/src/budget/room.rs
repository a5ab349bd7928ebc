//! Which nodes may be granted: caches propose with this rule, live reads decide with it.

use std::collections::{BTreeMap, BTreeSet};

use super::sets::{Full, Limits};
use super::{Budget, NotAShare, Rate, Sets, Starts};
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
        let taken = self.starts.get(pool.name.as_str()).copied().unwrap_or_default();
        too_fast(pool.budget.rate.as_ref()?, &pool.starts, taken, self.now, object)
    }

    fn refused_by_guard(&self, node: &Node, admitted: bool) -> Option<Blocker> {
        let guard = self.fleet.snapshot.guard.as_ref()?;
        let budget = guard.budget.as_ref()?;
        refused(&self.cluster, node, budget, admitted, GUARD).or_else(|| {
            let taken = self.starts.values().sum();
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
mod tests {
    use std::collections::BTreeMap;

    use super::super::{Grant, IntOrPercent, Start, ZoneBudget};
    use super::*;
    use crate::selector::Selector;
    use crate::snapshot::{ApprovalFloor, Condition, Guard, Snapshot, ZONE_LABEL};
    use crate::time::Span;

    const NOW: Time = Time(1_000_000_000);

    fn node(name: &str, ready: bool, zone: &str) -> Node {
        let status = if ready { "True" } else { "False" };
        let ready = Condition { status: status.to_owned(), since: None };
        let labels =
            [("pool", "p"), (ZONE_LABEL, zone)].map(|(key, value)| (key.to_owned(), value.to_owned()));
        Node {
            name: name.into(),
            uid: name.into(),
            labels: labels.into(),
            conditions: BTreeMap::from([("Ready".to_owned(), ready)]),
            ..Node::default()
        }
    }

    fn budget(unavailable: u32, in_flight: u32) -> Budget {
        let int = IntOrPercent::Int;
        let max_in_flight = Some(int(in_flight));
        Budget { max_unavailable: int(unavailable), max_in_flight, per_zone: None, rate: None }
    }

    /// Nodes called a, b, c … in zones x, y in turn.
    fn world(budget: Budget, ready: &[bool]) -> Snapshot {
        let mut world = Snapshot { guard: Some(Guard::default()), ..Snapshot::default() };
        for ((name, zone), ready) in ["a", "b", "c", "d"].into_iter().zip(["x", "y", "x", "y"]).zip(ready) {
            world.nodes.insert(name.into(), node(name, *ready, zone));
        }
        let pool = Pool {
            name: "p".into(),
            selector: Selector::label("pool", "p"),
            budget,
            approval: ApprovalFloor::Never,
            drain_rules: Vec::new(),
            repairable: true,
            unsupported: Vec::new(),
            deleting: false,
            grants: Vec::new(),
            starts: Starts::default(),
            control_plane: false,
            require_change_ref: false,
            windows: Vec::new(),
            storm: crate::rollout::storm::Breaker::default(),
            storm_state: None,
        };
        world.pools.insert("p".into(), pool);
        world
    }

    /// The reasons for which each of these nodes is refused, one after the other; those that are not are taken.
    fn asked(world: &Snapshot, names: &[&str]) -> Vec<String> {
        let fleet = Fleet::new(world);
        let mut rooms = Rooms::new(&fleet, NOW);
        let pool = &world.pools["p"];
        let mut answers = Vec::new();
        for name in names {
            let node = &world.nodes[&(*name).into()];
            let refusal = rooms.refusal(pool, node, false);
            if refusal.is_none() {
                rooms.take(pool, node);
            }
            answers.push(refusal.map_or("taken".to_owned(), |blocker| blocker.reason));
        }
        answers
    }

    fn grant(node: &str, zone: Option<&str>) -> Grant {
        Grant {
            remediation: format!("r-{node}"),
            node_uid: node.into(),
            node: node.into(),
            zone: zone.map(str::to_owned),
            pool: "p".into(),
            run_uid: "run".into(),
            at: Time(0),
        }
    }

    #[test]
    fn a_healthy_pool_is_never_drained_beyond_its_budget() {
        assert_eq!(asked(&world(budget(1, 9), &[true; 4]), &["a", "b"]), ["taken", "Budget"]);
    }

    #[test]
    fn a_broken_pool_can_be_healed_max_in_flight_at_a_time() {
        let world = world(budget(1, 1), &[false, false, true]);
        assert_eq!(asked(&world, &["c"]), ["Budget"], "two are unavailable, one may be");
        assert_eq!(asked(&world, &["a", "b"]), ["taken", "Budget"], "broken already: takes nothing away");
    }

    #[test]
    fn a_granted_node_that_is_gone_still_counts() {
        let mut world = world(budget(1, 9), &[true]);
        world.pools.get_mut("p").unwrap().grants = vec![grant("gone", None)];
        assert_eq!(asked(&world, &["a"]), ["Budget"]);
    }

    #[test]
    fn zero_means_none() {
        assert_eq!(asked(&world(budget(0, 0), &[false]), &["a"]), ["Budget"]);
    }

    #[test]
    fn each_zone_has_a_limit_of_its_own() {
        let zone = ZoneBudget { max_unavailable: IntOrPercent::Int(1), max_in_flight: None };
        let mut world = world(Budget { per_zone: Some(zone), ..budget(9, 9) }, &[true; 4]);
        assert_eq!(asked(&world, &["a", "c", "b", "d"]), ["taken", "ZoneBudget", "taken", "ZoneBudget"]);
        world.pools.get_mut("p").unwrap().grants = vec![grant("gone", Some("x"))];
        assert_eq!(
            asked(&world, &["a", "b"]),
            ["ZoneBudget", "taken"],
            "a node that is gone counts in its zone"
        );
        world.pools.get_mut("p").unwrap().grants = vec![grant("gone", None)];
        assert_eq!(
            asked(&world, &["a", "b"]),
            ["ZoneBudget", "ZoneBudget"],
            "and in each if nobody knows which"
        );
    }

    #[test]
    fn starts_of_pool_and_cluster_are_counted() {
        let rate = Some(Rate { nodes: 2, per: Span::minutes(60) });
        let started = Starts(vec![Start { at: NOW.before(Span::minutes(59)), nodes: 1 }]);
        let mut of_pool = world(Budget { rate: rate.clone(), ..budget(9, 9) }, &[true; 4]);
        of_pool.pools.get_mut("p").unwrap().starts = started.clone();
        assert_eq!(asked(&of_pool, &["a", "b"]), ["taken", "Rate"]);
        let mut of_cluster = world(budget(9, 9), &[true; 4]);
        let guard =
            Guard { budget: Some(Budget { rate, ..budget(9, 9) }), starts: started, ..Guard::default() };
        of_cluster.guard = Some(guard);
        assert_eq!(asked(&of_cluster, &["a", "b"]), ["taken", "Rate"]);
    }

    #[test]
    fn control_plane_nodes_go_one_at_a_time_while_all_others_serve() {
        let control = |world: &mut Snapshot, name: &str| {
            let labels = &mut world.nodes.get_mut(&name.into()).unwrap().labels;
            labels.insert(crate::snapshot::CONTROL_PLANE_LABELS[0].to_owned(), String::new());
        };
        let mut healthy = world(budget(9, 9), &[true; 4]);
        for name in ["a", "b"] {
            control(&mut healthy, name);
        }
        assert_eq!(asked(&healthy, &["a", "b", "c"]), ["taken", "ControlPlane", "taken"]);
        let mut broken = world(budget(9, 9), &[false, true, true, true]);
        for name in ["a", "b"] {
            control(&mut broken, name);
        }
        assert_eq!(asked(&broken, &["b", "a"]), ["ControlPlane", "taken"], "the broken one may be healed");
    }
}
