//! The answer for one node, in small worlds.

use std::collections::BTreeMap;

use nodemend_core::plan::{Page, PlannedNode};
use nodemend_core::saga::{Journal, Mode, Outcome};
use nodemend_core::snapshot::{ApprovalFloor, Pool, Remediation, RunPhase, RunStatus};
use serde_json::{from_value, json};

use super::*;

fn node() -> Node {
    let labels = BTreeMap::from([("pool".to_owned(), "web".to_owned())]);
    Node { name: "n1".into(), uid: "u1".into(), labels, ..Node::default() }
}

fn pool() -> Pool {
    Pool {
        approval: ApprovalFloor::Never,
        ..Pool::new(
            "web",
            from_value(json!({"matchLabels": {"pool": "web"}})).unwrap(),
            from_value(json!({"maxUnavailable": 1})).unwrap(),
        )
    }
}

/// A snapshot with `n1` in one pool and in the plans of two open runs, the first of which only plans.
fn world() -> Snapshot {
    let mut snapshot = Snapshot::default();
    snapshot.pools.insert("web".into(), pool());
    snapshot.nodes.insert("n1".into(), node());
    for (name, plan_only) in [("a-plan", true), ("repair", false)] {
        let request = json!({
            "pool": "web", "playbook": "p", "version": "1.0.0", "requestedBy": "ann", "planOnly": plan_only,
            "startBefore": "2026-01-31T22:00:00Z", "nodes": {"named": {"names": ["n1"]}},
        });
        let plan = json!({
            "digest": "sha256:d", "pageDigests": ["sha256:a", "sha256:b"], "nodes": 1, "batches": 1,
            "plannedAt": "2026-01-31T21:00:00Z",
        });
        let header = json!({
            "formatVersion": 1, "playbookDigest": "sha256:a", "parameters": {}, "steps": [], "rollout": {},
            "playbook": {"name": "p", "version": "1.0.0", "summary": "s", "risk": "Low", "steps": []},
        });
        let planned = PlannedNode {
            name: "n1".into(),
            uid: "u1".into(),
            provider_id: None,
            evidence: Vec::new(),
            batch: 0,
        };
        let pages = BTreeMap::from([
            (0, Page { header: from_value(header).unwrap(), nodes: Vec::new() }),
            (1, Page { header: None, nodes: vec![planned] }),
        ]);
        snapshot.pages.insert(name.into(), pages);
        let status =
            RunStatus { phase: RunPhase::Running, plan: from_value(plan).unwrap(), ..RunStatus::default() };
        let run = Run {
            name: name.into(),
            uid: name.into(),
            created: Time(0),
            deleting: false,
            finalized: true,
            request: from_value(request).unwrap(),
            status,
        };
        snapshot.runs.insert(name.into(), run);
    }
    snapshot
}

#[test]
fn a_run_that_repairs_is_named_before_one_that_only_plans() {
    assert_eq!(
        of(&world(), &node(), Time(0)).text,
        "waits for its turn in run repair (Running): batch 1 of 1, now at 1"
    );
}

#[test]
fn a_node_that_its_run_is_done_with_does_not_wait_in_it() {
    let mut snapshot = world();
    let journal = Journal { mode: Mode::Finished, outcome: Some(Outcome::Repaired), ..Journal::default() };
    let remediation = Remediation {
        name: remediation_name(&"repair".into(), &"u1".into()),
        uid: "x".into(),
        run: "repair".into(),
        run_uid: "repair".into(),
        pool: "web".into(),
        node: "n1".into(),
        node_uid: "u1".into(),
        deleting: false,
        checks: Vec::new(),
        journal: Some(journal),
    };
    snapshot.remediations.insert(remediation.name.clone(), remediation);
    assert_eq!(
        of(&snapshot, &node(), Time(0)).text,
        "waits for its turn in run a-plan (Running): batch 1 of 1, now at 1"
    );
    snapshot.runs.remove("a-plan");
    let text = of(&snapshot, &node(), Time(0)).text;
    assert!(text.starts_with("not repaired: nothing is known of it"), "{text}");
}

#[test]
fn a_node_without_a_pool_or_with_two_is_told_so() {
    let mut snapshot = world();
    snapshot.pools.insert("api".into(), Pool { name: "api".into(), ..pool() });
    let text = of(&snapshot, &node(), Time(0)).text;
    assert_eq!(text, "not repaired: selected by more than one RepairPool (api, web); change a nodeSelector");
    snapshot.pools.clear();
    assert_eq!(of(&snapshot, &node(), Time(0)).text, "not repaired: no RepairPool selects it");
}

#[test]
fn what_nobody_can_tell_is_not_taken_for_healthy() {
    use crate::cli::testing::{NOW, quiet};
    let mut world = quiet();
    world.policies.clear();
    let text = |world: &Snapshot| of(world, &world.nodes[&"web-1".into()], NOW).text;
    assert_eq!(text(&world), "not repaired: no check fails");
    let report = world.reports.get_mut(&"uid-web-1".into()).unwrap().get_mut("prober").unwrap();
    report.results.values_mut().for_each(|result| result.state = CheckState::Unknown);
    assert!(text(&world).ends_with("nobody can tell insp.version.systemd"), "{}", text(&world));
    world.reports.clear();
    assert!(text(&world).contains("nothing is known of it"));
}
