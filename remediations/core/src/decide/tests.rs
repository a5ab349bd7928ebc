//! A pool in a few lines, and what is decided about it.

mod budget;
mod gates;
mod ladder;
mod matching;
mod plans;
mod policies;
mod rollout;
mod storm;

use std::collections::BTreeMap;

use super::*;
use crate::budget::{Budget, IntOrPercent};
use crate::finding::{CheckResult, CheckState, Severity};
use crate::ids::{NodeName, remediation_name};
use crate::playbook::{Playbook, Risk};
use crate::rollout::Rollout;
use crate::saga::{Journal, Mode, Outcome};
use crate::selector::Selector;
use crate::snapshot::{
    ApprovalFloor, Condition, Fleet, Guard, Hold, HoldScope, Limits, Node, NodeSelection, PROBER,
    PlaybookRef, Policy, PolicyMode, Pool, Remediation, Report, Run, RunPhase, RunRequest,
};
use crate::time::Span;

const NOW: Time = Time(1_000_000_000);

fn node(name: &str, ready: &str) -> Node {
    let condition = Condition { status: ready.into(), since: Some(Time(0)) };
    Node {
        name: name.into(),
        uid: format!("{name}-uid").into(),
        labels: BTreeMap::from([("pool".to_owned(), "web".to_owned())]),
        conditions: BTreeMap::from([("Ready".to_owned(), condition)]),
        architecture: "amd64".into(),
        ..Node::default()
    }
}

fn report(state: CheckState, installed: &str) -> Report {
    let result = CheckResult {
        check: "c".into(),
        state,
        severity: Severity::Error,
        message: "m".into(),
        observed: BTreeMap::new(),
        fingerprint: "f".into(),
        failing_since: Some(Time(0)),
        observed_at: NOW,
    };
    Report {
        results: [(result.check.clone(), result)].into_iter().collect(),
        expires_at: NOW.after(Span::minutes(30)),
        os_id: Some("centos".into()),
        packages: [("systemd".to_owned(), vec![installed.to_owned()])].into_iter().collect(),
        booted_at: None,
    }
}

/// Four nodes of pool `web` with a finding, a budget of two, and a policy.
fn world() -> Snapshot {
    let mut world = Snapshot { guard: Some(Guard { epoch: 1, ..Guard::default() }), ..Snapshot::default() };
    for name in ["a", "b", "c", "d"] {
        let node = node(name, "True");
        let reports = BTreeMap::from([(PROBER.to_owned(), report(CheckState::Fail, "219-62.el7"))]);
        world.reports.insert(node.uid.clone(), reports);
        world.nodes.insert(node.name.clone(), node);
    }
    let budget = Budget::of(IntOrPercent::Int(2));
    let pool =
        Pool { approval: ApprovalFloor::Never, ..Pool::new("web", Selector::label("pool", "web"), budget) };
    world.pools.insert("web".into(), pool);
    let playbook =
        crate::playbook::lint::lint(include_str!("../../../../playbooks/upgrade-systemd/1.0.0.yaml"))
            .unwrap();
    world.playbooks.insert(playbook.object_name(), playbook);
    world.policies.insert("p".into(), policy());
    world
}

fn policy() -> Policy {
    let finding = crate::snapshot::FindingMatch {
        check: "c".into(),
        min_severity: None,
        min_age: Span(0),
        observed: BTreeMap::new(),
        sources: vec![PROBER.to_owned()],
    };
    Policy {
        name: "p".into(),
        mode: PolicyMode::Enforce,
        pools: vec!["web".into()],
        findings: vec![finding],
        conditions: Vec::new(),
        playbook: PlaybookRef { name: "upgrade-systemd".into(), version: "^1".into() },
        escalation: Vec::new(),
        parameters: BTreeMap::from([("targetVersion".to_owned(), "219-78.el7_9.9".to_owned())]),
        priority: 0,
        approval: None,
        rollout: Rollout::default(),
        limits: Limits::default(),
        recurrence: None,
        change_ref: None,
        require_change_ref: false,
        start_within: Span::minutes(60),
        unsupported: Vec::new(),
    }
}

