//! Runs: Playbook, RepairRun with its operations and plan, PlanPage.

use nodemend_api::plan_page::{PlanPage, PlanPageSpec};
use nodemend_api::playbook::Playbook;
use nodemend_api::run::RepairRun;
use nodemend_core::finding::Evidence;
use nodemend_core::ids::Digest;
use nodemend_core::plan::{PAGE_SIZE, Page, PlannedNode};
use nodemend_core::playbook::builtin;
use nodemend_core::snapshot;
use nodemend_core::time::Time;
use serde_json::{Value, json};

use crate::cluster::{Cluster, object, with};

/// The playbooks that come with the program are objects of the cluster as they stand, and come back unchanged.
pub(crate) fn playbooks(cluster: &Cluster) {
    for file in builtin::ALL {
        let written: Playbook = serde_saphyr::from_str(file.text).unwrap();
        let read: Playbook = cluster.create(&serde_json::to_value(&written).unwrap());
        assert_eq!(read.spec, written.spec, "{}", file.path);
        let name = format!("playbook/{}", written.spec.0.object_name());
        cluster.refuses_patch(&name, "", &json!({"spec": {"summary": "x"}}), "a playbook is immutable");
        cluster.refuses_patch(
            &name,
            "",
            &json!({"spec": {"parameters": null, "risk": "Low"}}),
            "a playbook is immutable",
        );
        let mut renamed = serde_json::to_value(&written).unwrap();
        renamed["metadata"]["name"] = json!("anything");
        cluster.refuses(&renamed, "the object's name must be the playbook's name");
    }
}

fn run_spec() -> Value {
    json!({
        "pool": "web", "playbook": "upgrade-systemd", "version": "1.0.0", "requestedBy": "policy:old-systemd",
        "startBefore": "2026-02-01T22:00:00Z", "nodes": {"policy": {"name": "old-systemd"}},
        "parameters": {"targetVersion": "219-78.el7_9.9"}, "changeRef": "CHG-1",
    })
}

pub(crate) fn requests(cluster: &Cluster) {
    let refuses = |changes: &Value, because: &str| {
        cluster.refuses(&object("RepairRun", "bad", &with(&run_spec(), changes)), because);
    };
    refuses(&json!({"startBefore": null}), "spec.startBefore: Required value");
    refuses(&json!({"nodes": {}}), "must validate one and only one schema (oneOf)");
    refuses(&json!({"nodes": {"named": {"names": []}}}), "spec.nodes.named.names");
    let run: RepairRun = cluster.create(&object("RepairRun", "first", &run_spec()));
    let row = snapshot::Run::try_from(&run).unwrap();
    assert_eq!(row.status.phase, snapshot::RunPhase::Pending);
    let changes = [
        json!({"pool": "db"}),
        json!({"version": "1.0.1"}),
        json!({"nodes": {"policy": {"name": "another"}}}),
        json!({"nodes": {"policy": null, "named": {"names": ["n1"]}}}),
        json!({"requestedBy": "ops"}),
        json!({"startBefore": "2027-02-01T22:00:00Z"}),
        json!({"parameters": {"targetVersion": "219-79"}}),
        json!({"parameters": null}),
        json!({"changeRef": null}),
        json!({"rollout": {"maxFailures": 9}}),
        json!({"planOnly": true}),
    ];
    for change in changes {
        cluster.refuses_patch("repairrun/first", "", &json!({"spec": change}), "a run is immutable");
    }
    let bare = with(&run_spec(), &json!({"changeRef": null, "parameters": null}));
    let _: RepairRun = cluster.create(&object("RepairRun", "bare", &bare));
    for added in [json!({"changeRef": "CHG-2"}), json!({"parameters": {"targetVersion": "219-79"}})] {
        cluster.refuses_patch("repairrun/bare", "", &json!({"spec": added}), "a run is immutable");
    }
}

