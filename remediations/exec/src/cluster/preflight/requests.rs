//! The requests that a drain leads to, as admission sees them.

use k8s_openapi::api::admissionregistration::v1::RuleWithOperations;
use nodemend_core::drain::filter::Verdict;
use nodemend_core::ids::NodeName;
use nodemend_core::selector::Labels;

use super::Leaving;

/// A request that a drain leads to, of ours or of the kubelet.
pub(super) struct Request {
    operation: &'static str,
    resource: &'static str,
    subresource: &'static str,
    /// Absent for the node, which lies in no namespace.
    pub(super) namespace: Option<String>,
    /// The labels that an object selector is asked about; absent when they are not known.
    pub(super) labels: Option<Labels>,
    /// For people.
    pub(super) text: String,
}

impl Request {
    /// The cordon, the evictions, and the deletions: ours, and the kubelet's own when a pod has ended.
    pub(super) fn of_drain(node: &NodeName, leaving: &[Leaving]) -> Vec<Self> {
        let cordon = Self {
            operation: "UPDATE",
            resource: "nodes",
            subresource: "",
            namespace: None,
            labels: None,
            text: format!("cordon of node {node}"),
        };
        let evicted = leaving.iter().filter(|leaving| leaving.verdict == Verdict::Evict);
        [cordon]
            .into_iter()
            .chain(evicted.map(Self::eviction))
            .chain(leaving.iter().map(Self::deletion))
            .collect()
    }

    /// An object selector is asked about the Eviction, which has no labels, and not about its pod.
    fn eviction(leaving: &Leaving) -> Self {
        Self {
            operation: "CREATE",
            resource: "pods",
            subresource: "eviction",
            namespace: Some(leaving.view.namespace.clone()),
            labels: Some(Labels::new()),
            text: format!("eviction of pod {}", leaving.view.full_name()),
        }
    }

    fn deletion(leaving: &Leaving) -> Self {
        Self {
            operation: "DELETE",
            resource: "pods",
            subresource: "",
            namespace: Some(leaving.view.namespace.clone()),
            labels: Some(leaving.view.labels.clone()),
            text: format!("deletion of pod {}", leaving.view.full_name()),
        }
    }

    /// Whether a webhook with this rule is asked about the request.
    pub(super) fn is_ruled_by(&self, rule: &RuleWithOperations) -> bool {
        let has = |list: &Option<Vec<String>>, wanted: &str| {
            list.iter().flatten().any(|entry| entry == "*" || entry == wanted)
        };
        has(&rule.operations, self.operation)
            && has(&rule.api_groups, "")
            && has(&rule.api_versions, "v1")
            && rule.resources.iter().flatten().any(|entry| self.is_meant_by(entry))
            && match rule.scope.as_deref() {
                Some("Namespaced") => self.namespace.is_some(),
                Some("Cluster") => self.namespace.is_none(),
                _ => true,
            }
    }

    /// `pods` is the resource alone, `pods/*` with all that is below it, `*/*` everything.
    fn is_meant_by(&self, entry: &str) -> bool {
        let (resource, subresource) = entry.split_once('/').unwrap_or((entry, ""));
        (resource == "*" || resource == self.resource)
            && (subresource == "*" || subresource == self.subresource)
    }
}
