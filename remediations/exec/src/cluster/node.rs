//! Cordon, uncordon and annotate: each a live read of the node, then one guarded patch.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Node;
use kube::api::{Api, Patch, PatchParams};
use nodemend_core::cordon::{CORDON_ANNOTATION, CordonMark, MESSAGE_ANNOTATION, NEXT_ANNOTATION};
use nodemend_core::ids::{NodeName, NodeUid};
use nodemend_core::op::{Annotate, OpResult};
use serde_json::{Value, json};

use super::Cluster;
use super::client::within;
use crate::failure::Failed;
use crate::target::Target;

/// How often a patch is tried anew when somebody else wrote the node in between: kubelets write once in a while.
const ATTEMPTS: u32 = 5;

/// What a look at the node leads to.
enum Step {
    /// Nothing to write.
    Done(OpResult),
    /// Write this, then it is done.
    Patch(Value, OpResult),
}

impl Cluster {
    /// Cordons the node and marks the cordon as ours, with the state before it. The node's Lease is taken first; that
    /// of a node that may not be cordoned is left alone, for it may be in use by another repair of ours.
    pub(crate) async fn cordon(&self, target: &Target, mark: &CordonMark) -> Result<OpResult, Failed> {
        cordon_step(&self.live_node(target).await?, mark)?;
        self.take_lease(target).await?;
        self.write(target, |node| cordon_step(node, mark)).await
    }

    /// Lifts our cordon and gives the node's Lease back. It never cordons: what somebody else has lifted meanwhile
    /// stays lifted.
    pub(crate) async fn uncordon(&self, target: &Target, mark: &CordonMark) -> Result<OpResult, Failed> {
        let lifted = self.write(target, |node| uncordon_step(node, mark)).await?;
        self.release_lease(&target.node, &target.node_uid).await;
        self.patience.forget(&target.node_uid);
        Ok(lifted)
    }

    /// The same for a cordon whose repair is gone: nothing but the API server is needed for it.
    pub(super) async fn lift(
        &self,
        node: &NodeName,
        uid: &NodeUid,
        mark: &CordonMark,
    ) -> Result<OpResult, Failed> {
        let lifted = self.write_node(node, uid, |node| uncordon_step(node, mark)).await?;
        self.release_lease(node, uid).await;
        Ok(lifted)
    }

    /// Writes what a person must know.
    pub(crate) async fn annotate(&self, target: &Target, text: &Annotate) -> Result<OpResult, Failed> {
        let annotations = json!({ MESSAGE_ANNOTATION: text.message, NEXT_ANNOTATION: text.next });
        self.write(target, |_| {
            Ok(Step::Patch(json!({ "metadata": { "annotations": annotations } }), OpResult::Annotated))
        })
        .await
    }

    /// The node as it is now, if it is still the machine that was meant.
    pub(super) async fn live_node(&self, target: &Target) -> Result<Node, Failed> {
        self.live(&target.node, &target.node_uid).await
    }

    async fn live(&self, name: &NodeName, uid: &NodeUid) -> Result<Node, Failed> {
        let object = format!("node/{name}");
        let nodes: Api<Node> = Api::all(self.client.clone());
        let node = within(nodes.get(name.as_str())).await.map_err(|e| {
            if e.is_not_found() {
                Failed::refused("NodeGone", format!("{object} is gone"))
            } else {
                e.of_read(&object)
            }
        })?;
        if node.metadata.uid.as_deref() == Some(uid.as_str()) {
            Ok(node)
        } else {
            Err(Failed::refused(
                "NodeReplaced",
                format!("{object} is another machine now: its UID is not {uid}"),
            ))
        }
    }

    async fn write(
        &self,
        target: &Target,
        step: impl Fn(&Node) -> Result<Step, Failed>,
    ) -> Result<OpResult, Failed> {
        self.write_node(&target.node, &target.node_uid, step).await
    }

    async fn write_node(
        &self,
        name: &NodeName,
        uid: &NodeUid,
        step: impl Fn(&Node) -> Result<Step, Failed>,
    ) -> Result<OpResult, Failed> {
        let nodes: Api<Node> = Api::all(self.client.clone());
        let mut attempts = 1;
        loop {
            let node = self.live(name, uid).await?;
            let (mut patch, result) = match step(&node)? {
                Step::Done(result) => return Ok(result),
                Step::Patch(patch, result) => (patch, result),
            };
            patch["metadata"]["resourceVersion"] = json!(node.metadata.resource_version);
            self.writes.wait().await;
            match within(nodes.patch(name.as_str(), &PatchParams::default(), &Patch::Merge(patch))).await {
                Ok(_) => return Ok(result),
                Err(e) if e.is_conflict() && attempts < ATTEMPTS => attempts += 1,
                Err(e) => return Err(e.of_write(&format!("node/{name}"))),
            }
        }
    }
}

