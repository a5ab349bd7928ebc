//! A Node without what nobody here reads: images, managed fields and the like are most of a Node, and at thousands of
//! nodes most of the memory. They are skipped while the text is parsed.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Node, NodeAddress, NodeCondition, NodeSpec, NodeStatus, NodeSystemInfo};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource;
use serde::{Deserialize, Deserializer};

/// A Node as lists and watches read it.
#[derive(Debug, Clone, Resource, Deserialize)]
#[resource(inherit = Node)]
pub(crate) struct NodeView {
    /// Identity, labels and annotations.
    #[serde(deserialize_with = "metadata")]
    pub(crate) metadata: ObjectMeta,
    /// The whole spec: it is small.
    #[serde(default)]
    pub(crate) spec: Option<NodeSpec>,
    /// Conditions, addresses and system information.
    #[serde(default, deserialize_with = "status")]
    pub(crate) status: Option<NodeStatus>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    conditions: Option<Vec<NodeCondition>>,
    addresses: Option<Vec<NodeAddress>>,
    node_info: Option<NodeSystemInfo>,
}

fn metadata<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let metadata = Metadata::deserialize(deserializer)?;
    Ok(ObjectMeta {
        name: metadata.name,
        uid: metadata.uid,
        resource_version: metadata.resource_version,
        creation_timestamp: metadata.creation_timestamp,
        deletion_timestamp: metadata.deletion_timestamp,
        labels: metadata.labels,
        annotations: metadata.annotations,
        ..ObjectMeta::default()
    })
}

fn status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NodeStatus>, D::Error> {
    let status = Option::<Status>::deserialize(deserializer)?;
    Ok(status.map(|status| NodeStatus {
        conditions: status.conditions,
        addresses: status.addresses,
        node_info: status.node_info,
        ..NodeStatus::default()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn images_and_managed_fields_are_skipped_and_the_rest_is_read() {
        let view: NodeView = serde_json::from_value(json!({
            "metadata": {"name": "n1", "uid": "u1", "resourceVersion": "7", "managedFields": [{"fieldsV1": {}}]},
            "spec": {"unschedulable": true},
            "status": {"images": [{"names": ["a"]}], "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}]},
        }))
        .unwrap();
        let status = view.status.unwrap();
        assert_eq!((view.metadata.managed_fields, status.images), (None, None));
        assert_eq!(view.metadata.resource_version.as_deref(), Some("7"));
        assert_eq!(view.spec.unwrap().unschedulable, Some(true));
        assert_eq!(status.addresses.unwrap()[0].address, "10.0.0.1");
    }
}
