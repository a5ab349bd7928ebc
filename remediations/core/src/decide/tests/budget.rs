//! What is granted in one round, over all runs and pools, stays within what pool and guard allow.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::ids::NodeUid;
use crate::plan::build::draft;
use crate::plan::page::seal;
use crate::snapshot::PlanSummary;

/// A node: in which pool, its Ready, whether somebody cordoned it, and whether a repair is under way on it.
#[derive(Debug, Clone)]
struct Drawn {
    pool: usize,
    ready: &'static str,
    cordoned: bool,
    repaired: bool,
    granted: bool,
}

const POOLS: [&str; 2] = ["web", "db"];

fn drawn() -> impl Strategy<Value = Drawn> {
    let ready = prop_oneof![4 => Just("True"), 1 => Just("False"), 1 => Just("Unknown")];
    let one_in_five = prop::bool::weighted(0.2);
    (0..2_usize, ready, one_in_five, one_in_five, one_in_five).prop_map(
        |(pool, ready, cordoned, repaired, granted)| Drawn { pool, ready, cordoned, repaired, granted },
    )
}

fn limits() -> impl Strategy<Value = Budget> {
    let share = prop_oneof![
        (0..5_u32).prop_map(IntOrPercent::Int),
        (0..101_u32).prop_map(|percent| IntOrPercent::Percent(format!("{percent}%"))),
    ];
    (share.clone(), prop::option::of(share)).prop_map(|(max_unavailable, max_in_flight)| Budget {
        max_unavailable,
        max_in_flight,
        per_zone: None,
        rate: None,
    })
}

fn fleet(nodes: &[Drawn], budgets: [Budget; 2], guard: Option<Budget>) -> Snapshot {
    let mut fleet = world();
    fleet.policies.clear();
    fleet.nodes.clear();
    fleet.reports.clear();
    for (name, budget) in POOLS.into_iter().zip(budgets) {
        let selector = Selector::label("pool", name);
        let pool = Pool { name: name.into(), selector, budget, ..fleet.pools["web"].clone() };
        fleet.pools.insert(name.into(), pool);
    }
    fleet.guard.as_mut().unwrap().budget = guard;
    for (index, drawn) in nodes.iter().enumerate() {
        let mut node = node(&format!("n{index}"), drawn.ready);
        node.labels.insert("pool".into(), POOLS[drawn.pool].into());
        node.unschedulable = drawn.cordoned;
        fleet.nodes.insert(node.name.clone(), node);
    }
    fleet
}

/// A planned run over every node of a pool.
fn run_over(fleet: &mut Snapshot, pool: &str, number: usize) {
    let names = fleet.nodes.keys().cloned().collect();
    let parameters = policy().parameters;
    let request = by_hand(pool, NodeSelection::Named { names }, parameters);
    let name = format!("{pool}-{number}");
    add_run(fleet, &name, request.clone());
    let draft = draft(&Fleet::new(fleet), &request, NOW).unwrap();
    let run = fleet.runs.get_mut(&name).unwrap();
    let sealed = seal(&run.uid, draft.header, &draft.nodes).unwrap();
    run.status.plan = Some(PlanSummary {
        digest: sealed.digest,
        page_digests: sealed.page_digests,
        nodes: 0,
        batches: 0,
        planned_at: NOW,
    });
    fleet.pages.insert(run.uid.clone(), (0..).zip(sealed.pages).collect());
}

/// Repairs and grants of an older run, made after the plans.
fn under_way(fleet: &mut Snapshot, nodes: &[Drawn]) {
    let older =
        Run { uid: "older".into(), name: "older".into(), ..fleet.runs.values().next().unwrap().clone() };
    for (index, drawn) in nodes.iter().enumerate() {
        let name = format!("n{index}");
        if drawn.repaired {
            remediate(fleet, &older, &name, Mode::Forward, None);
            fleet.remediations.values_mut().filter(|r| r.node.0 == name).for_each(|r| {
                r.pool = POOLS[drawn.pool].into();
            });
        }
        if drawn.granted {
            let pool = POOLS[drawn.pool];
            let grant = Grant {
                remediation: format!("gone-{index}"),
                node_uid: format!("{name}-uid").into(),
                node: name,
                pool: pool.into(),
                zone: None,
                run_uid: "older".into(),
                at: NOW,
            };
            fleet.pools.get_mut(pool).unwrap().grants.push(grant.clone());
            fleet.guard.as_mut().unwrap().grants.push(grant);
        }
    }
}