pub(crate) fn operations(cluster: &Cluster) {
    let operation =
        |id: usize| json!({"id": format!("op-{id}"), "verb": "abort", "reason": "r", "by": "ops"});
    let operations = |operations: Vec<Value>| json!({"spec": {"operations": operations}});
    cluster.patch("repairrun/first", "", &operations(vec![operation(1)]));
    cluster.patch("repairrun/first", "", &operations(vec![operation(2), operation(1)]));
    let lost = "operations are append-only";
    let changed = with(&operation(1), &json!({"reason": "another"}));
    cluster.refuses_patch("repairrun/first", "", &operations(vec![changed, operation(2)]), lost);
    cluster.refuses_patch("repairrun/first", "", &operations(vec![operation(2)]), lost);
    cluster.refuses_patch("repairrun/first", "", &json!({"spec": {"operations": null}}), lost);
    cluster.refuses_patch("repairrun/first", "", &operations(vec![operation(1); 2]), "Duplicate value");
    let vague = with(&operation(3), &json!({"verb": "resolve", "target": "n1", "step": "install"}));
    let said = with(&vague, &json!({"outcome": "Succeeded"}));
    let and = |added: &Value| operations(vec![operation(2), operation(1), added.clone()]);
    cluster.refuses_patch("repairrun/first", "", &and(&vague), "says target, step and outcome");
    cluster.patch("repairrun/first", "", &and(&said));
    // As many as there may be, as long as they may be: the rule stays within what the API server spends on it.
    let long = |id| with(&operation(id), &json!({"reason": "r".repeat(512), "by": "b".repeat(256)}));
    let mut many: Vec<_> = [operation(1), operation(2), said].into();
    many.extend((4..=64).map(long));
    cluster.patch("repairrun/first", "", &operations(many.clone()));
    many.push(long(65));
    cluster.refuses_patch("repairrun/first", "", &operations(many), "must have at most 64 items");
}

/// A gate asks exactly one thing.
pub(crate) fn gates(cluster: &Cluster) {
    let gated = |gate: Value| with(&run_spec(), &json!({"rollout": {"gates": [gate]}}));
    let webhook = json!({"url": "https://gate.example"});
    let query = json!({"url": "http://prometheus.example", "query": "up"});
    let one = "give exactly one of prometheusQuery, webhook and objectCondition";
    for gate in [json!({"scope": "Node"}), json!({"webhook": webhook, "prometheusQuery": query})] {
        cluster.refuses(&object("RepairRun", "gated", &gated(gate)), one);
    }
    let _: RepairRun = cluster.create(&object("RepairRun", "gated", &gated(json!({"webhook": webhook}))));
}

pub(crate) fn plans(cluster: &Cluster) {
    let plan = |digest: &str| {
        json!({
            "digest": digest, "pageDigests": ["sha256:a"], "nodes": 1, "batches": 1,
            "plannedAt": "2026-01-31T22:00:00Z",
        })
    };
    let status = |plan: Value| json!({"status": {"phase": "Planned", "plan": plan}});
    let twice = "the plan is written once";
    cluster.patch("repairrun/first", "status", &json!({"status": {"phase": "Pending"}}));
    cluster.patch("repairrun/first", "status", &status(plan("sha256:1")));
    cluster.patch("repairrun/first", "status", &status(plan("sha256:1")));
    cluster.refuses_patch("repairrun/first", "status", &status(plan("sha256:2")), twice);
    cluster.refuses_patch("repairrun/first", "status", &status(Value::Null), twice);
    cluster.refuses_patch("repairrun/first", "status", &json!({"status": null}), twice);
}

/// A full page fits into an object, and is the same when it is read back.
pub(crate) fn pages(cluster: &Cluster) {
    let page = Page { header: None, nodes: (0..PAGE_SIZE).map(planned).collect() };
    let spec = PlanPageSpec { run_ref: "first".into(), run_uid: "uid-1".into(), index: 1, page };
    let written = PlanPage::new("first-page-1", spec);
    let read: PlanPage = cluster.create(&serde_json::to_value(&written).unwrap());
    assert_eq!(read.spec, written.spec);
    for change in [json!({"index": 2}), json!({"runUID": "uid-2"}), json!({"page": {"nodes": null}})] {
        cluster.refuses_patch(
            "planpage/first-page-1",
            "",
            &json!({"spec": change}),
            "a page of a plan is immutable",
        );
    }
    let selected =
        cluster.kubectl(&["get", "planpages", "--field-selector", "spec.runRef=first", "-o", "name"]);
    assert_eq!(selected.trim(), "planpage.nodemend.dev/first-page-1");
}

fn planned(index: usize) -> PlannedNode {
    let evidence = Evidence {
        check: "insp.version.systemd".into(),
        fingerprint: Digest::of(&index.to_le_bytes()),
        message: "m".repeat(256),
        since: Some(Time(0)),
    };
    PlannedNode {
        name: format!("node-{index}.example").into(),
        uid: format!("00000000-0000-0000-0000-{index:012}").into(),
        provider_id: Some(format!("cloud:///zone/{index}")),
        evidence: vec![evidence; 4],
        batch: 0,
    }
}
