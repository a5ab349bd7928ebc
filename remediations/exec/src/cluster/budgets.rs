//! Which PodDisruptionBudgets select a pod: the API server does not name the one that refused.

use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{Api, ListParams};
use kube::core::{Selector, SelectorExt as _};
use nodemend_core::drain::filter::PodView;

use super::Cluster;
use super::client::within;

impl Cluster {
    /// The names of the budgets that select `pod`: those that allow nothing now, or all if each allows some. None if
    /// they cannot be read: they serve only to name.
    pub(super) async fn budgets_of(&self, pod: &PodView) -> Vec<String> {
        let api: Api<PodDisruptionBudget> = Api::namespaced(self.client.clone(), &pod.namespace);
        let all = within(api.list(&ListParams::default())).await.map(|list| list.items).unwrap_or_default();
        to_be_named(&all, pod)
    }
}

fn to_be_named(all: &[PodDisruptionBudget], pod: &PodView) -> Vec<String> {
    let selecting: Vec<_> = all.iter().filter(|budget| selects(budget, pod)).collect();
    let closed: Vec<_> = selecting.iter().copied().filter(|budget| allowed(budget) == 0).collect();
    let named = if closed.is_empty() { selecting } else { closed };
    named.iter().filter_map(|budget| budget.metadata.name.clone()).collect()
}

fn allowed(budget: &PodDisruptionBudget) -> i32 {
    budget.status.as_ref().map_or(0, |status| status.disruptions_allowed)
}

/// No selector selects nothing, an empty one every pod of the namespace (policy/v1).
pub(super) fn selects(budget: &PodDisruptionBudget, pod: &PodView) -> bool {
    let selector = budget.spec.as_ref().and_then(|spec| spec.selector.clone());
    selector.and_then(|s| Selector::try_from(s).ok()).is_some_and(|s| s.matches(&pod.labels))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_closed_budget_is_named() {
        let budget = |name: &str, selector, allowed: i32| {
            serde_json::from_value(json!({
                "metadata": { "name": name },
                "spec": { "selector": selector },
                "status": { "disruptionsAllowed": allowed, "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1 },
            }))
            .unwrap()
        };
        let all = [
            budget("open", json!({ "matchLabels": { "app": "a" } }), 1),
            budget(
                "closed",
                json!({ "matchExpressions": [{ "key": "app", "operator": "In", "values": ["a"] }] }),
                0,
            ),
            budget("other", json!({ "matchLabels": { "app": "b" } }), 0),
            budget("none", json!(null), 0),
        ];
        let pod = |app: &str| PodView {
            namespace: "web".into(),
            labels: [("app".to_owned(), app.to_owned())].into(),
            ..PodView::default()
        };
        assert_eq!(to_be_named(&all, &pod("a")), ["closed"]);
        assert_eq!(to_be_named(&all, &pod("b")), ["other"]);
        assert!(to_be_named(&all, &pod("c")).is_empty());
    }
}
