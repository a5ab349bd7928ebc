//! The pods of a node, as far as a drain has to know them.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, ListParams};
use nodemend_core::drain::filter::{Owner, PodView};
use nodemend_core::ids::NodeName;
use nodemend_core::time::Time;

use super::Cluster;
use super::client::{list_all, within};
use crate::failure::Failed;
use crate::target::Target;

/// Set by the kubelet on the image of a static pod.
const MIRROR_ANNOTATION: &str = "kubernetes.io/config.mirror";

impl Cluster {
    /// Every pod on the node, read live.
    pub(super) async fn pods(&self, target: &Target) -> Result<Vec<PodView>, Failed> {
        Ok(views(&self.client, &of_node(&self.client, &target.node).await?).await)
    }
}

/// Every pod on the node, as the API server has it.
pub(super) async fn of_node(client: &Client, node: &NodeName) -> Result<Vec<Pod>, Failed> {
    let pods: Api<Pod> = Api::all(client.clone());
    let of_node = ListParams::default().fields(&format!("spec.nodeName={node}"));
    list_all(&pods, of_node).await.map_err(|e| e.of_read(&format!("pods of node/{node}")))
}

/// What decides about each of `pods`, in their order. A DaemonSet that cannot be read stays unknown, and its pods keep
/// the node from being drained.
pub(super) async fn views(client: &Client, pods: &[Pod]) -> Vec<PodView> {
    let mut views: Vec<PodView> = pods.iter().map(view).collect();
    let mut known: BTreeMap<(String, String), Option<bool>> = BTreeMap::new();
    for pod in views.iter_mut().filter(|pod| pod.is_daemon()) {
        let Some(owner) = &pod.owner else { continue };
        let key = (pod.namespace.clone(), owner.name.clone());
        if !known.contains_key(&key) {
            let exists = daemon_set_exists(client, &key.0, &key.1).await;
            known.insert(key.clone(), exists);
        }
        pod.daemon_set_exists = known.get(&key).copied().flatten();
    }
    views
}

async fn daemon_set_exists(client: &Client, namespace: &str, name: &str) -> Option<bool> {
    let sets: Api<DaemonSet> = Api::namespaced(client.clone(), namespace);
    match within(sets.get_metadata(name)).await {
        Ok(_) => Some(true),
        Err(e) if e.is_not_found() => Some(false),
        Err(_) => None,
    }
}

fn view(pod: &Pod) -> PodView {
    let meta = &pod.metadata;
    let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_deref()).unwrap_or_default();
    PodView {
        namespace: meta.namespace.clone().unwrap_or_default(),
        name: meta.name.clone().unwrap_or_default(),
        uid: meta.uid.clone().unwrap_or_default(),
        labels: meta.labels.clone().unwrap_or_default(),
        owner: controller(pod),
        daemon_set_exists: None,
        mirror: meta.annotations.as_ref().is_some_and(|all| all.contains_key(MIRROR_ANNOTATION)),
        empty_dir: volumes.iter().any(|volume| volume.empty_dir.is_some()),
        finished: pod
            .status
            .as_ref()
            .and_then(|s| s.phase.as_deref())
            .is_some_and(|p| p == "Succeeded" || p == "Failed"),
        deletion: meta.deletion_timestamp.as_ref().map(|time| Time(time.0.as_millisecond())),
    }
}

fn controller(pod: &Pod) -> Option<Owner> {
    let owners = pod.metadata.owner_references.as_deref().unwrap_or_default();
    let owner = owners.iter().find(|owner| owner.controller == Some(true))?;
    Some(Owner { api_version: owner.api_version.clone(), kind: owner.kind.clone(), name: owner.name.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_decides_is_read_from_a_pod() {
        let pod: Pod = serde_json::from_value(serde_json::json!({
            "metadata": {
                "namespace": "web", "name": "a", "uid": "u", "labels": { "app": "a" },
                "deletionTimestamp": "2026-01-31T22:00:00Z",
                "annotations": { MIRROR_ANNOTATION: "x" },
                "ownerReferences": [
                    { "apiVersion": "v1", "kind": "Other", "name": "o", "uid": "1" },
                    { "apiVersion": "apps/v1", "kind": "DaemonSet", "name": "d", "uid": "2", "controller": true },
                ],
            },
            "spec": { "containers": [], "volumes": [{ "name": "v", "emptyDir": {} }] },
            "status": { "phase": "Succeeded" },
        }))
        .unwrap();
        let view = view(&pod);
        assert!(view.mirror && view.empty_dir && view.finished && view.is_daemon());
        assert_eq!(view.owner.unwrap().name, "d");
        assert_eq!(view.deletion, Some("2026-01-31T22:00:00Z".parse().unwrap()));
    }
}
