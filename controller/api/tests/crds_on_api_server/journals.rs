//! What the controller writes: Remediation and DiagnosisReport.

use nodemend_api::remediation::{Remediation, RemediationStatus};
use nodemend_api::report::DiagnosisReport;
use nodemend_core::saga::Journal;
use nodemend_core::snapshot;
use serde_json::{Value, json};

use crate::cluster::{Cluster, object, with};

pub(crate) fn remediations(cluster: &Cluster) {
    let repair = json!({"node": {"name": "n1", "uid": "u1", "batch": 0}});
    let spec = json!({
        "run": "first", "runUID": "uid-1", "pool": "web", "planDigest": "sha256:1", "pageDigest": "sha256:a",
        "pageIndex": 1, "repairs": [repair],
    });
    let refuses = |changes: &Value, because: &str| {
        cluster.refuses(&object("Remediation", "bad", &with(&spec, changes)), because);
    };
    refuses(&json!({"repairs": []}), "spec.repairs");
    refuses(&json!({"repairs": [repair, repair]}), "must have at most 1 item");
    refuses(&json!({"pageIndex": 0}), "spec.pageIndex");
    let created: Remediation = cluster.create(&object("Remediation", "r-1", &spec));
    assert_eq!(snapshot::Remediation::try_from(&created).unwrap().journal, None);
    for change in [json!({"planDigest": "sha256:2"}), json!({"runUID": "uid-2"})] {
        cluster.refuses_patch("remediation/r-1", "", &json!({"spec": change}), "what a remediation is about");
    }
    epochs(cluster);
}

/// A writer that was replaced cannot write to the journal any more.
fn epochs(cluster: &Cluster) {
    let status = |epoch: u64| {
        let journal = Journal { epoch, ..Journal::default() };
        json!({"status": RemediationStatus { journal, node_name: "n1".into(), ..RemediationStatus::default() }})
    };
    let older = "the journal belongs to a newer epoch";
    cluster.patch("remediation/r-1", "status", &status(3));
    cluster.refuses_patch("remediation/r-1", "status", &status(2), older);
    cluster.refuses_patch("remediation/r-1", "status", &json!({"status": null}), older);
    cluster.refuses_patch("remediation/r-1", "status", &json!({"status": {"epoch": null}}), "status.epoch");
    cluster.patch("remediation/r-1", "status", &status(4));
    let read = cluster.kubectl(&["get", "remediation", "r-1", "-o", "json"]);
    let read: Remediation = serde_json::from_str(&read).unwrap();
    assert_eq!(snapshot::Remediation::try_from(&read).unwrap().journal.unwrap().epoch, 4);
}

pub(crate) fn reports(cluster: &Cluster) {
    let spec = json!({"subject": {"kind": "Node", "name": "n1", "uid": "u1"}, "source": "prober"});
    cluster
        .refuses(&object("DiagnosisReport", "bad", &with(&spec, &json!({"source": "A b"}))), "spec.source");
    let name = DiagnosisReport::name_for(&"u1".into(), "prober");
    let _: DiagnosisReport = cluster.create(&object("DiagnosisReport", &name, &spec));
    let report = format!("diagnosisreport/{name}");
    let another = json!({"spec": {"source": "someone"}});
    cluster.refuses_patch(&report, "", &another, "subject and source of a report are immutable");
    let result = |check: &str, state: &str| {
        json!({
            "check": check, "state": state, "severity": "Error", "message": format!("{check} says {state}"),
            "fingerprint": "sha256:f", "observedAt": "2026-01-31T22:00:00Z",
        })
    };
    let status = |results: Vec<Value>| {
        json!({"status": {
            "results": results, "failing": 1, "unknown": 0, "observedAt": "2026-01-31T22:00:00Z",
            "expiresAt": "2026-01-31T22:30:00Z", "facts": {"osID": "centos", "packages": {"systemd": ["219-62.el7"]}},
        }})
    };
    let twice = status(vec![result("a", "Fail"), result("a", "Pass")]);
    cluster.refuses_patch(&report, "status", &twice, "Duplicate value");
    cluster.refuses_patch(&report, "status", &status(vec![result("a", "Broken")]), "Unsupported value");
    cluster.patch(&report, "status", &status(vec![result("a", "Fail"), result("b", "Pass")]));
    let read: DiagnosisReport =
        serde_json::from_str(&cluster.kubectl(&["get", &report, "-o", "json"])).unwrap();
    let row = snapshot::Report::from(&read);
    assert_eq!((row.results.len(), row.os_id.as_deref()), (2, Some("centos")));
    assert_eq!(row.packages["systemd"], ["219-62.el7"]);
}