/// The run that the policy makes, created and planned as the planner would.
fn planned(world: &mut Snapshot) -> Run {
    let Some(Decision::CreateRun { name, request, .. }) =
        find(world, |d| matches!(d, Decision::CreateRun { .. }))
    else {
        panic!("no run is made")
    };
    add_run(world, &name, *request);
    let Some(Decision::WritePlan { sealed, .. }) = find(world, |d| matches!(d, Decision::WritePlan { .. }))
    else {
        panic!("no plan is made")
    };
    let run = world.runs.get_mut(&name).unwrap();
    run.status.phase = RunPhase::Planned;
    run.status.plan = Some(crate::snapshot::PlanSummary {
        digest: sealed.digest,
        page_digests: sealed.page_digests,
        nodes: 4,
        batches: 2,
        planned_at: NOW,
    });
    let run = run.clone();
    world.pages.insert(run.uid.clone(), (0..).zip(sealed.pages).collect());
    run
}

fn add_run(world: &mut Snapshot, name: &str, request: RunRequest) {
    let run = Run {
        name: name.into(),
        uid: format!("{name}-uid").into(),
        created: NOW,
        deleting: false,
        finalized: true,
        request,
        status: RunStatus::default(),
    };
    world.runs.insert(name.into(), run);
}

fn find(world: &Snapshot, wanted: fn(&Decision) -> bool) -> Option<Decision> {
    decide(world, NOW).into_iter().find(wanted)
}

fn granted(world: &Snapshot) -> Vec<String> {
    let nodes = decide(world, NOW).into_iter().filter_map(|decision| match decision {
        Decision::Grant { nodes, .. } => Some(nodes),
        _ => None,
    });
    nodes.flatten().map(|(_, node)| node.name.0).collect()
}

/// The reasons for which the run waits.
fn waits(world: &Snapshot, run: &Run) -> Vec<String> {
    let status = status_of(world, run);
    status.map(|status| status.blockers.into_iter().map(|b| b.reason).collect()).unwrap_or_default()
}

fn status_of(world: &Snapshot, run: &Run) -> Option<RunStatus> {
    decide(world, NOW).into_iter().find_map(|decision| match decision {
        Decision::RunStatus { run: name, status } if name == run.name => Some(*status),
        _ => None,
    })
}

/// What a person asks for.
fn by_hand(pool: &str, nodes: NodeSelection, parameters: BTreeMap<String, String>) -> RunRequest {
    RunRequest {
        pool: pool.into(),
        playbook: "upgrade-systemd".into(),
        version: "1.0.0".into(),
        parameters,
        nodes,
        rollout: Rollout::default(),
        requested_by: "ops".into(),
        start_before: NOW.after(Span::minutes(5)),
        change_ref: None,
        plan_only: false,
        operations: Vec::new(),
    }
}

fn remediate(world: &mut Snapshot, run: &Run, node: &str, mode: Mode, outcome: Option<Outcome>) {
    let node_uid = format!("{node}-uid").into();
    let name = remediation_name(&run.uid, &node_uid);
    let journal = Journal { mode, outcome, ..Journal::default() };
    let remediation = Remediation {
        name: name.clone(),
        uid: name.clone(),
        run: run.name.clone(),
        run_uid: run.uid.clone(),
        pool: "web".into(),
        node: node.into(),
        node_uid,
        deleting: false,
        checks: Vec::new(),
        journal: Some(journal),
    };
    world.remediations.insert(name, remediation);
}

#[test]
fn a_finding_makes_a_run_a_plan_and_grants_within_the_budget() {
    let mut world = world();
    let run = planned(&mut world);
    assert_eq!(run.request.requested_by, "policy:p");
    assert_eq!(granted(&world), ["a", "b"]);
}

#[test]
fn a_batch_begins_when_the_one_before_is_over() {
    let mut world = world();
    let run = planned(&mut world);
    remediate(&mut world, &run, "a", Mode::Finished, Some(Outcome::Repaired));
    remediate(&mut world, &run, "b", Mode::Forward, None);
    assert!(granted(&world).is_empty());
    remediate(&mut world, &run, "b", Mode::Finished, Some(Outcome::Repaired));
    assert_eq!(granted(&world), ["c", "d"]);
}

