//! The Lease of a node, shared with operators that would repair it too.

use jiff::Timestamp;
use nodemend_bed::workloads::manifest;
use nodemend_core::op::{Op, OpResult};
use serde_json::{Value, json};

use crate::rig::{Rig, drain, failure, mark};

const NAMESPACE: &str = "medik8s-leases";

/// The cluster has had no namespace for Leases so far, and cordons went well all the same.
pub(crate) fn a_node_under_repair_is_leased(rig: &Rig) {
    let cordon = Op::Cordon(mark());
    let uncordon = Op::Uncordon(mark());
    assert_eq!(rig.perform(&cordon), OpResult::Cordoned(mark()));
    assert_eq!(rig.perform(&uncordon), OpResult::Uncordoned);
    rig.bed.kubectl(&["create", "namespace", NAMESPACE]).unwrap();
    another_holder_is_respected(rig, &cordon);
    assert_eq!(rig.perform(&uncordon), OpResult::Uncordoned);
    assert_eq!(field(rig, "{.spec.holderIdentity}"), "node-maintenance", "theirs is left to them");
    rig.bed.kubectl(&["delete", "lease", "-n", NAMESPACE, &name(rig)]).unwrap();
    assert_eq!(rig.preflight(), []);

    assert_eq!(rig.perform(&cordon), OpResult::Cordoned(mark()));
    it_is_ours(rig, 0);
    another_one_is_found_by_the_drain(rig);
    assert_eq!(rig.perform(&uncordon), OpResult::Uncordoned);

    hold(rig, "node-maintenance", Timestamp::UNIX_EPOCH);
    assert_eq!(rig.perform(&cordon), OpResult::Cordoned(mark()));
    it_is_ours(rig, 1);
    assert_eq!(rig.perform(&cordon), OpResult::Cordoned(mark()));
    it_is_ours(rig, 1);
    assert_eq!(rig.perform(&uncordon), OpResult::Uncordoned);
    let left = rig.bed.kubectl(&["get", "leases", "-n", NAMESPACE, "-o", "name"]).unwrap();
    assert_eq!(left, "", "given back");
}

fn another_holder_is_respected(rig: &Rig, cordon: &Op) {
    hold(rig, "node-maintenance", Timestamp::now());
    let refused = failure(rig.perform(cordon));
    assert_eq!((refused.reason.as_str(), refused.retryable), ("LeaseHeld", true));
    assert!(refused.message.contains("by node-maintenance: its Lease lasts until 2"), "{refused:?}");
    assert_eq!(rig.node("{.spec.unschedulable}"), "");
    let found = &rig.preflight()[0];
    let object = format!("lease/{NAMESPACE}/{}", name(rig));
    assert_eq!((found.reason.as_str(), &found.object), ("LeaseHeld", &object));
    assert!(found.until.is_some(), "{found:?}");
}

/// Ours had run out while nobody ran, and somebody else has taken the node.
fn another_one_is_found_by_the_drain(rig: &Rig) {
    hold(rig, "node-maintenance", Timestamp::now());
    assert_eq!(failure(rig.perform_anew(&drain())).reason, "LeaseHeld");
    hold(rig, "nodemend", Timestamp::UNIX_EPOCH);
    assert!(matches!(rig.perform_anew(&drain()), OpResult::Drained(_)));
    assert!(field(rig, "{.spec.renewTime}").as_str() > "2026", "renewed");
}

fn it_is_ours(rig: &Rig, transitions: u32) {
    assert_eq!(field(rig, "{.spec.holderIdentity}"), "nodemend");
    assert_eq!(field(rig, "{.spec.leaseDurationSeconds}"), "3600");
    assert_eq!(field(rig, "{.spec.leaseTransitions}"), transitions.to_string());
    assert_eq!(field(rig, "{.metadata.ownerReferences[0].uid}"), rig.target.node_uid.to_string());
}

/// Writes the Lease as `holder` would.
fn hold(rig: &Rig, holder: &str, renewed: Timestamp) {
    let lease: Value = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": { "name": name(rig), "namespace": NAMESPACE },
        "spec": {
            "holderIdentity": holder, "leaseDurationSeconds": 3600, "renewTime": format!("{renewed:.6}"),
        },
    });
    rig.bed.apply(&manifest([lease])).unwrap();
}

fn field(rig: &Rig, path: &str) -> String {
    let path = format!("jsonpath={path}");
    rig.bed.kubectl(&["get", "lease", "-n", NAMESPACE, &name(rig), "-o", &path]).unwrap()
}

fn name(rig: &Rig) -> String {
    format!("node-{}", rig.target.node)
}
