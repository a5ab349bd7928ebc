//! Cordons of ours whose repair is gone: lifted where they certainly hide nothing, told to people otherwise.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::time::Duration;

use jiff::Timestamp;
use nodemend_bed::HostSpec;
use nodemend_e2e::Stage;
use nodemend_e2e::objects::{self, PoolSpec};
use nodemend_e2e::proof::NodeState;
use nodemend_e2e::witness::Witness;
use serde_json::{Value, json};

/// Orphans are left alone for ten seconds, and looked at every ten.
const SOON: Duration = Duration::from_secs(45);

/// A cordoned node with the mark of a repair that nobody has heard of.
fn orphan(name: &str, more: &Value) -> Value {
    let mut mark = json!({
        "remediation": format!("r-{name}"), "run": "gone", "runUid": "gone",
        "since": "2026-01-31T22:00:00Z", "wasUnschedulable": false,
    });
    for (key, value) in more.as_object().unwrap() {
        mark[key] = value.clone();
    }
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {
            "name": name, "labels": {"nodemend.test/pool": "orphans"},
            "annotations": {"nodemend.dev/cordon": mark.to_string(), "nodemend.dev/message": "m"},
        },
        "spec": {"unschedulable": true},
    })
}

#[test]
fn a_cordon_whose_repair_is_gone_is_lifted_only_where_it_hides_nothing() {
    // The nodes are only objects; the host is what the login is made for.
    let host = HostSpec::new("orphan").without_kubelet();
    let stage = Stage::start("orphans", vec![host]).unwrap();
    stage.apply([objects::guard(), objects::pool(PoolSpec::new("orphans"), stage.login())]).unwrap();
    let unreadable = json!({"remediation": 7});
    stage
        .apply([
            orphan("harmless", &json!({"changesHost": false})),
            orphan("before", &json!({"changesHost": false, "wasUnschedulable": true})),
            orphan("changed", &json!({"changesHost": true})),
            orphan("silent", &json!({})),
            orphan("unreadable", &unreadable),
        ])
        .unwrap();
    let start = Timestamp::now();
    stage.start_controller().unwrap();

    let seen = |node: &str| NodeState::of(&stage, node).unwrap();
    let lifted = || Ok((seen("harmless") == NodeState::default()).then_some(()));
    stage.eventually("a lifted cordon", SOON, lifted).unwrap();
    let without_marks = NodeState { cordoned: true, annotations: Vec::new() };
    let marks_gone = || Ok((seen("before") == without_marks).then_some(()));
    stage.eventually("a node that is as cordoned as it was before", SOON, marks_gone).unwrap();

    let named = |node: &str| {
        let pool = stage.get("repairpool", "orphans").unwrap();
        let blockers = pool["status"]["blockers"].as_array().cloned().unwrap_or_default();
        blockers.iter().any(|b| b["reason"] == "OrphanedCordon" && b["object"] == format!("node/{node}"))
    };
    stage
        .eventually("named orphans", SOON, || Ok((named("changed") && named("silent")).then_some(())))
        .unwrap();
    let told = || {
        let events = stage.list("events")?;
        let about = |event: &&Value| event["reason"] == "OrphanedCordon" && event["type"] == "Warning";
        Ok((events.iter().filter(about).count() == 2).then_some(()))
    };
    stage.eventually("an event for each of them", SOON, told).unwrap();
    let changes = Witness::since(&stage, start).unwrap().cordon_changes();
    let nodes: Vec<_> = changes.iter().map(|change| change.node.as_str()).collect();
    assert_eq!(nodes, ["harmless"], "nobody else's cordon is touched: {changes:?}");
    for node in ["changed", "silent", "unreadable"] {
        assert!(seen(node).cordoned && seen(node).annotations.len() == 2, "{node}");
    }
}