#[test]
fn a_failure_starts_nothing_more() {
    let ends = [(Mode::Finished, Some(Outcome::Failed)), (Mode::Held, None), (Mode::Undoing, None)];
    for (mode, outcome) in ends {
        let mut world = world();
        let run = planned(&mut world);
        remediate(&mut world, &run, "a", mode, outcome);
        remediate(&mut world, &run, "b", Mode::Finished, Some(Outcome::Repaired));
        assert!(granted(&world).is_empty(), "{mode:?}");
    }
}

#[test]
fn an_unavailable_node_elsewhere_takes_its_place_in_the_budget() {
    let mut world = world();
    planned(&mut world);
    world.nodes.insert("e".into(), node("e", "Unknown"));
    assert_eq!(granted(&world), ["a"]);
}

#[test]
fn each_gate_closes_and_says_why() {
    type Change = fn(&mut Snapshot, &str);
    let gates: [(&str, Change); 9] = [
        ("NoRepairGuard", |world, _| world.guard = None),
        ("ApprovalRequired", |world, _| pool(world).approval = ApprovalFloor::FromHighRisk),
        ("NotHonouredYet", |world, _| pool(world).unsupported = vec!["spec.windows".into()]),
        ("NoRepairAccess", |world, _| pool(world).repairable = false),
        ("Hold", |world, _| held(world, HoldScope::Cluster {})),
        ("Hold", |world, _| held(world, HoldScope::Pool { name: "web".into() })),
        ("Hold", |world, run| held(world, HoldScope::Run { name: run.into() })),
        ("Undecodable", |world, _| {
            world.undecodable.insert("hold/x".into(), "bad".into());
        }),
        ("AuditLogFails", |world, _| world.audit_failure = Some("disk full".into())),
    ];
    for (reason, close) in gates {
        let mut world = world();
        let run = planned(&mut world);
        close(&mut world, &run.name);
        assert!(granted(&world).is_empty(), "{reason}");
        assert!(waits(&world, &run).contains(&reason.to_owned()), "{reason}: {:?}", waits(&world, &run));
    }
}

fn pool(world: &mut Snapshot) -> &mut Pool {
    world.pools.get_mut("web").unwrap()
}

fn held(world: &mut Snapshot, scope: HoldScope) {
    let (held_by, reason) = ("ops".to_owned(), "because".to_owned());
    let level = crate::snapshot::HoldLevel::Stop;
    let created = Time(0);
    let hold = Hold { name: "h".into(), scope, held_by, reason, message: None, level, until: None, created };
    world.holds.insert("h".into(), hold);
}

#[test]
fn a_held_node_waits_and_the_others_go_on() {
    let mut world = world();
    planned(&mut world);
    held(&mut world, HoldScope::Node { name: "a".into() });
    assert_eq!(granted(&world), ["b"]);
}

#[test]
fn nodes_that_must_not_be_repaired_are_left_out_of_the_plan() {
    let mut world = world();
    let label = |world: &mut Snapshot, node: &str, key: &str| {
        world.nodes.get_mut(&NodeName::from(node)).unwrap().labels.insert(key.into(), String::new());
    };
    label(&mut world, "a", "node-role.kubernetes.io/control-plane");
    label(&mut world, "b", crate::snapshot::EXCLUDE_LABELS[0]);
    let unknown = BTreeMap::from([(PROBER.to_owned(), report(CheckState::Unknown, "219-62.el7"))]);
    world.reports.insert("c-uid".into(), unknown);
    let other = BTreeMap::from([(PROBER.to_owned(), report(CheckState::Fail, "239-15.el8"))]);
    world.reports.insert("d-uid".into(), other);
    let selection = NodeSelection::Findings { checks: vec!["c".into()] };
    let request = by_hand("web", selection, policy().parameters);
    let draft = crate::plan::build::draft(&Fleet::new(&world), &request, NOW).unwrap();
    let reasons: Vec<_> = draft.considered.iter().map(|c| c.reason).collect();
    assert_eq!(reasons, ["ControlPlane", "Excluded", "NoFinding", "OtherDistribution"]);
    assert!(draft.nodes.is_empty());
    add_run(&mut world, "by-hand", request);
    let Some(Decision::RunStatus { status, .. }) = find(&world, |d| matches!(d, Decision::RunStatus { .. }))
    else {
        panic!()
    };
    assert_eq!(status.phase, RunPhase::Succeeded, "an empty selection acts on nothing");
}

