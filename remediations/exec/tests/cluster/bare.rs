//! A node without a kubelet: its pods are what a test says they are, and leave when a test lets them.

use nodemend_bed::workloads::manifest;
use nodemend_core::drain::{DrainOptions, DrainProgress, DrainRequest};
use nodemend_core::op::{Op, OpResult};
use nodemend_core::time::Span;
use nodemend_exec::Target;
use serde_json::{Value, json};

use crate::rig::{DEADLINE, Rig, mark};

/// The node, cordoned by us, and a namespace for its pods.
pub(crate) struct Bare<'a> {
    pub(crate) rig: &'a Rig,
    pub(crate) target: Target,
    namespace: &'static str,
}

impl<'a> Bare<'a> {
    /// Makes a node and a namespace of that name.
    pub(crate) fn new(rig: &'a Rig, name: &'static str) -> Self {
        let room = json!({ "cpu": "8", "memory": "32Gi", "pods": "110" });
        let node = json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": { "name": name, "labels": { "kubernetes.io/hostname": name } },
            "status": {
                "capacity": room, "allocatable": room,
                "conditions": [{ "type": "Ready", "status": "True", "reason": "Told", "message": "by a test" }],
            },
        });
        let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
        rig.bed.kubectl_as_admin().with_input("create", &manifest([node, namespace])).unwrap();
        let uid = rig.bed.kubectl(&["get", "node", name, "-o", "jsonpath={.metadata.uid}"]).unwrap();
        let target = Target { node: name.into(), node_uid: uid.as_str().into(), ..rig.target.clone() };
        assert_eq!(rig.perform_on(&target, &Op::Cordon(mark())), OpResult::Cordoned(mark()));
        let bare = Self { rig, target, namespace: name };
        let has_account = || Ok(bare.kubectl(&["get", "serviceaccount", "default", "-o", "name"]).is_ok());
        rig.bed.wait_for("the namespace's service account", DEADLINE, has_account).unwrap();
        bare
    }

    /// `kubectl` in the namespace.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> Result<String, nodemend_bed::BedError> {
        self.rig.bed.kubectl(&[&["-n", self.namespace], arguments].concat())
    }

    /// Makes a pod on the node, with a label `app` of its name, controlled by something that makes it anew.
    pub(crate) fn pod(&self, name: &str, change: impl FnOnce(&mut Value)) {
        // A kind that the garbage collector does not know, so that it does not look for the owner.
        let owner = json!({ "apiVersion": "example.com/v1", "kind": "Widget", "name": "w", "uid": "w", "controller": true });
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": name, "namespace": self.namespace, "labels": { "app": name }, "ownerReferences": [owner],
            },
            "spec": {
                "nodeName": self.target.node.as_str(), "terminationGracePeriodSeconds": 30,
                "containers": [{ "name": "c", "image": "nothing.invalid/nothing" }],
            },
        });
        change(&mut pod);
        self.rig.bed.kubectl_as_admin().with_input("create", &pod.to_string()).unwrap();
    }

    /// Says of a pod, as its kubelet would, in which phase it is; a running one is Ready.
    pub(crate) fn phase(&self, name: &str, phase: &str) {
        let ready = if phase == "Running" { "True" } else { "False" };
        let status = json!({ "phase": phase, "conditions": [{ "type": "Ready", "status": ready }] });
        let patch = json!({ "status": status }).to_string();
        let arguments = ["patch", "pod", name, "--subresource=status", "--type=merge", "-p", &patch];
        self.kubectl(&arguments).unwrap();
    }

    /// A budget for the pods of that `app` that lets none go while it is the only one.
    pub(crate) fn budget(&self, name: &str, app: &str) {
        let budget = json!({
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
            "metadata": { "name": name, "namespace": self.namespace },
            "spec": { "minAvailable": 1, "selector": { "matchLabels": { "app": app } } },
        });
        self.rig.bed.apply(&manifest([budget])).unwrap();
        let counts = || {
            let seen = self.kubectl(&["get", "pdb", name, "-o", "jsonpath={.status.observedGeneration}"])?;
            Ok(!seen.is_empty())
        };
        self.rig.bed.wait_for("the budget to be counted", DEADLINE, counts).unwrap();
    }

    /// One round.
    pub(crate) fn drain(&self, options: DrainOptions, waited: Span) -> DrainProgress {
        match self.rig.perform_on(&self.target, &Op::Drain(DrainRequest { options, waited })) {
            OpResult::Drained(progress) => progress,
            other => panic!("{other:?}"),
        }
    }

    /// A field of a pod, or nothing if the pod is gone.
    pub(crate) fn field(&self, pod: &str, path: &str) -> String {
        let path = format!("jsonpath={path}");
        self.kubectl(&["get", "pod", pod, "--ignore-not-found", "-o", &path]).unwrap()
    }

    /// Ends every pod, as a kubelet would. A policy that was deleted a moment ago may still say no.
    pub(crate) fn end_pods(&self) {
        let arguments = ["delete", "pods", "--all", "--force", "--grace-period=0", "--wait=false"];
        let ended = || Ok(self.kubectl(&arguments).is_ok());
        self.rig.bed.wait_for("pods to be deleted", DEADLINE, ended).unwrap();
    }
}
