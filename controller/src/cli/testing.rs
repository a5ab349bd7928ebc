//! A small world that the tests of this module look at: a pool of three nodes, of which one is repaired, one is held
//! and one waits, and a node in no pool.

use std::collections::BTreeMap;

use nodemend_core::blocker::Blocker;
use nodemend_core::finding::{CheckResult, CheckState, Severity};
use nodemend_core::ids::{Digest, remediation_name};
use nodemend_core::plan::{Page, PlannedNode};
use nodemend_core::playbook::builtin;
use nodemend_core::playbook::lint::lint;
use nodemend_core::saga::{Journal, Mode, Outcome, StepState};
use nodemend_core::snapshot::{
    Condition, Guard, Hold, HoldLevel, HoldScope, Node, PROBER, PlaybookRef, Policy, Pool, Remediation,
    Report, Run, RunPhase, RunStatus, Snapshot,
};
use nodemend_core::time::{Span, Time};
use serde_json::{Value, from_value, json};

/// The time of the world.
pub(super) const NOW: Time = Time(1_000_000_000);
/// The nodes of the pool.
const NODES: [&str; 3] = ["web-1", "web-2", "web-3"];

/// A point in time some minutes ago.
pub(super) fn ago(minutes: i64) -> Time {
    NOW.before(Span::minutes(minutes))
}

/// Everything: pool `web`, policy `old-systemd`, run `old-1`, two Holds, the built-in playbooks, a guard.
pub(super) fn world() -> Snapshot {
    let mut world = Snapshot { guard: Some(Guard::default()), ..Snapshot::default() };
    for playbook in builtin::ALL.iter().map(|builtin| lint(builtin.text).unwrap()) {
        world.playbooks.insert(playbook.object_name(), playbook);
    }
    world.pools.insert("web".into(), pool());
    world.policies.insert("old-systemd".into(), policy());
    for name in NODES.into_iter().chain(["alone"]) {
        let node = node(name);
        if name != "alone" {
            let state = if name == "web-1" { CheckState::Pass } else { CheckState::Fail };
            world.reports.insert(node.uid.clone(), BTreeMap::from([(PROBER.to_owned(), report(state))]));
        }
        world.nodes.insert(name.into(), node);
    }
    world.holds.insert(
        "pool-web-1".into(),
        hold("pool-web-1", HoldScope::Pool { name: "web".into() }, "ann", "freeze"),
    );
    world.holds.insert(
        "node-web-2".into(),
        hold("node-web-2", HoldScope::Node { name: "web-2".into() }, "bob", "disk"),
    );
    add_run(&mut world);
    world
}

/// The same without the run, its repairs and the Holds: nothing has begun, and nothing stands in the way.
pub(super) fn quiet() -> Snapshot {
    Snapshot {
        runs: BTreeMap::new(),
        pages: BTreeMap::new(),
        remediations: BTreeMap::new(),
        holds: BTreeMap::new(),
        ..world()
    }
}

fn pool() -> Pool {
    Pool {
        approval: nodemend_core::snapshot::ApprovalFloor::Never,
        ..Pool::new("web", read(json!({"matchLabels": {"pool": "web"}})), read(json!({"maxUnavailable": 1})))
    }
}

fn policy() -> Policy {
    Policy {
        name: "old-systemd".into(),
        mode: nodemend_core::snapshot::PolicyMode::Enforce,
        pools: vec!["web".into()],
        findings: vec![read(json!({"check": "insp.version.systemd"}))],
        conditions: Vec::new(),
        playbook: PlaybookRef { name: "upgrade-systemd".into(), version: "^1.0".into() },
        escalation: Vec::new(),
        recurrence: None,
        change_ref: None,
        require_change_ref: false,
        parameters: BTreeMap::from([("targetVersion".into(), "219-78.el7_9.9".into())]),
        priority: 0,
        approval: None,
        rollout: nodemend_core::rollout::Rollout::default(),
        limits: nodemend_core::snapshot::Limits::default(),
        start_within: Span::minutes(60),
        unsupported: Vec::new(),
    }
}

fn node(name: &str) -> Node {
    let label = if name == "alone" { "none" } else { "web" };
    Node {
        name: name.into(),
        uid: format!("uid-{name}").as_str().into(),
        labels: BTreeMap::from([("pool".into(), label.into())]),
        unschedulable: name == "web-2",
        conditions: BTreeMap::from([(
            "Ready".into(),
            Condition { status: "True".into(), since: Some(ago(90)) },
        )]),
        architecture: "amd64".into(),
        ..Node::default()
    }
}

