//! Workloads for the bed's nodes, so that a drain has pods to move and budgets to respect.
//!
//! All use the server image: it answers HTTP with its pod's name and ends at once when it is told to.

use serde_json::{Value, json};

use crate::host::POOL_LABEL;
use crate::images::SERVER_IMAGE;

/// The server's port.
const PORT: u16 = 8080;

/// A `Deployment` whose pods run on the nodes of `pool`, spread evenly.
pub fn deployment(name: &str, replicas: u32, pool: &str) -> Value {
    let mut template = pod_template(name);
    template["spec"]["nodeSelector"] = json!({ POOL_LABEL: pool });
    template["spec"]["topologySpreadConstraints"] = json!([{
        "maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"app": name}},
        // Without this a cordoned node counts as the emptiest and skews the spread.
        "nodeTaintsPolicy": "Honor",
    }]);
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "default"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template},
    })
}

/// A `DaemonSet`: one pod on every node, which a drain leaves alone.
pub fn daemon_set(name: &str) -> Value {
    let mut template = pod_template(name);
    template["spec"]["tolerations"] = json!([{"operator": "Exists"}]);
    json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template},
    })
}

/// A `PodDisruptionBudget` for the pods of the workload `name`; with 0 no eviction is ever allowed.
pub fn pod_disruption_budget(name: &str, max_unavailable: u32) -> Value {
    json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name, "namespace": "default"},
        "spec": {"maxUnavailable": max_unavailable, "selector": {"matchLabels": {"app": name}}},
    })
}

/// Several objects as one manifest for [`Bed::apply`](crate::Bed::apply).
pub fn manifest(items: impl IntoIterator<Item = Value>) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": Vec::from_iter(items)}).to_string()
}

fn pod_template(name: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": name}},
        "spec": {
            "terminationGracePeriodSeconds": 5,
            "containers": [{
                "name": "server", "image": SERVER_IMAGE, "imagePullPolicy": "IfNotPresent",
                "ports": [{"containerPort": PORT}],
                "readinessProbe": {"httpGet": {"port": PORT}, "periodSeconds": 1},
                "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
            }],
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_selects_the_pods_of_its_workload() {
        let labels = &deployment("web", 3, "workers")["spec"]["template"]["metadata"]["labels"];
        assert_eq!(&pod_disruption_budget("web", 0)["spec"]["selector"]["matchLabels"], labels);
    }

    #[test]
    fn a_manifest_holds_all_objects() {
        let list: Value =
            serde_json::from_str(&manifest([daemon_set("agent"), daemon_set("other")])).unwrap();
        assert_eq!(list["items"].as_array().map(Vec::len), Some(2));
    }
}
