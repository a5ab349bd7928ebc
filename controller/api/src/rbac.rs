//! What the controller may do, as data: its `ClusterRole`, its `Role` and the chart are all made from these rules.
//!
//! The rules follow from who writes what: people own specs, Holds and the guard's limits, the controller owns every
//! status, the runs of policies, the journals, and the Holds of its storm breaker. Nothing is asked for in advance.

use k8s_openapi::api::rbac::v1::PolicyRule;

use crate::GROUP;
use crate::install::NAME;

const READ: &[&str] = &["get", "list", "watch"];

/// Rules of the controller in the whole cluster.
pub fn cluster_rules() -> Vec<PolicyRule> {
    own_kinds()
        .into_iter()
        .chain(node_rules())
        .chain(drain_rules())
        .chain(lease_rules())
        .chain(event_rules())
        .collect()
}

/// Rules of the controller in its own namespace: what pools name as credentials and host keys, and the Lease by which one
/// of several replicas leads. It is written by PUT: `patch` would let an apply take it from whoever holds it. Creation
/// cannot be bound to a name.
pub fn namespace_rules() -> Vec<PolicyRule> {
    let mut own_lease = rule("coordination.k8s.io", &["leases"], &["get", "update"]);
    own_lease.resource_names = Some(vec![NAME.to_owned()]);
    vec![
        rule("", &["secrets", "configmaps"], &["get"]),
        rule("coordination.k8s.io", &["leases"], &["create"]),
        own_lease,
    ]
}

/// Our own kinds. Status is written by PUT with a resourceVersion, hence `update` and never `patch`.
fn own_kinds() -> Vec<PolicyRule> {
    let read_only = ["playbooks", "repairpolicies", "repairpools", "repairguards"];
    let made_by_us = ["repairruns", "planpages", "remediations", "diagnosisreports"];
    let status = [
        "repairpools/status",
        "repairpolicies/status",
        "repairruns/status",
        "remediations/status",
        "repairguards/status",
        "diagnosisreports/status",
    ];
    vec![
        rule(GROUP, &read_only, READ),
        rule(GROUP, &made_by_us, &["get", "list", "watch", "create"]),
        // The storm breaker makes Holds and lifts its own, a failed undo makes some; none is ever changed.
        rule(GROUP, &["holds"], &["get", "list", "watch", "create", "delete"]),
        rule(GROUP, &status, &["update"]),
        // Remediations that were never granted and never may be, and runs that are over for long enough.
        rule(GROUP, &["remediations", "repairruns"], &["delete"]),
        // Finalizers, which stand from the grant to the terminal write.
        rule(GROUP, &["repairruns", "remediations"], &["patch"]),
        // Some clusters ask for it of whoever makes an object whose owner must not go before it.
        rule(GROUP, &["repairruns/finalizers"], &["update"]),
    ]
}

/// Cordon, its marks, and nothing else of a node.
fn node_rules() -> Vec<PolicyRule> {
    vec![rule("", &["nodes"], &["get", "list", "watch", "patch"])]
}

/// What `kubectl drain` needs, and deletion for pods that a pool's rules say to delete.
fn drain_rules() -> Vec<PolicyRule> {
    vec![
        rule("", &["pods"], &["get", "list", "watch", "delete"]),
        rule("", &["pods/eviction"], &["create"]),
        rule("", &["namespaces"], &["get"]),
        rule("apps", &["daemonsets"], &["get", "list"]),
        rule("policy", &["poddisruptionbudgets"], &["get", "list"]),
        // Whether a webhook that must be asked could answer, looked at before the node is cordoned.
        rule(
            "admissionregistration.k8s.io",
            &["validatingwebhookconfigurations", "mutatingwebhookconfigurations"],
            &["list"],
        ),
        rule("discovery.k8s.io", &["endpointslices"], &["list"]),
        rule("", &["services"], &["get"]),
    ]
}

/// The Leases by which the medik8s operators agree who repairs a node, in the namespace `medik8s-leases`, whose names
/// are those of the nodes. In the whole cluster, for a Role cannot be installed where that namespace is missing, and
/// it may come later; the controller names no other namespace. Some clusters ask for `delete` of whoever sets an owner.
fn lease_rules() -> Vec<PolicyRule> {
    vec![rule("coordination.k8s.io", &["leases"], &["get", "create", "update", "delete"])]
}

/// Events on our objects and on nodes. Repeated ones are patched.
fn event_rules() -> Vec<PolicyRule> {
    vec![rule("events.k8s.io", &["events"], &["create", "patch"])]
}

fn rule(group: &str, resources: &[&str], verbs: &[&str]) -> PolicyRule {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(owned(resources)),
        verbs: owned(verbs),
        ..PolicyRule::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_rule_is_a_wildcard() {
        for rule in cluster_rules().into_iter().chain(namespace_rules()) {
            let texts = [rule.api_groups, rule.resources, Some(rule.verbs)];
            assert!(texts.into_iter().flatten().flatten().all(|text| !text.contains('*')));
        }
    }

    #[test]
    fn every_kind_of_ours_can_be_read() {
        let readable: Vec<_> = own_kinds()
            .into_iter()
            .filter(|rule| READ.iter().all(|verb| rule.verbs.iter().any(|v| v == verb)))
            .flat_map(|rule| rule.resources.unwrap_or_default())
            .collect();
        for crd in crate::crds::all() {
            assert!(readable.contains(&crd.spec.names.plural), "{}", crd.spec.names.plural);
        }
    }
}
