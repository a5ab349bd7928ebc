//! What is forgotten, and what never is.

use super::*;
use crate::budget::{Budget, Grant, IntOrPercent};
use crate::rollout::Rollout;
use crate::saga::{Journal, Mode, Outcome};
use crate::selector::Selector;
use crate::snapshot::{
    Limits, PlaybookRef, PolicyMode, Pool, Recurrence, Remediation, RunPhase, RunRequest, RunStatus,
};

const NOW: Time = Time(10_000_000_000);
const HOUR: Span = Span::minutes(60);
const KEEP: Keep = Keep { runs: 3, nodes: 100, age: Span::minutes(100 * 60) };

/// A run by hand that ended so many hours ago, of so many nodes that were repaired.
fn run(name: &str, hours: i64, nodes: u32) -> Run {
    let ended = NOW.before(Span(HOUR.0 * hours));
    let marks = std::iter::repeat_n(Mark::Repaired, nodes as usize);
    let mut status = RunStatus {
        phase: RunPhase::Succeeded,
        finished_at: Some(ended),
        nodes: marks.collect(),
        ..RunStatus::default()
    };
    status.counts.planned = nodes;
    let request = RunRequest {
        pool: "web".into(),
        playbook: "p".into(),
        version: "1.0.0".into(),
        parameters: BTreeMap::new(),
        nodes: NodeSelection::Named { names: vec!["a".into()] },
        rollout: Rollout::default(),
        requested_by: "ops".into(),
        start_before: NOW,
        change_ref: None,
        plan_only: false,
        operations: Vec::new(),
    };
    let created = ended.before(HOUR);
    Run {
        name: name.into(),
        uid: format!("{name}-uid").into(),
        created,
        deleting: false,
        finalized: false,
        request,
        status,
    }
}

fn of_policy(mut run: Run) -> Run {
    run.request.nodes = NodeSelection::Policy { name: "p".into(), rung: 0 };
    run
}

fn world(runs: impl IntoIterator<Item = Run>) -> Snapshot {
    let runs = runs.into_iter().map(|run| (run.name.clone(), run)).collect();
    Snapshot { runs, ..Snapshot::default() }
}

/// One run that is far too old, after a change.
fn old_after(change: impl FnOnce(&mut Snapshot)) -> Vec<String> {
    let mut world = world([run("old", 1000, 2)]);
    change(&mut world);
    names(&world)
}

fn names(world: &Snapshot) -> Vec<String> {
    forgotten(world, &KEEP, NOW).into_iter().map(|run| run.name.clone()).collect()
}

fn policy() -> Policy {
    Policy {
        name: "p".into(),
        mode: PolicyMode::Enforce,
        pools: vec!["web".into()],
        findings: Vec::new(),
        conditions: Vec::new(),
        playbook: PlaybookRef { name: "p".into(), version: "^1".into() },
        escalation: Vec::new(),
        parameters: BTreeMap::new(),
        priority: 0,
        approval: None,
        rollout: Rollout::default(),
        limits: Limits::default(),
        recurrence: None,
        change_ref: None,
        require_change_ref: false,
        start_within: HOUR,
        unsupported: Vec::new(),
    }
}

#[test]
fn the_newest_are_kept_by_count_of_runs_of_nodes_and_by_age() {
    let recent = (1..=5_i64).map(|hours| run(&format!("r{hours}"), hours, 1));
    assert_eq!(names(&world(recent)), ["r5", "r4"], "three runs of the pool");
    let large = [run("a", 1, 60), run("b", 2, 60), run("c", 3, 1)];
    assert_eq!(names(&world(large)), ["c", "b"], "a hundred nodes in all");
    assert_eq!(names(&world([run("young", 99, 1), run("old", 100, 1)])), ["old"]);
    let mut elsewhere: Vec<_> = (1..=3_i64).map(|hours| run(&format!("r{hours}"), hours, 1)).collect();
    elsewhere.push(run("db", 4, 1));
    elsewhere[3].request.pool = "db".into();
    assert!(names(&world(elsewhere)).is_empty(), "each pool has a count of its own");
}

