//! A Node as core sees it: the few fields that repairs are decided on.

use k8s_openapi::api::core::v1::{NodeCondition, NodeSpec, NodeStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use nodemend_core::cordon::{CORDON_ANNOTATION, CordonMark};
use nodemend_core::snapshot;

use super::{ConvertError, Identity, time};

/// The row of a Node, from its parts, so that a view with fewer fields than the whole Node will do.
pub fn node(
    meta: &ObjectMeta,
    spec: Option<&NodeSpec>,
    status: Option<&NodeStatus>,
) -> Result<snapshot::Node, ConvertError> {
    let identity = Identity { kind: "Node", meta };
    let info = status.and_then(|status| status.node_info.clone()).unwrap_or_default();
    let conditions = status.and_then(|status| status.conditions.as_ref()).into_iter().flatten();
    Ok(snapshot::Node {
        name: identity.name()?.into(),
        uid: identity.uid()?.into(),
        labels: meta.labels.clone().unwrap_or_default(),
        provider_id: spec.and_then(|spec| spec.provider_id.clone()),
        unschedulable: spec.and_then(|spec| spec.unschedulable).unwrap_or_default(),
        conditions: conditions.map(condition).collect(),
        boot_id: info.boot_id.into(),
        os_image: info.os_image,
        architecture: info.architecture,
        cordon: cordon(meta),
        leaving: leaving(meta, spec),
        // Without one it is taken for old: it counts as any other node does.
        created: meta.creation_timestamp.as_ref().map(time).unwrap_or_default(),
    })
}

/// Whose cordon it is, if it is one of ours. A mark that cannot be read is nobody's: nothing is done about it.
fn cordon(meta: &ObjectMeta) -> Option<Box<CordonMark>> {
    let text = meta.annotations.as_ref()?.get(CORDON_ANNOTATION)?;
    serde_json::from_str(text).ok()
}

/// Taints by which the cluster autoscaler and Karpenter mark a node that they are about to take away.
const LEAVING_TAINTS: [&str; 2] = ["ToBeDeletedByClusterAutoscaler", "karpenter.sh/disrupted"];
/// Annotation by which Cluster API marks the machine that goes first when a group shrinks; its value does not count.
const LEAVING_ANNOTATION: &str = "cluster.x-k8s.io/delete-machine";

/// Who is about to take the node away, in words.
fn leaving(meta: &ObjectMeta, spec: Option<&NodeSpec>) -> Option<String> {
    if meta.deletion_timestamp.is_some() {
        return Some("the Node object is being deleted".to_owned());
    }
    let mut taints = spec.iter().flat_map(|spec| spec.taints.iter().flatten());
    if let Some(taint) = taints.find(|taint| LEAVING_TAINTS.contains(&taint.key.as_str())) {
        return Some(format!("taint {} says that it is being taken away", taint.key));
    }
    let marked = meta.annotations.iter().flatten().any(|(key, _)| key == LEAVING_ANNOTATION);
    marked.then(|| format!("annotation {LEAVING_ANNOTATION} says that its machine is to be deleted"))
}

fn condition(condition: &NodeCondition) -> (String, snapshot::Condition) {
    let since = condition.last_transition_time.as_ref().map(time);
    (condition.type_.clone(), snapshot::Condition { status: condition.status.clone(), since })
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::Node;
    use serde_json::json;

    fn row(object: serde_json::Value) -> Result<snapshot::Node, ConvertError> {
        let object: Node = serde_json::from_value(object).unwrap();
        node(&object.metadata, object.spec.as_ref(), object.status.as_ref())
    }

    #[test]
    fn the_fields_that_count_are_taken() {
        let row = row(json!({
            "metadata": {
                "name": "n1", "uid": "u1", "labels": {"pool": "web"}, "creationTimestamp": "2026-01-31T21:00:00Z",
            },
            "spec": {"providerID": "bed://n1", "unschedulable": true},
            "status": {
                "conditions": [{"type": "Ready", "status": "Unknown", "lastTransitionTime": "2026-01-31T22:00:00Z"}],
                "nodeInfo": {
                    "architecture": "amd64", "bootID": "b1", "osImage": "CentOS Linux 7 (Core)", "kernelVersion": "",
                    "containerRuntimeVersion": "", "kubeProxyVersion": "", "kubeletVersion": "", "machineID": "",
                    "operatingSystem": "linux", "systemUUID": "",
                },
            },
        }))
        .unwrap();
        assert_eq!((row.unschedulable, row.ready(), row.boot_id.as_str()), (true, None, "b1"));
        assert_eq!((row.provider_id.as_deref(), row.labels["pool"].as_str()), (Some("bed://n1"), "web"));
        assert_eq!(row.conditions["Ready"].since.unwrap().to_string(), "2026-01-31T22:00:00Z");
        assert_eq!(row.created.to_string(), "2026-01-31T21:00:00Z");
    }

    #[test]
    fn marks_of_those_who_take_nodes_away_are_seen() {
        let taken = row(json!({
            "metadata": {"name": "n1", "uid": "u1"},
            "spec": {"taints": [{"key": "ToBeDeletedByClusterAutoscaler", "value": "1790000000", "effect": "NoSchedule"}]},
        }));
        assert!(taken.unwrap().leaving.unwrap().contains("ToBeDeletedByClusterAutoscaler"));
        let annotations = json!({"cluster.x-k8s.io/delete-machine": ""});
        let marked = row(json!({"metadata": {"name": "n1", "uid": "u1", "annotations": annotations}}));
        assert!(marked.unwrap().leaving.is_some());
        assert_eq!(row(json!({"metadata": {"name": "n1", "uid": "u1"}})).unwrap().leaving, None);
    }

    #[test]
    fn a_node_that_has_said_nothing_is_neither_ready_nor_not() {
        let row = row(json!({"metadata": {"name": "n1", "uid": "u1"}})).unwrap();
        assert_eq!((row.ready(), row.is_available()), (None, false));
    }
}
