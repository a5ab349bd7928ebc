//! What the controller's identity may do, as the API server answers it.

use k8s_openapi::api::flowcontrol::v1::FlowSchema;

use crate::cluster::Cluster;

/// Verb, resource, namespace.
type Right = (&'static str, &'static str, &'static str);

const MAY: &[Right] = &[
    ("update", "remediations.nodemend.dev/status", ""),
    ("create", "remediations.nodemend.dev", ""),
    ("create", "planpages.nodemend.dev", ""),
    ("delete", "remediations.nodemend.dev", ""),
    ("delete", "repairruns.nodemend.dev", ""),
    ("update", "repairguards.nodemend.dev/status", ""),
    ("watch", "holds.nodemend.dev", ""),
    ("create", "holds.nodemend.dev", ""),
    ("delete", "holds.nodemend.dev", ""),
    ("patch", "nodes", ""),
    ("create", "pods/eviction", "default"),
    ("delete", "pods", "default"),
    ("create", "events.events.k8s.io", "default"),
    ("get", "secrets", "nodemend-system"),
    ("list", "validatingwebhookconfigurations.admissionregistration.k8s.io", ""),
    ("list", "mutatingwebhookconfigurations.admissionregistration.k8s.io", ""),
    ("list", "endpointslices.discovery.k8s.io", "default"),
    ("create", "leases.coordination.k8s.io", "medik8s-leases"),
    ("update", "leases.coordination.k8s.io", "medik8s-leases"),
    ("delete", "leases.coordination.k8s.io", "medik8s-leases"),
    ("get", "leases.coordination.k8s.io", "nodemend-system"),
    ("update", "leases.coordination.k8s.io", "nodemend-system"),
    ("create", "leases.coordination.k8s.io", "nodemend-system"),
];

const MAY_NOT: &[Right] = &[
    ("get", "secrets", "default"),
    ("list", "secrets", "nodemend-system"),
    ("delete", "nodes", ""),
    ("patch", "nodes/status", ""),
    ("update", "holds.nodemend.dev", ""),
    ("update", "repairpools.nodemend.dev", ""),
    ("patch", "repairpolicies.nodemend.dev", ""),
    ("create", "playbooks.nodemend.dev", ""),
    ("create", "repairguards.nodemend.dev", ""),
    ("update", "planpages.nodemend.dev", ""),
    ("create", "pods", "default"),
    ("list", "leases.coordination.k8s.io", "medik8s-leases"),
    ("patch", "leases.coordination.k8s.io", "nodemend-system"),
    ("update", "validatingwebhookconfigurations.admissionregistration.k8s.io", ""),
    ("patch", "customresourcedefinitions.apiextensions.k8s.io", ""),
];

pub(crate) fn controller(cluster: &Cluster) {
    for right in MAY {
        assert_eq!(answer(cluster, right), "yes", "{right:?}");
    }
    for right in MAY_NOT {
        assert_eq!(answer(cluster, right), "no", "{right:?}");
    }
}

/// The API server takes the schema, and finds its level of priority.
pub(crate) fn flow_schema(cluster: &Cluster) {
    let schema = nodemend_api::flow::schema(nodemend_api::install::NAMESPACE);
    let made: FlowSchema = cluster.create(&serde_json::to_value(&schema).unwrap());
    let name = made.metadata.name.unwrap();
    let dangling = "jsonpath={.status.conditions[?(@.type==\"Dangling\")].status}";
    cluster.eventually(&["get", "flowschema", &name, "-o", dangling], "False");
}

/// `kubectl auth can-i` ends with 1 for `no`, so the output is what counts.
fn answer(cluster: &Cluster, (verb, resource, namespace): &Right) -> String {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let subresource = format!("--subresource={subresource}");
    let namespace = format!("--namespace={namespace}");
    let mut command = cluster.as_controller().command();
    command.args(["auth", "can-i", verb, resource, &subresource, &namespace]);
    String::from_utf8(command.output().unwrap().stdout).unwrap().trim().to_owned()
}
