//! What the API shows of a node, and what it does not show.

use std::time::Duration;

use nodemend_bed::Bed;
use nodemend_bed::fault::Fault;
use nodemend_bed::host::Host;

use crate::inject;

/// The kubelet's own time limit for a silent runtime is 30 s, the node's grace period 40 s.
const NODE_NOTICES: Duration = Duration::from_secs(70);

fn ready_status(bed: &Bed, node: &str) -> String {
    let path = r#"jsonpath={.status.conditions[?(@.type=="Ready")].status}"#;
    bed.kubectl(&["get", "node", node, "-o", path]).unwrap()
}

fn becomes(bed: &Bed, node: &str, status: &str) {
    let what = format!("node {node} with Ready {status}");
    bed.wait_for(&what, NODE_NOTICES, || Ok(ready_status(bed, node) == status)).unwrap();
}

pub(crate) fn a_stopped_kubelet_makes_the_node_unknown(bed: &Bed, host: &Host) {
    becomes(bed, host.name(), "True");
    inject(host, Fault::KubeletStopped);
    becomes(bed, host.name(), "Unknown");
    host.lift(Fault::KubeletStopped).unwrap();
    becomes(bed, host.name(), "True");
}

pub(crate) fn a_frozen_kubelet_is_active_and_makes_the_node_unknown(bed: &Bed, host: &Host) {
    becomes(bed, host.name(), "True");
    inject(host, Fault::KubeletFrozen);
    becomes(bed, host.name(), "Unknown");
    let state = host.ssh("systemctl is-active kubelet").unwrap();
    assert_eq!(state.stdout.trim(), "active", "{state:?}");
    host.lift(Fault::KubeletFrozen).unwrap();
    becomes(bed, host.name(), "True");
}

pub(crate) fn a_stopped_runtime_makes_the_node_not_ready(bed: &Bed, host: &Host) {
    becomes(bed, host.name(), "True");
    inject(host, Fault::ContainerdStopped);
    becomes(bed, host.name(), "False");
    let path = r#"jsonpath={.status.conditions[?(@.type=="Ready")].message}"#;
    let message = bed.kubectl(&["get", "node", host.name(), "-o", path]).unwrap();
    assert!(message.contains("container runtime is down"), "{message}");
    host.lift(Fault::ContainerdStopped).unwrap();
    becomes(bed, host.name(), "True");
}

/// Only a look at the bus itself sees it.
pub(crate) fn a_dead_bus_leaves_the_node_ready(bed: &Bed, host: &Host) {
    becomes(bed, host.name(), "True");
    inject(host, Fault::DbusDead);
    let asked = host.ssh("busctl list").unwrap();
    assert!(!asked.success() && asked.stderr.contains("Connection refused"), "{asked:?}");
    assert!(host.ssh("sudo systemctl is-active kubelet").unwrap().success(), "root asks systemd itself");
    assert_eq!(ready_status(bed, host.name()), "True");
    host.lift(Fault::DbusDead).unwrap();
    assert!(host.ssh("busctl list").unwrap().success());
}
