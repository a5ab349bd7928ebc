//! A small cluster in virtual time, from its findings to the end of its run.

use super::fleet::{NAME, Plan, generate};
use super::*;
use crate::budget::{Budget, IntOrPercent};
use crate::rollout::Rollout;
use crate::saga::Outcome;
use crate::snapshot::{Hold, HoldLevel, HoldScope, RunPhase};
use crate::time::{Span, Time};

const START: Time = Time(1_000_000_000);

fn plan(nodes: u32, at_once: u32) -> Plan {
    let playbook =
        crate::playbook::lint::lint(include_str!("../../../../playbooks/drain-and-reboot/1.0.0.yaml"));
    Plan {
        nodes,
        zones: 3,
        not_ready: 0,
        seed: 1,
        budget: Budget::of(IntOrPercent::Int(at_once)),
        rollout: Rollout::default(),
        check: "node.systemd-dbus".into(),
        playbook: playbook.unwrap(),
        parameters: std::collections::BTreeMap::default(),
    }
}

fn simulation(plan: &Plan, settings: Settings) -> Simulation {
    let mut world = World::new(generate(plan, START), START, settings);
    world.gauges = Some(gauge::Gauges::new(&world.snapshot, START));
    Simulation::new(world, Span(250))
}

fn held(name: &str) -> Change {
    let (held_by, reason, scope) = ("ops".into(), "because".into(), HoldScope::Cluster {});
    Change::Hold(Box::new(Hold {
        name: name.into(),
        scope,
        held_by,
        reason,
        message: None,
        level: HoldLevel::Stop,
        until: None,
        created: START,
    }))
}

#[test]
fn a_run_ends_after_its_batches_and_never_takes_more_than_its_budget() {
    let mut simulation = simulation(&plan(10, 2), Settings::default());
    assert_eq!(simulation.run(Span::minutes(24 * 60)), Ended::Over);
    let report = simulation.report();
    let run = &report.runs[0];
    assert_eq!((run.phase, run.batches.len(), run.counts.repaired), (RunPhase::Succeeded, 5, 10));
    assert_eq!((run.lower_bound.waves, run.lower_bound.span), (5, Span::minutes(50)));
    assert!(run.makespan >= run.lower_bound.span, "{run:?}");
    assert!(run.makespan.0 < run.lower_bound.span.0 + 5000, "no more than the gathering on top: {run:?}");
    assert_eq!(report.budgets["repairpool/generated"].peak, 2);
}

#[test]
fn the_same_seed_gives_the_same_report_and_another_another() {
    let report = |seed| {
        let settings = Settings { seed, spread: 20, failures: 100_000, ..Settings::default() };
        let mut plan = plan(20, 3);
        plan.rollout.max_failures = IntOrPercent::Int(20);
        let mut simulation = simulation(&plan, settings);
        simulation.run(Span::minutes(24 * 60));
        simulation.report()
    };
    assert_eq!(report(1), report(1));
    assert_ne!(report(1), report(2));
}

#[test]
fn a_failure_stops_the_run_and_says_what_is_left() {
    let mut simulation = simulation(&plan(10, 2), Settings::default());
    simulation.world.fates.insert("node-000002".into(), Fate::FailsInDrain);
    assert_eq!(simulation.run(Span::minutes(24 * 60)), Ended::Over);
    let report = simulation.report();
    assert_eq!(report.runs[0].phase, RunPhase::Failed);
    let message = report.runs[0].message.clone().unwrap();
    assert!(message.contains("6 nodes were not started"), "{message}");
    assert!(!simulation.world.snapshot.nodes[&"node-000002".into()].unschedulable, "its cordon is lifted");
}

#[test]
fn a_hold_stops_what_is_under_way_and_its_release_lets_it_go_on() {
    let mut simulation = simulation(&plan(4, 2), Settings::default());
    let minute = |n| START.after(Span::minutes(n));
    simulation.world.schedule(minute(2), held("freeze"));
    simulation.world.schedule(minute(60), Change::Release("freeze".into()));
    simulation.run_to(minute(59));
    let cordoned = simulation.world.snapshot.nodes.values().filter(|node| node.unschedulable).count();
    assert_eq!(cordoned, 0, "the cordon of a node whose host is unchanged is lifted");
    assert_eq!(simulation.run(Span::minutes(24 * 60)), Ended::Over);
    let report = simulation.report();
    assert_eq!((report.runs[0].phase, report.runs[0].batches[0].end), (RunPhase::Succeeded, minute(70)));
}

#[test]
fn a_hold_on_a_changed_host_holds_the_node_until_its_release() {
    let mut simulation = simulation(&plan(1, 1), Settings::default());
    let minute = |n| START.after(Span::minutes(n));
    simulation.world.schedule(minute(5), held("freeze"));
    simulation.run_to(minute(30));
    assert_eq!(simulation.report().runs[0].batches[0].held, 1);
    assert!(simulation.world.snapshot.nodes[&"node-000000".into()].unschedulable);
    simulation.world.apply(Change::Release("freeze".into()));
    assert_eq!(simulation.run(Span::minutes(24 * 60)), Ended::Over);
    assert_eq!(simulation.report().runs[0].phase, RunPhase::Succeeded);
}

#[test]
fn a_node_that_is_gone_replaced_or_uncordoned_by_somebody_ends_as_a_saga_would() {
    let minute = |n| START.after(Span::minutes(n));
    let ended = |change: Change| {
        let mut simulation = simulation(&plan(1, 1), Settings::default());
        simulation.world.schedule(minute(2), change);
        simulation.run_to(minute(40));
        let remediation = simulation.world.snapshot.remediations.values().next().unwrap();
        (remediation.is_held(), remediation.outcome())
    };
    let node = || crate::ids::NodeName::from("node-000000");
    assert_eq!(ended(Change::NodeGone(node())), (false, Some(Outcome::Skipped)));
    assert_eq!(ended(Change::NodeReplaced(node())), (false, Some(Outcome::Replaced)));
    assert_eq!(ended(Change::Uncordon(node())), (true, None));
    assert_eq!(ended(Change::RunAborted(NAME.into())), (false, Some(Outcome::Skipped)));
}

#[test]
fn a_finding_that_goes_by_itself_needs_no_repair() {
    let mut simulation = simulation(&plan(1, 1), Settings::default());
    simulation.world.schedule(START.after(Span(1500)), Change::Cleared("node-000000".into()));
    assert_eq!(simulation.run(Span::minutes(60)), Ended::Over);
    let report = simulation.report();
    assert_eq!((report.runs[0].counts.cleared, report.runs[0].batches[0].other), (1, 1));
}

#[test]
fn time_alone_is_waited_for_to_the_ten_seconds() {
    let mut simulation = simulation(&plan(1, 1), Settings::default());
    let until = START.after(Span::minutes(47));
    let Change::Hold(hold) = held("freeze") else { unreachable!() };
    simulation.world.apply(Change::Hold(Box::new(Hold { until: Some(until), ..*hold })));
    assert_eq!(simulation.run(Span::minutes(24 * 60)), Ended::Over);
    let start = simulation.report().runs[0].batches[0].start;
    assert!(start >= until && start.since(until) <= Span::seconds(10), "{start} is not {until}");
}
