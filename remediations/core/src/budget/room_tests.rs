//! A pool of four nodes in two zones, and which of them may be taken.

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
    let labels = [("pool", "p"), (ZONE_LABEL, zone)].map(|(key, value)| (key.to_owned(), value.to_owned()));
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
    let pool =
        Pool { approval: ApprovalFloor::Never, ..Pool::new("p", Selector::label("pool", "p"), budget) };
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
    assert_eq!(asked(&world, &["a", "b"]), ["ZoneBudget", "taken"], "a node that is gone counts in its zone");
    world.pools.get_mut("p").unwrap().grants = vec![grant("gone", None)];
    assert_eq!(asked(&world, &["a", "b"]), ["ZoneBudget", "ZoneBudget"], "and in each if nobody knows which");
}

#[test]
fn starts_of_pool_and_cluster_are_counted() {
    let rate = Some(Rate { nodes: 2, per: Span::minutes(60) });
    let started = Starts(vec![Start { at: NOW.before(Span::minutes(59)), nodes: 1 }]);
    let mut of_pool = world(Budget { rate: rate.clone(), ..budget(9, 9) }, &[true; 4]);
    of_pool.pools.get_mut("p").unwrap().starts = started.clone();
    assert_eq!(asked(&of_pool, &["a", "b"]), ["taken", "Rate"]);
    let mut of_cluster = world(budget(9, 9), &[true; 4]);
    let guard = Guard { budget: Some(Budget { rate, ..budget(9, 9) }), starts: started, ..Guard::default() };
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