fn report(state: CheckState) -> Report {
    let message = match state {
        CheckState::Fail => "systemd 219-62.el7 is affected",
        _ => "systemd 219-78.el7_9.9 is installed and runs",
    };
    let result = CheckResult {
        check: "insp.version.systemd".into(),
        state,
        severity: Severity::Error,
        message: message.into(),
        observed: BTreeMap::new(),
        fingerprint: Digest::of(b"f"),
        failing_since: (state == CheckState::Fail).then(|| ago(30)),
        observed_at: ago(1),
    };
    Report {
        results: [(result.check.clone(), result)].into_iter().collect(),
        expires_at: NOW.after(Span::minutes(20)),
        os_id: Some("centos".into()),
        ..Report::default()
    }
}

fn hold(name: &str, scope: HoldScope, by: &str, reason: &str) -> Hold {
    Hold {
        name: name.into(),
        scope,
        held_by: by.to_owned(),
        reason: reason.into(),
        message: None,
        level: HoldLevel::Stop,
        until: None,
        created: ago(2),
    }
}

/// A run of all three nodes: `web-1` is repaired, `web-2` is held, `web-3` waits.
fn add_run(world: &mut Snapshot) {
    let request = json!({
        "pool": "web", "playbook": "upgrade-systemd", "version": "1.0.0", "requestedBy": "policy:old-systemd",
        "startBefore": "2026-01-31T22:00:00Z", "nodes": {"policy": {"name": "old-systemd"}},
        "parameters": {"targetVersion": "219-78.el7_9.9"},
    });
    let plan = json!({
        "digest": "sha256:0123456789abcdef", "pageDigests": ["sha256:a", "sha256:b"], "nodes": 3, "batches": 3,
        "plannedAt": "1970-01-12T13:30:00Z",
    });
    let status = RunStatus {
        phase: RunPhase::Stopped,
        plan: Some(read(plan)),
        batch: 1,
        message: Some("nothing more starts: web-2: step install failed".into()),
        started_at: Some(ago(10)),
        blockers: vec![
            Blocker::new("TooManyFailures", "repairrun/old-1", "1 of at most 0 nodes failed").since(ago(3)),
        ],
        ..RunStatus::default()
    };
    let run = Run {
        name: "old-1".into(),
        uid: "run-uid".into(),
        created: ago(11),
        deleting: false,
        finalized: true,
        request: read(request),
        status,
    };
    add_pages(world, &run);
    for (node, journal) in [("web-1", repaired()), ("web-2", held())] {
        let repair = remediation(&run, node, journal);
        world.remediations.insert(repair.name.clone(), repair);
    }
    world.runs.insert(run.name.clone(), run);
}

fn add_pages(world: &mut Snapshot, run: &Run) {
    let nodes = (0..).zip(NODES).map(|(batch, name)| PlannedNode {
        name: name.into(),
        uid: format!("uid-{name}").as_str().into(),
        provider_id: None,
        evidence: Vec::new(),
        batch,
    });
    let header = json!({
        "formatVersion": 1, "playbook": world.playbooks["upgrade-systemd-1.0.0"], "playbookDigest": "sha256:a",
        "parameters": {}, "steps": [], "rollout": {},
    });
    let pages = [
        (0, Page { header: Some(read(header)), nodes: Vec::new() }),
        (1, Page { header: None, nodes: nodes.collect() }),
    ];
    world.pages.insert(run.uid.clone(), BTreeMap::from(pages));
}

fn remediation(run: &Run, node: &str, journal: Journal) -> Remediation {
    let node_uid = format!("uid-{node}").as_str().into();
    Remediation {
        name: remediation_name(&run.uid, &node_uid),
        uid: format!("r-{node}"),
        run: run.name.clone(),
        run_uid: run.uid.clone(),
        pool: "web".into(),
        node: node.into(),
        node_uid,
        deleting: false,
        checks: Vec::new(),
        journal: Some(journal),
    }
}

fn repaired() -> Journal {
    Journal {
        mode: Mode::Finished,
        outcome: Some(Outcome::Repaired),
        message: Some("repaired, and proven by the check that found the fault".into()),
        started_at: Some(ago(10)),
        finished_at: Some(ago(8)),
        ..Journal::default()
    }
}

fn held() -> Journal {
    let step = json!({"name": "install", "phase": "Repair", "state": "Started"});
    let mut step: nodemend_core::saga::StepRecord = read(step);
    step.started_at = Some(ago(5));
    step.state = StepState::Failed;
    step.message = Some("exit status 1: no space left on device".into());
    Journal {
        mode: Mode::Held,
        reason: Some("CommandFailed".into()),
        message: Some("step install failed: exit status 1: no space left on device".into()),
        steps: vec![step],
        blockers: vec![Blocker::new("CommandFailed", "node/web-2", "look at the node").since(ago(4))],
        started_at: Some(ago(7)),
        ..Journal::default()
    }
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
    from_value(value).unwrap()
}