/// Whether what is granted now keeps one budget: over `nodes`, with what was in flight before.
fn keeps(budget: &Budget, nodes: &[&Node], before: &BTreeSet<NodeUid>, granted: &[&Node]) -> bool {
    if granted.is_empty() {
        return true;
    }
    let in_flight: BTreeSet<_> = before.iter().chain(granted.iter().map(|node| &node.uid)).collect();
    let down = nodes.iter().filter(|node| !node.is_available()).map(|node| &node.uid);
    let unavailable: BTreeSet<_> = in_flight.iter().copied().chain(down).collect();
    let max_unavailable = budget.max_unavailable.of(nodes.len()).unwrap();
    let max_in_flight =
        budget.max_in_flight.as_ref().unwrap_or(&budget.max_unavailable).of(nodes.len()).unwrap();
    let takes_away = granted.iter().any(|node| node.is_available() && !before.contains(&node.uid));
    let starts = granted.iter().any(|node| !before.contains(&node.uid));
    (!starts || in_flight.len() <= max_in_flight) && (!takes_away || unavailable.len() <= max_unavailable)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// SAFETY 4: for any fleet, with two runs in each of two pools, in one round.
    #[test]
    fn no_round_grants_more_than_pool_and_guard_allow(
        nodes in prop::collection::vec(drawn(), 1..14),
        web in limits(), db in limits(), guard in prop::option::of(limits()),
    ) {
        let mut fleet = fleet(&nodes, [web, db], guard);
        for pool in POOLS {
            run_over(&mut fleet, pool, 1);
            run_over(&mut fleet, pool, 2);
        }
        under_way(&mut fleet, &nodes);
        let names = granted(&fleet);
        let distinct: BTreeSet<_> = names.iter().collect();
        prop_assert_eq!(distinct.len(), names.len(), "a node is granted twice");
        let asked: Vec<&Node> = names.iter().map(|name| &fleet.nodes[&NodeName::from(name.as_str())]).collect();
        let before: BTreeSet<NodeUid> = (0..nodes.len())
            .filter(|index| nodes[*index].repaired || nodes[*index].granted)
            .map(|index| format!("n{index}-uid").into())
            .collect();
        for (index, drawn) in nodes.iter().enumerate().filter(|(_, drawn)| drawn.repaired) {
            prop_assert!(!names.contains(&format!("n{index}")), "{drawn:?} is under repair already");
        }
        for pool in fleet.pools.values() {
            let of_pool: Vec<_> = fleet.nodes_of(pool).collect();
            let is_in = |uid: &NodeUid| of_pool.iter().any(|node| node.uid == *uid);
            let before = before.iter().filter(|uid| is_in(uid)).cloned().collect();
            let asked: Vec<_> = asked.iter().copied().filter(|node| is_in(&node.uid)).collect();
            prop_assert!(keeps(&pool.budget, &of_pool, &before, &asked), "pool {}: {:?}", pool.name, names);
        }
        if let Some(budget) = &fleet.guard.as_ref().unwrap().budget {
            let all: Vec<_> = fleet.nodes.values().collect();
            prop_assert!(keeps(budget, &all, &before, &asked), "guard: {names:?}");
        }
    }
}

fn of_one_pool(count: usize) -> (Vec<Drawn>, Budget) {
    let calm = Drawn { pool: 0, ready: "True", cordoned: false, repaired: false, granted: false };
    let budget = Budget::of(IntOrPercent::Int(9));
    (vec![calm; count], budget)
}

#[test]
fn two_runs_of_one_round_never_take_the_same_node() {
    let (nodes, budget) = of_one_pool(2);
    let mut fleet = fleet(&nodes, [budget.clone(), budget], None);
    run_over(&mut fleet, "web", 1);
    run_over(&mut fleet, "web", 2);
    assert_eq!(granted(&fleet), ["n0", "n1"]);
    let second = fleet.runs["web-2"].clone();
    assert_eq!(waits(&fleet, &second), ["Busy", "Busy"]);
}

#[test]
fn a_repair_that_a_pool_of_another_name_began_counts() {
    let (mut nodes, mut budget) = of_one_pool(2);
    budget.max_in_flight = Some(IntOrPercent::Int(1));
    nodes[0].repaired = true;
    let mut fleet = fleet(&nodes, [budget.clone(), budget], None);
    run_over(&mut fleet, "web", 1);
    under_way(&mut fleet, &nodes);
    fleet.remediations.values_mut().for_each(|r| r.pool = "the one before".into());
    assert!(granted(&fleet).is_empty());
}

#[test]
fn a_budget_that_cannot_be_read_grants_nothing_and_is_named() {
    let (nodes, mut budget) = of_one_pool(2);
    budget.max_unavailable = IntOrPercent::Percent("a third".into());
    budget.max_in_flight = Some(IntOrPercent::Int(1));
    let mut fleet = fleet(&nodes, [budget.clone(), budget], None);
    // A plan cannot be made with it either; it was changed since.
    fleet.pools.get_mut("web").unwrap().budget.max_unavailable = IntOrPercent::Int(1);
    run_over(&mut fleet, "web", 1);
    fleet.pools.get_mut("web").unwrap().budget.max_unavailable = IntOrPercent::Percent("a third".into());
    assert!(granted(&fleet).is_empty());
    let run = fleet.runs["web-1"].clone();
    assert_eq!(waits(&fleet, &run), ["BadBudget"]);
}
