//! When a policy makes a run, which one, and why it does not.

use super::*;
use crate::rollout::Rollout;

fn request_of(world: &Snapshot) -> Option<(String, RunRequest)> {
    match find(world, |d| matches!(d, Decision::CreateRun { .. }))? {
        Decision::CreateRun { name, request, .. } => Some((name, *request)),
        _ => None,
    }
}

fn reasons(world: &Snapshot) -> Vec<String> {
    let status = find(world, |d| matches!(d, Decision::PolicyStatus { .. }));
    let Some(Decision::PolicyStatus { status, .. }) = status else { return Vec::new() };
    status.blockers.into_iter().map(|blocker| blocker.reason).collect()
}

fn the_policy(world: &mut Snapshot) -> &mut Policy {
    world.policies.get_mut("p").unwrap()
}

/// Copies of the playbook under further versions.
fn versions(world: &mut Snapshot, versions: &[&str]) {
    let known = world.playbooks.values().next().unwrap().clone();
    for version in versions {
        let playbook = Playbook { version: (*version).into(), ..known.clone() };
        world.playbooks.insert(playbook.object_name(), playbook);
    }
}

#[test]
fn the_newest_version_that_is_allowed_is_taken() {
    let mut world = world();
    versions(&mut world, &["1.2.0", "1.10.0", "2.0.0", "1.11.0-rc.1"]);
    assert_eq!(request_of(&world).unwrap().1.version, "1.10.0");
    the_policy(&mut world).playbook.version = "~1.2".into();
    assert_eq!(request_of(&world).unwrap().1.version, "1.2.0");
    for requirement in ["^3", "newest"] {
        the_policy(&mut world).playbook.version = requirement.into();
        assert!(request_of(&world).is_none());
        assert_eq!(reasons(&world), ["PlaybookNotFound"], "{requirement}");
    }
}

#[test]
fn a_run_carries_what_the_policy_says() {
    let mut world = world();
    let rollout = Rollout {
        batches: vec![IntOrPercent::Int(1)],
        max_failures: IntOrPercent::Int(2),
        ..Rollout::default()
    };
    the_policy(&mut world).rollout = rollout.clone();
    let (_, request) = request_of(&world).unwrap();
    assert_eq!((request.rollout, request.plan_only), (rollout, false));
    assert_eq!(request.start_before, NOW.after(Span::minutes(60)), "startWithin");
    the_policy(&mut world).mode = PolicyMode::Plan;
    assert!(request_of(&world).unwrap().1.plan_only);
}

#[test]
fn the_same_decision_makes_the_same_name_and_the_next_run_another() {
    let mut world = world();
    let first = request_of(&world).unwrap().0;
    assert_eq!(request_of(&world).unwrap().0, first);
    let run = planned(&mut world);
    assert_eq!(run.name, first);
    assert!(request_of(&world).is_none(), "one run of a policy in a pool at a time");
    let status = &mut world.runs.get_mut(&first).unwrap().status;
    (status.phase, status.finished_at) = (RunPhase::Succeeded, Some(NOW.before(Span::minutes(11))));
    assert_ne!(request_of(&world).unwrap().0, first);
}

#[test]
fn a_name_that_is_cut_at_a_dot_stays_a_name() {
    let mut world = world();
    let name = format!("{}.{}", "a".repeat(199), "b".repeat(40));
    let policy = Policy { name: name.clone(), ..the_policy(&mut world).clone() };
    world.policies = BTreeMap::from([(name, policy)]);
    let (run, _) = request_of(&world).unwrap();
    assert!(run.len() < 253 && run.starts_with(&format!("{}-", "a".repeat(199))), "{run}");
}

#[test]
fn a_policy_says_why_it_makes_no_run() {
    let mut missing = world();
    the_policy(&mut missing).pools = vec!["nowhere".into()];
    assert_eq!(reasons(&missing), ["PoolNotFound"]);
    let mut unset = world();
    the_policy(&mut unset).parameters.clear();
    assert_eq!(reasons(&unset), ["CannotPlan"]);
    for (phase, reason) in [(RunPhase::Failed, "CoolDown"), (RunPhase::Aborted, "LastRunAborted")] {
        let mut world = world();
        let run = planned(&mut world);
        let status = &mut world.runs.get_mut(&run.name).unwrap().status;
        (status.phase, status.finished_at) = (phase, Some(NOW));
        assert_eq!(reasons(&world), [reason]);
    }
}

#[test]
fn a_run_that_a_person_aborted_is_not_repeated() {
    let mut world = world();
    let run = planned(&mut world);
    let status = &mut world.runs.get_mut(&run.name).unwrap().status;
    (status.phase, status.finished_at) = (RunPhase::Aborted, Some(NOW.before(Span::minutes(600))));
    assert!(request_of(&world).is_none());
    world.runs.clear();
    assert!(request_of(&world).is_some(), "deleting it lets the policy go on");
}

#[test]
fn nodes_that_can_be_in_no_plan_make_no_run() {
    let mut world = world();
    for node in world.nodes.values_mut() {
        node.labels.insert(crate::snapshot::EXCLUDE_LABELS[0].into(), String::new());
    }
    assert!(request_of(&world).is_none());
}

#[test]
fn what_the_policy_found_is_written_once() {
    let mut world = world();
    let Some(Decision::PolicyStatus { status, .. }) =
        find(&world, |d| matches!(d, Decision::PolicyStatus { .. }))
    else {
        panic!("no status")
    };
    assert_eq!(status.matched, 4);
    world.policy_status.insert("p".into(), *status);
    assert!(find(&world, |d| matches!(d, Decision::PolicyStatus { .. })).is_none());
}
