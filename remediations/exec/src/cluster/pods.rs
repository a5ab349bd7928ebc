//! The pods of a node, as far as a drain has to know them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, ListParams};
use nodemend_core::drain::filter::{Owner, PodView};
use nodemend_core::ids::NodeName;
use nodemend_core::time::Time;

use super::Cluster;
use super::client::{list_at, within};
use crate::failure::Failed;
use crate::target::Target;

/// Set by the kubelet on the image of a static pod.
const MIRROR_ANNOTATION: &str = "kubernetes.io/config.mirror";

/// How long a DaemonSet that was there is taken to be there still: a minute in which all nodes' drains ask once.
const KNOWN_FOR: Duration = Duration::from_mins(1);

/// When DaemonSets were last seen to exist, by namespace and name. One that is gone, or was not read, is asked for anew.
#[derive(Debug, Default)]
pub(super) struct DaemonSets(Mutex<BTreeMap<(String, String), Instant>>);

impl Cluster {
    /// Every pod on the node, read live, and the resource version of that reading.
    pub(super) async fn pods(&self, target: &Target) -> Result<(Vec<PodView>, String), Failed> {
        let (pods, version) = of_node(&self.client, &target.node).await?;
        Ok((views(&self.client, &self.daemon_sets, &pods).await, version))
    }
}

/// Selects the pods of a node.
pub(super) fn on_node(node: &NodeName) -> String {
    format!("spec.nodeName={node}")
}

/// Every pod on the node, as the API server has it, and the resource version of that reading.
pub(super) async fn of_node(client: &Client, node: &NodeName) -> Result<(Vec<Pod>, String), Failed> {
    let pods: Api<Pod> = Api::all(client.clone());
    let of_node = ListParams::default().fields(&on_node(node));
    list_at(&pods, of_node).await.map_err(|e| e.of_read(&format!("pods of node/{node}")))
}

/// What decides about each of `pods`, in their order. A DaemonSet that cannot be read stays unknown, and its pods keep
/// the node from being drained.
pub(super) async fn views(client: &Client, known: &DaemonSets, pods: &[Pod]) -> Vec<PodView> {
    let mut views: Vec<PodView> = pods.iter().map(view).collect();
    for pod in views.iter_mut().filter(|pod| pod.is_daemon()) {
        let Some(owner) = &pod.owner else { continue };
        pod.daemon_set_exists = known.exists(client, &pod.namespace, &owner.name).await;
    }
    views
}

impl DaemonSets {
    async fn exists(&self, client: &Client, namespace: &str, name: &str) -> Option<bool> {
        let key = (namespace.to_owned(), name.to_owned());
        if self.lock().get(&key).is_some_and(|seen| seen.elapsed() < KNOWN_FOR) {
            return Some(true);
        }
        let exists = daemon_set_exists(client, namespace, name).await;
        let mut known = self.lock();
        known.retain(|_, seen| seen.elapsed() < KNOWN_FOR);
        if exists == Some(true) {
            known.insert(key, Instant::now());
        }
        exists
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, String), Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn daemon_set_exists(client: &Client, namespace: &str, name: &str) -> Option<bool> {
    let sets: Api<DaemonSet> = Api::namespaced(client.clone(), namespace);
    match within(sets.get_metadata(name)).await {
        Ok(_) => Some(true),
        Err(e) if e.is_not_found() => Some(false),
        Err(_) => None,
    }
}

/// What one pod says of itself.
pub(super) fn view(pod: &Pod) -> PodView {
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
