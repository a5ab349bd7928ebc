//! The pods of a node, as far as a drain has to know them.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use nodemend_core::drain::filter::{Owner, PodView};
use nodemend_core::time::Time;

use super::Cluster;
use super::client::within;
use crate::failure::Failed;
use crate::target::Target;

/// Set by the kubelet on the image of a static pod.
const MIRROR_ANNOTATION: &str = "kubernetes.io/config.mirror";

impl Cluster {
    /// Every pod on the node, read live.
    pub(super) async fn pods(&self, target: &Target) -> Result<Vec<PodView>, Failed> {
        let pods: Api<Pod> = Api::all(self.client.clone());
        let of_node = ListParams::default().fields(&format!("spec.nodeName={}", target.node));
        let list = within(pods.list(&of_node))
            .await
            .map_err(|e| e.of_read(&format!("pods of node/{}", target.node)))?;
        let mut views: Vec<PodView> = list.items.iter().map(view).collect();
        self.look_for_daemon_sets(&mut views).await;
        Ok(views)
    }

    /// A DaemonSet that cannot be read stays unknown, and its pods keep the node from being drained.
    async fn look_for_daemon_sets(&self, pods: &mut [PodView]) {
        let mut known: BTreeMap<(String, String), Option<bool>> = BTreeMap::new();
        for pod in pods.iter_mut().filter(|pod| pod.is_daemon()) {
            let Some(owner) = &pod.owner else { continue };
            let key = (pod.namespace.clone(), owner.name.clone());
            if !known.contains_key(&key) {
                let exists = self.daemon_set_exists(&key.0, &key.1).await;
                known.insert(key.clone(), exists);
            }
            pod.daemon_set_exists = known.get(&key).copied().flatten();
        }
    }

    async fn daemon_set_exists(&self, namespace: &str, name: &str) -> Option<bool> {
        let sets: Api<DaemonSet> = Api::namespaced(self.client.clone(), namespace);
        match within(sets.get_metadata(name)).await {
            Ok(_) => Some(true),
            Err(e) if e.is_not_found() => Some(false),
            Err(_) => None,
        }
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