#[test]
fn a_run_that_is_seen_too_late_is_expired() {
    let mut world = world();
    let run = planned(&mut world);
    world.runs.clear();
    add_run(&mut world, "late", RunRequest { start_before: Time(1), ..run.request });
    let Some(Decision::RunStatus { status, .. }) = find(&world, |d| matches!(d, Decision::RunStatus { .. }))
    else {
        panic!()
    };
    assert_eq!(status.phase, RunPhase::Expired);
}

#[test]
fn a_node_of_two_pools_is_in_no_plan() {
    let mut world = world();
    let second = Pool { name: "all".into(), ..world.pools["web"].clone() };
    world.pools.insert("all".into(), second);
    assert!(find(&world, |d| matches!(d, Decision::CreateRun { .. })).is_none());
}

#[test]
fn observe_makes_no_run_and_a_policy_cools_down() {
    let mut observing = world();
    observing.policies.get_mut("p").unwrap().mode = PolicyMode::Observe;
    assert!(find(&observing, |d| matches!(d, Decision::CreateRun { .. })).is_none());
    let mut world = world();
    let run = planned(&mut world);
    let status = &mut world.runs.get_mut(&run.name).unwrap().status;
    (status.phase, status.finished_at) = (RunPhase::Failed, Some(NOW));
    assert!(find(&world, |d| matches!(d, Decision::CreateRun { .. })).is_none());
    let later = NOW.after(Span::minutes(11));
    assert!(
        decide(&world, later)
            .iter()
            .any(|d| matches!(d, Decision::CreateRun { name, .. } if *name != run.name))
    );
}

#[test]
fn only_grants_of_repairs_that_are_over_or_unknown_are_swept() {
    let mut world = world();
    let run = planned(&mut world);
    let grant = |node: &str| Grant {
        zone: None,
        remediation: remediation_name(&run.uid, &format!("{node}-uid").into()),
        node_uid: format!("{node}-uid").into(),
        node: node.into(),
        pool: "web".into(),
        run_uid: run.uid.clone(),
        at: NOW,
    };
    remediate(&mut world, &run, "a", Mode::Finished, Some(Outcome::Repaired));
    remediate(&mut world, &run, "b", Mode::Held, None);
    remediate(&mut world, &run, "c", Mode::Forward, None);
    world.guard.as_mut().unwrap().grants = ["a", "b", "c", "d"].map(grant).into();
    let Some(Decision::Release { grants }) = find(&world, |d| matches!(d, Decision::Release { .. })) else {
        panic!()
    };
    let mut nodes: Vec<_> = grants.into_iter().map(|grant| grant.node).collect();
    nodes.sort();
    assert_eq!(nodes, ["a", "d"]);
}

#[test]
fn the_plan_digest_covers_what_is_done() {
    let mut first = world();
    let run = planned(&mut first);
    let digest = |change: fn(&mut Playbook)| {
        let mut world = world();
        change(world.playbooks.values_mut().next().unwrap());
        add_run(&mut world, &run.name, run.request.clone());
        match find(&world, |d| matches!(d, Decision::WritePlan { .. })) {
            Some(Decision::WritePlan { sealed, .. }) => sealed.digest,
            _ => panic!(),
        }
    };
    assert_eq!(digest(|_| {}), run.status.plan.clone().unwrap().digest);
    assert_ne!(digest(|playbook| playbook.risk = Risk::Low), run.status.plan.clone().unwrap().digest);
}