#[test]
fn what_is_not_over_is_never_forgotten() {
    assert_eq!(old_after(|_| {}), ["old"]);
    for phase in [RunPhase::Pending, RunPhase::Planned, RunPhase::Running, RunPhase::Stopped] {
        assert!(old_after(|world| old(world).status.phase = phase).is_empty(), "{phase:?}");
    }
    assert!(old_after(|world| old(world).finalized = true).is_empty());
    assert!(old_after(|world| old(world).deleting = true).is_empty(), "it is going already");
}

fn old(world: &mut Snapshot) -> &mut Run {
    world.runs.get_mut("old").unwrap()
}

#[test]
fn what_is_not_resolved_is_never_forgotten() {
    for mark in [Mark::Held, Mark::Begun] {
        let kept = old_after(|world| old(world).status.nodes = [mark, Mark::Repaired].into_iter().collect());
        assert!(kept.is_empty(), "{mark:?}");
    }
    assert!(old_after(|world| remediation(world, None)).is_empty(), "not begun");
    assert!(old_after(|world| remediation(world, Some(Mode::Held))).is_empty());
    assert_eq!(old_after(|world| remediation(world, Some(Mode::Finished))), ["old"]);
    assert!(old_after(granted).is_empty(), "it has a grant");
    for object in ["remediation/x", "repairrun/x", "repairpolicy/x"] {
        let unreadable = |world: &mut Snapshot| {
            world.undecodable.insert(object.into(), "bad".into());
        };
        assert!(old_after(unreadable).is_empty(), "{object} may be about it");
    }
}

fn remediation(world: &mut Snapshot, mode: Option<Mode>) {
    let outcome = (mode == Some(Mode::Finished)).then_some(Outcome::Repaired);
    let remediation = Remediation {
        name: "r".into(),
        uid: "r-uid".into(),
        run: "old".into(),
        run_uid: "old-uid".into(),
        pool: "web".into(),
        node: "a".into(),
        node_uid: "a-uid".into(),
        deleting: false,
        checks: Vec::new(),
        journal: mode.map(|mode| Journal { mode, outcome, ..Journal::default() }),
    };
    world.remediations.insert("r".into(), remediation);
}

fn granted(world: &mut Snapshot) {
    let budget = Budget::of(IntOrPercent::Int(1));
    let mut pool = Pool::new("web", Selector::default(), budget);
    pool.grants.push(Grant {
        remediation: "gone".into(),
        node_uid: "a-uid".into(),
        node: "a".into(),
        zone: None,
        pool: "web".into(),
        run_uid: "old-uid".into(),
        at: NOW,
    });
    world.pools.insert("web".into(), pool);
}

#[test]
fn what_a_policy_looks_at_is_never_forgotten() {
    let runs = || [of_policy(run("last", 500, 1)), of_policy(run("before", 600, 1))];
    let mut world = world(runs());
    assert_eq!(names(&world), ["before"], "its last run is kept, also when the policy is gone");
    world.policies.insert("p".into(), policy());
    assert_eq!(names(&world), ["before"], "limits look back a day");
    let recurrence = |hours: i64| Some(Recurrence { max_repairs: 2, within: Span(HOUR.0 * hours) });
    world.policies.get_mut("p").unwrap().recurrence = recurrence(601);
    assert!(names(&world).is_empty(), "the recurrence window looks at it");
    world.policies.get_mut("p").unwrap().recurrence = recurrence(600);
    assert_eq!(names(&world), ["before"]);
    world.policies.get_mut("p").unwrap().limits.within = Span(HOUR.0 * 601);
    assert!(names(&world).is_empty(), "the ladder and the limit of attempts look at it");
}
