//! Budgets and pods as the API server has them, and what a drain would meet.

use serde_json::{Value, json};

use nodemend_core::drain::filter::PodView;

use super::*;

/// An evictable pod of app `a` in namespace `web`.
fn pod(phase: &str, ready: &str) -> Leaving {
    let pod = serde_json::from_value(json!({
        "metadata": { "namespace": "web", "name": "a-1" },
        "status": { "phase": phase, "conditions": [{ "type": "Ready", "status": ready }] },
    }))
    .unwrap();
    let labels = [("app".to_owned(), "a".to_owned())].into();
    let view = PodView {
        namespace: "web".into(),
        name: "a-1".into(),
        labels,
        finished: phase == "Succeeded",
        ..PodView::default()
    };
    Leaving { pod, view, verdict: Verdict::Evict }
}

/// A budget of app `a` that allows nothing, with one of two pods healthy, changed by `changes`.
fn budget(changes: &Value) -> PodDisruptionBudget {
    let mut budget = json!({
        "metadata": { "namespace": "web", "name": "b", "generation": 2 },
        "spec": { "selector": { "matchLabels": { "app": "a" } } },
        "status": {
            "disruptionsAllowed": 0, "currentHealthy": 1, "desiredHealthy": 2, "expectedPods": 3,
            "observedGeneration": 2,
        },
    });
    for (path, value) in changes.as_object().unwrap() {
        *budget.pointer_mut(path).unwrap() = value.clone();
    }
    serde_json::from_value(budget).unwrap()
}

fn blockers(pod: Leaving, budgets: &[PodDisruptionBudget]) -> Vec<Blocker> {
    in_the_way(&[pod], budgets)
}

#[test]
fn a_budget_without_room_is_named_with_its_figures() {
    let found = blockers(pod("Running", "True"), &[budget(&json!({}))]);
    assert_eq!((found[0].reason.as_str(), found.len()), ("PodDisruptionBudget", 1));
    assert_eq!(found[0].object, "poddisruptionbudget/web/b");
    assert!(found[0].next.contains("1 of 3 pods are healthy, 2 must be; pod web/a-1 waits"), "{found:?}");
    assert!(
        blockers(pod("Running", "True"), &[budget(&json!({ "/status/disruptionsAllowed": 1 }))]).is_empty()
    );
    assert!(blockers(pod("Running", "True"), &[]).is_empty());
}

#[test]
fn a_budget_of_other_pods_is_not_asked() {
    let elsewhere = budget(&json!({ "/metadata/namespace": "other" }));
    let of_others = budget(&json!({ "/spec/selector": { "matchLabels": { "app": "b" } } }));
    let of_nobody = budget(&json!({ "/spec/selector": null }));
    assert!(blockers(pod("Running", "True"), &[elsewhere, of_others, of_nobody]).is_empty());
    let of_all = budget(&json!({ "/spec/selector": {} }));
    assert_eq!(blockers(pod("Running", "True"), &[of_all]).len(), 1);
}

#[test]
fn pods_that_bypass_budgets_are_free() {
    let closed = [budget(&json!({}))];
    assert!(blockers(pod("Pending", "False"), &closed).is_empty());
    assert!(blockers(pod("Succeeded", "False"), &closed).is_empty());
    for verdict in [Verdict::Delete, Verdict::Leaving, Verdict::Wait] {
        assert!(blockers(Leaving { verdict, ..pod("Running", "True") }, &closed).is_empty());
    }
}

#[test]
fn what_is_not_up_to_date_lets_nothing_go() {
    let allowed = json!({ "/status/disruptionsAllowed": 1, "/status/observedGeneration": 1 });
    for unknown in [allowed, json!({ "/status/observedGeneration": null }), json!({ "/status": null })] {
        let found = blockers(pod("Running", "True"), &[budget(&unknown)]);
        assert!(found[0].next.contains("not up to date"), "{unknown}");
    }
}

#[test]
fn a_pod_that_does_not_serve_may_go_as_its_policy_says() {
    let unready = || pod("Running", "False");
    let enough = budget(&json!({ "/status/currentHealthy": 2 }));
    assert!(blockers(unready(), std::slice::from_ref(&enough)).is_empty());
    assert_eq!(blockers(pod("Running", "True"), &[enough]).len(), 1);
    assert_eq!(blockers(unready(), &[budget(&json!({}))]).len(), 1);
    let selector = json!({ "matchLabels": { "app": "a" } });
    let policy = |policy: &str, healthy: i32| {
        let spec = json!({ "selector": selector, "unhealthyPodEvictionPolicy": policy });
        budget(&json!({ "/spec": spec, "/status/currentHealthy": healthy }))
    };
    assert!(blockers(unready(), &[policy("AlwaysAllow", 1)]).is_empty());
    assert_eq!(blockers(pod("Running", "True"), &[policy("AlwaysAllow", 1)]).len(), 1);
    assert_eq!(blockers(unready(), &[policy("SomethingNew", 2)]).len(), 1);
    let none_wanted = json!({ "/status/currentHealthy": 0, "/status/desiredHealthy": 0 });
    assert_eq!(blockers(unready(), &[budget(&none_wanted)]).len(), 1);
}

#[test]
fn a_pod_with_two_budgets_never_goes() {
    let two =
        [budget(&json!({ "/status/disruptionsAllowed": 1 })), budget(&json!({ "/metadata/name": "c" }))];
    let found = blockers(pod("Running", "False"), &two);
    assert_eq!((found[0].reason.as_str(), found[0].object.as_str()), ("SeveralBudgets", "pod/web/a-1"));
    assert!(found[0].next.contains("web/b, web/c"), "{found:?}");
}
