//! What stops which run, and what does not.

use super::*;
use crate::snapshot::{Behind, Operation, Resolution, Verb};

/// The reasons for which the run that the policy made waits, after `change`.
fn closed_by(change: impl FnOnce(&mut Snapshot, &Run)) -> Vec<String> {
    let mut world = world();
    let run = planned(&mut world);
    change(&mut world, &run);
    let reasons = waits(&world, &run);
    assert_eq!(granted(&world).is_empty(), !reasons.is_empty(), "{reasons:?}");
    reasons
}

fn hold_over(scope: HoldScope) -> Vec<String> {
    closed_by(|world, _| held(world, scope))
}

#[test]
fn a_hold_stops_what_it_is_about_and_nothing_else() {
    let named = |name: &str| name.to_owned();
    let playbook = |name: &str, pool: &str| HoldScope::Playbook { name: named(name), pool: named(pool) };
    let stops = [HoldScope::Policy { name: named("p") }, playbook("upgrade-systemd", "web")];
    for scope in stops {
        assert_eq!(hold_over(scope.clone()), ["Hold"], "{scope:?}");
    }
    let others = [
        HoldScope::Pool { name: named("db") },
        HoldScope::Policy { name: named("other") },
        HoldScope::Run { name: named("other") },
        playbook("upgrade-systemd", "db"),
        playbook("drain-and-reboot", "web"),
    ];
    for scope in others {
        assert!(hold_over(scope.clone()).is_empty(), "{scope:?}");
    }
}

#[test]
fn a_host_that_knows_more_than_the_cluster_closes_every_gate() {
    let behind = Behind { node: "elsewhere".into(), epoch: 9, since: NOW };
    let close = |world: &mut Snapshot, _: &Run| world.guard.as_mut().unwrap().behind = Some(behind.clone());
    assert_eq!(closed_by(close), ["EpochBehind"]);
    let mut world = world();
    let run = planned(&mut world);
    let (_, nodes) = plan_of(&world, &run).unwrap();
    let nodes: Vec<_> = nodes.into_iter().map(|(page, node)| (page, node.clone())).collect();
    assert!(!allowed(&world, &run, nodes.clone(), NOW).is_empty());
    close(&mut world, &run);
    assert!(allowed(&world, &run, nodes, NOW).is_empty(), "nor by live reads");
}

#[test]
fn a_hold_ends_at_its_time() {
    for (until, waiting) in [(NOW, false), (NOW.after(Span(1)), true)] {
        let reasons = closed_by(|world, _| {
            held(world, HoldScope::Cluster {});
            world.holds.get_mut("h").unwrap().until = Some(until);
        });
        assert_eq!(!reasons.is_empty(), waiting, "{reasons:?}");
    }
}

#[test]
fn a_field_that_is_not_honoured_stops_the_run_wherever_it_is_set() {
    type Change = fn(&mut Snapshot, &Run);
    let fields: [Change; 3] = [
        |world, _| world.guard.as_mut().unwrap().unsupported = vec!["spec.later".into()],
        |world, _| pool(world).unsupported = vec!["spec.later".into()],
        |world, _| world.policies.get_mut("p").unwrap().unsupported = vec!["spec.later".into()],
    ];
    for (index, field) in fields.into_iter().enumerate() {
        assert_eq!(closed_by(field), ["NotHonouredYet"], "field {index}");
    }
}

#[test]
fn every_floor_but_never_waits_on_pool_and_policy() {
    let floors = [ApprovalFloor::Always, ApprovalFloor::FromMediumRisk, ApprovalFloor::FromHighRisk];
    for floor in floors {
        assert_eq!(closed_by(|world, _| pool(world).approval = floor), ["ApprovalRequired"]);
        let of_policy = closed_by(|world, _| world.policies.get_mut("p").unwrap().approval = Some(floor));
        assert_eq!(of_policy, ["ApprovalRequired"], "a policy may ask for more");
    }
}