#[test]
fn a_condition_counts_if_it_has_stood_and_our_own_check_confirms_it() {
    let stands = |minutes| crate::snapshot::ConditionMatch {
        kind: "Ready".into(),
        status: vec!["False".into(), "Unknown".into()],
        stands: Span::minutes(minutes),
        confirm_by: "c".into(),
    };
    let matches = |world: &Snapshot, node: &str, wanted| {
        let policy = Policy { findings: Vec::new(), conditions: vec![wanted], ..policy() };
        crate::matching::match_policy(world, &policy, &world.nodes[&NodeName::from(node)], NOW).matched()
    };
    let mut world = world();
    world.nodes.insert("a".into(), node("a", "Unknown"));
    assert!(matches(&world, "a", stands(5)));
    assert!(!matches(&world, "b", stands(5)), "Ready is True");
    assert!(!matches(&world, "a", stands(60 * 24 * 365)), "has not stood for so long");
    let passing = BTreeMap::from([(PROBER.to_owned(), report(CheckState::Pass, "219-78.el7_9.9"))]);
    world.reports.insert("a-uid".into(), passing);
    assert!(!matches(&world, "a", stands(5)), "a condition that our check does not confirm");
    world.reports.remove(&"a-uid".into());
    assert!(!matches(&world, "a", stands(5)), "not observed is not confirmed");
}

#[test]
fn a_report_that_has_expired_matches_nothing() {
    let mut world = world();
    for report in world.reports.values_mut().flat_map(BTreeMap::values_mut) {
        report.expires_at = Time(1);
    }
    assert!(find(&world, |d| matches!(d, Decision::CreateRun { .. })).is_none());
}

#[test]
fn with_batches_of_one_a_held_node_does_not_keep_the_others_waiting() {
    let mut world = world();
    world.policies.get_mut("p").unwrap().rollout.batches = vec![IntOrPercent::Int(1)];
    let run = planned(&mut world);
    held(&mut world, HoldScope::Node { name: "a".into() });
    let status = decide(&world, NOW).into_iter().find_map(|decision| match decision {
        Decision::RunStatus { status, .. } => Some(*status),
        _ => None,
    });
    assert_eq!(status.unwrap().batch, 1);
    assert_eq!(granted(&world), ["b"]);
    assert!(waits(&world, &run).contains(&"Hold".to_owned()));
    world.holds.clear();
    assert_eq!(granted(&world), ["a"], "its batch comes back");
}

#[test]
fn a_node_that_waits_for_a_hold_to_be_lifted_has_not_failed() {
    let mut world = world();
    let run = planned(&mut world);
    remediate(&mut world, &run, "a", Mode::Held, None);
    world.remediations.values_mut().for_each(|r| {
        r.journal.as_mut().unwrap().reason = Some(crate::saga::STOPPED.to_owned());
    });
    assert!(!waits(&world, &run).contains(&"TooManyFailures".to_owned()));
}

#[test]
fn deleting_a_remediation_makes_nobody_forget_what_became_of_its_node() {
    for (mode, outcome) in [
        (Mode::Held, None),
        (Mode::Finished, Some(Outcome::Failed)),
        (Mode::Finished, Some(Outcome::Repaired)),
        (Mode::Finished, Some(Outcome::Skipped)),
    ] {
        let mut world = world();
        let run = planned(&mut world);
        remediate(&mut world, &run, "a", mode, outcome);
        write_run_status(&mut world, &run);
        world.remediations.clear();
        assert!(!granted(&world).contains(&"a".to_owned()), "{mode:?} {outcome:?}: started a second time");
        if matches!(mode, Mode::Held) || outcome == Some(Outcome::Failed) {
            assert!(granted(&world).is_empty(), "{mode:?} {outcome:?}: a reached limit starts nothing more");
        }
    }
}

/// What the planner does with a decision about a run's status.
fn write_run_status(world: &mut Snapshot, run: &Run) {
    let written = decide(world, NOW).into_iter().find_map(|decision| match decision {
        Decision::RunStatus { run: name, status } if name == run.name => Some(*status),
        _ => None,
    });
    if let Some(status) = written {
        world.runs.get_mut(&run.name).unwrap().status = status;
    }
}
