//! Which budgets would refuse an eviction now, decided as the API server's eviction decides it.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use nodemend_core::blocker::Blocker;
use nodemend_core::drain::filter::Verdict;

use super::super::budgets::selects;
use super::Leaving;

/// What keeps the pods from going: every budget without room, and every pod with more than one budget.
pub(super) fn in_the_way(leaving: &[Leaving], budgets: &[PodDisruptionBudget]) -> Vec<Blocker> {
    leaving.iter().filter(|leaving| are_asked(leaving)).filter_map(|pod| in_way_of(pod, budgets)).collect()
}

/// Whether the API server asks budgets about the pod: only of an eviction, and not of a pod that does not run yet or
/// has ended.
pub(super) fn are_asked(leaving: &Leaving) -> bool {
    let phase = leaving.pod.status.as_ref().and_then(|status| status.phase.as_deref());
    leaving.verdict == Verdict::Evict && !leaving.view.finished && phase != Some("Pending")
}

fn in_way_of(leaving: &Leaving, budgets: &[PodDisruptionBudget]) -> Option<Blocker> {
    let of_pod = |b: &&PodDisruptionBudget| {
        b.metadata.namespace.as_ref() == Some(&leaving.view.namespace) && selects(b, &leaving.view)
    };
    let covering: Vec<_> = budgets.iter().filter(of_pod).collect();
    let pod = leaving.view.full_name();
    match covering.as_slice() {
        [] => None,
        [one] => why_closed(one, &leaving.pod).map(|why| {
            let next = format!("{why}; pod {pod} waits: make more pods of it Ready, or change the budget");
            Blocker::new("PodDisruptionBudget", format!("poddisruptionbudget/{}", full_name(one)), next)
        }),
        several => {
            let names: Vec<_> = several.iter().map(|budget| full_name(budget)).collect();
            let next = format!(
                "the API server evicts no pod with more than one budget: leave one of {}",
                names.join(", ")
            );
            Some(Blocker::new("SeveralBudgets", format!("pod/{pod}"), next))
        }
    }
}

/// Why the budget lets the pod not go now. A status older than the budget says nothing, so it lets nothing go.
fn why_closed(budget: &PodDisruptionBudget, pod: &Pod) -> Option<String> {
    let policy = budget.spec.as_ref().and_then(|spec| spec.unhealthy_pod_eviction_policy.as_deref());
    let ready = is_ready(pod);
    if !ready && policy == Some("AlwaysAllow") {
        return None;
    }
    let Some(status) = budget.status.as_ref().filter(|_| is_current(budget)) else {
        return Some("its status is not up to date, so nobody knows what it allows".to_owned());
    };
    // The default policy: a pod that does not serve may go while enough others do.
    let enough = status.current_healthy >= status.desired_healthy && status.desired_healthy > 0;
    let lets_unready_go = matches!(policy, None | Some("IfHealthyBudget")) && enough;
    if status.disruptions_allowed > 0 || (!ready && lets_unready_go) {
        return None;
    }
    Some(format!(
        "allows no disruption now: {} of {} pods are healthy, {} must be",
        status.current_healthy, status.expected_pods, status.desired_healthy
    ))
}

fn is_current(budget: &PodDisruptionBudget) -> bool {
    let observed = budget.status.as_ref().and_then(|status| status.observed_generation);
    observed.is_some() && observed >= budget.metadata.generation
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn full_name(budget: &PodDisruptionBudget) -> String {
    let part = |text: &Option<String>| text.clone().unwrap_or_default();
    format!("{}/{}", part(&budget.metadata.namespace), part(&budget.metadata.name))
}

#[cfg(test)]
#[path = "budgets_tests.rs"]
mod tests;