fn cordon_step(node: &Node, mark: &CordonMark) -> Result<Step, Failed> {
    if let Some(found) = read_mark(node)? {
        return cordoned_before(node, found, mark);
    }
    let mark = CordonMark { was_unschedulable: is_unschedulable(node), ..mark.clone() };
    let text = serde_json::to_string(&mark).map_err(|e| Failed::refused("MarkUnwritable", e.to_string()))?;
    let annotations = json!({
        CORDON_ANNOTATION: text,
        MESSAGE_ANNOTATION: format!("Cordoned by Nodemend: run {}, remediation {}, since {}", mark.run, mark.remediation, mark.since),
        NEXT_ANNOTATION: by_hand(node, &mark),
    });
    let patch = json!({ "metadata": { "annotations": annotations }, "spec": { "unschedulable": true } });
    Ok(Step::Patch(patch, OpResult::Cordoned(mark)))
}

/// Ours from before a restart, or in others' hands.
fn cordoned_before(node: &Node, found: CordonMark, mark: &CordonMark) -> Result<Step, Failed> {
    if !is_same(&found, mark) {
        return Err(another(node, &found));
    }
    if is_unschedulable(node) {
        return Ok(Step::Done(OpResult::Cordoned(found)));
    }
    Err(Failed::refused(
        "UncordonedByAnother",
        format!(
            "node/{} carries our mark but was uncordoned by somebody else; it is left to them",
            name(node)
        ),
    ))
}

fn uncordon_step(node: &Node, mark: &CordonMark) -> Result<Step, Failed> {
    let Some(found) = read_mark(node)? else { return Ok(without_mark(node)) };
    if !is_same(&found, mark) {
        return Err(another(node, &found));
    }
    let annotations = json!({ CORDON_ANNOTATION: null, MESSAGE_ANNOTATION: null, NEXT_ANNOTATION: null });
    let mut patch = json!({ "metadata": { "annotations": annotations } });
    if !found.was_unschedulable && is_unschedulable(node) {
        patch["spec"] = json!({ "unschedulable": null });
    }
    Ok(Step::Patch(patch, OpResult::Uncordoned))
}

/// Nothing of ours to lift; what was written for a person goes.
fn without_mark(node: &Node) -> Step {
    let told = |all: &BTreeMap<String, String>| {
        [MESSAGE_ANNOTATION, NEXT_ANNOTATION].iter().any(|key| all.contains_key(*key))
    };
    if !node.metadata.annotations.as_ref().is_some_and(told) {
        return Step::Done(OpResult::Uncordoned);
    }
    let annotations = json!({ MESSAGE_ANNOTATION: null, NEXT_ANNOTATION: null });
    Step::Patch(json!({ "metadata": { "annotations": annotations } }), OpResult::Uncordoned)
}

fn read_mark(node: &Node) -> Result<Option<CordonMark>, Failed> {
    let Some(text) = node.metadata.annotations.as_ref().and_then(|all| all.get(CORDON_ANNOTATION)) else {
        return Ok(None);
    };
    serde_json::from_str(text).map(Some).map_err(|e| {
        Failed::refused("CordonUnreadable", format!("node/{}: annotation {CORDON_ANNOTATION} cannot be read: {e}; remove it if no repair of this node is under way", name(node)))
    })
}

fn is_same(a: &CordonMark, b: &CordonMark) -> bool {
    (&a.remediation, &a.run_uid) == (&b.remediation, &b.run_uid)
}

fn another(node: &Node, found: &CordonMark) -> Failed {
    Failed::refused(
        "CordonedByAnother",
        format!(
            "node/{} is cordoned by remediation {} of run {}; see what became of it",
            name(node),
            found.remediation,
            found.run
        ),
    )
}

fn by_hand(node: &Node, mark: &CordonMark) -> String {
    let name = name(node);
    let marks =
        format!("kubectl annotate node {name} {CORDON_ANNOTATION}- {MESSAGE_ANNOTATION}- {NEXT_ANNOTATION}-");
    if mark.was_unschedulable {
        format!("It was cordoned before. To take the marks away by hand: {marks}")
    } else {
        format!("To lift it by hand: kubectl uncordon {name} && {marks}")
    }
}

pub(super) fn is_unschedulable(node: &Node) -> bool {
    node.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or(false)
}

fn name(node: &Node) -> &str {
    node.metadata.name.as_deref().unwrap_or_default()
}

#[cfg(test)]
#[path = "node_tests.rs"]
mod tests;