#[test]
fn a_policy_cannot_ask_for_less_than_its_pool() {
    let reasons = closed_by(|world, _| {
        pool(world).approval = ApprovalFloor::Always;
        world.policies.get_mut("p").unwrap().approval = Some(ApprovalFloor::Never);
    });
    assert_eq!(reasons, ["ApprovalRequired"]);
}

#[test]
fn what_cannot_be_decoded_stops_the_runs_that_it_may_be_about() {
    let stops = ["hold/x", "repairguard/cluster", "remediation/r-1", "repairpool/web", "repairpolicy/p"];
    for object in stops {
        let reasons = closed_by(|world, _| {
            world.undecodable.insert(object.into(), "bad".into());
        });
        assert_eq!(reasons, ["Undecodable"], "{object}");
    }
    for object in ["repairpool/db", "repairpolicy/other", "playbook/x", "diagnosisreport/x"] {
        let reasons = closed_by(|world, _| {
            world.undecodable.insert(object.into(), "bad".into());
        });
        assert!(reasons.is_empty(), "{object}: {reasons:?}");
    }
}

#[test]
fn a_repair_that_cannot_be_read_may_be_under_way() {
    let mut world = world();
    let run = planned(&mut world);
    let name = remediation_name(&run.uid, &"a-uid".into());
    world.undecodable.insert(format!("remediation/{name}"), "bad".into());
    let grant = Grant {
        zone: None,
        remediation: name,
        node_uid: "a-uid".into(),
        node: "a".into(),
        pool: "web".into(),
        run_uid: run.uid.clone(),
        at: NOW,
    };
    pool(&mut world).grants = vec![grant];
    assert!(find(&world, |d| matches!(d, Decision::Release { .. })).is_none(), "its grant is kept");
    world.runs.get_mut(&run.name).unwrap().deleting = true;
    let status = status_of(&world, &run).unwrap();
    assert_eq!((status.counts.in_flight, status.phase.is_over()), (1, false));
}

fn ask(world: &mut Snapshot, run: &Run, verb: Verb, target: Option<NodeName>) {
    let (id, reason, by) = ("1".to_owned(), "because".to_owned(), "ops".to_owned());
    let operation = Operation { id, verb, target, step: None, outcome: None, reason, by };
    world.runs.get_mut(&run.name).unwrap().request.operations.push(operation);
}

#[test]
fn an_abort_ends_a_run_and_other_operations_stop_it() {
    let mut world = world();
    let run = planned(&mut world);
    ask(&mut world, &run, Verb::Abort, None);
    assert!(granted(&world).is_empty());
    assert_eq!(status_of(&world, &run).unwrap().phase, RunPhase::Aborted);
    for (verb, target) in [
        (Verb::Resume, None),
        (Verb::Rollback, None),
        (Verb::Resolve, None),
        (Verb::Retry, Some("a".into())),
        (Verb::Abort, Some("a".into())),
    ] {
        let reasons = closed_by(|world, run| ask(world, run, verb, target.clone()));
        assert_eq!(reasons, ["NotHonouredYet"], "{verb:?} {target:?}");
    }
}

#[test]
fn what_a_person_says_of_a_step_stops_nothing() {
    let mut world = world();
    let run = planned(&mut world);
    ask(&mut world, &run, Verb::Resolve, Some("a".into()));
    assert!(granted(&world).is_empty(), "it does not say of which step what");
    let operation = &mut world.runs.get_mut(&run.name).unwrap().request.operations[0];
    (operation.step, operation.outcome) = (Some("install".into()), Some(Resolution::Succeeded));
    assert_eq!(granted(&world), ["a", "b"]);
}

#[test]
fn a_plan_that_was_asked_for_alone_starts_nothing() {
    let reasons = closed_by(|world, run| world.runs.get_mut(&run.name).unwrap().request.plan_only = true);
    assert_eq!(reasons, ["PlanOnly"]);
}
