//! Budgets and webhooks that stop evictions, each shown to stop one before and after it is named.

use nodemend_bed::workloads::{deployment, manifest, pod_disruption_budget};
use nodemend_core::op::{Op, OpResult};
use serde_json::{Value, json};

use crate::rig::{DEADLINE, Rig, mark};

const BUDGET: (&str, &str) = ("PodDisruptionBudget", "poddisruptionbudget/default/web");
const WEBHOOK: (&str, &str) = ("WebhookWithoutEndpoints", "validatingwebhookconfiguration/guard");

pub(crate) fn what_is_in_the_way_of_a_drain_is_named_before_the_cordon(rig: &Rig) {
    rig.bed.apply(&manifest([deployment("web", 2, "workers")])).unwrap();
    rig.bed.kubectl(&["rollout", "status", "deployment/web", "--timeout=30s"]).unwrap();
    assert_eq!(rig.preflight(), []);
    a_budget_without_room(rig);
    a_webhook_that_cannot_answer(rig);
    two_budgets_for_one_pod(rig);
    assert_eq!(rig.node("{.spec.unschedulable}"), "", "all of it without a cordon left behind");
}

fn a_budget_without_room(rig: &Rig) {
    rig.bed.apply(&manifest([pod_disruption_budget("web", 0)])).unwrap();
    expect(rig, &[BUDGET]);
    let settled = || Ok(rig.preflight()[0].next.contains("2 of 2 pods are healthy, 2 must be"));
    rig.bed.wait_for("the budget's figures", DEADLINE, settled).unwrap();
    while_cordoned(rig, || {
        let refused = rig.drain().blockers;
        assert_eq!((refused.len(), refused[0].object.as_str()), (1, BUDGET.1), "{refused:?}");
    });
}

/// The budget stays, so that nothing leaves before the API server has heard of the webhook.
fn a_webhook_that_cannot_answer(rig: &Rig) {
    rig.bed.apply(&manifest([service(&json!({ "ports": [{ "port": 443 }] })), webhook(&json!({}))])).unwrap();
    expect(rig, &[BUDGET, WEBHOOK]);
    while_cordoned(rig, || {
        let stopped = || Ok(rig.drain().blockers[0].reason == "AdmissionWebhook");
        rig.bed.wait_for("the webhook to stop evictions", DEADLINE, stopped).unwrap();
    });
    rig.bed.apply(&manifest([webhook(&json!({ "matchLabels": { "no": "namespace" } }))])).unwrap();
    expect(rig, &[BUDGET]);
    rig.bed.apply(&manifest([webhook(&json!({})), endpoint()])).unwrap();
    expect(rig, &[BUDGET]);
    rig.bed.kubectl(&["delete", "endpointslice", "guard"]).unwrap();
    expect(rig, &[BUDGET, WEBHOOK]);
    rig.bed.kubectl(&["delete", "service", "guard"]).unwrap();
    expect(rig, &[BUDGET, WEBHOOK]);
    let elsewhere = json!({ "type": "ExternalName", "externalName": "guard.example.com" });
    rig.bed.apply(&manifest([service(&elsewhere)])).unwrap();
    expect(rig, &[BUDGET]);
    rig.bed.kubectl(&["delete", "service", "guard"]).unwrap();
    expect(rig, &[BUDGET, WEBHOOK]);
    rig.bed.kubectl(&["delete", "validatingwebhookconfiguration", "guard"]).unwrap();
    expect(rig, &[BUDGET]);
}

fn two_budgets_for_one_pod(rig: &Rig) {
    let mut second = pod_disruption_budget("web", 1);
    second["metadata"]["name"] = json!("second");
    rig.bed.apply(&manifest([second])).unwrap();
    let found = rig.in_the_way();
    assert!(found.len() == 2 && found.iter().all(|(reason, _)| reason == "SeveralBudgets"), "{found:?}");
    rig.bed.kubectl(&["delete", "poddisruptionbudgets", "web", "second"]).unwrap();
    expect(rig, &[]);
}

/// A webhook about evictions in the namespaces that `selector` selects. It has to be asked.
fn webhook(selector: &Value) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": { "name": "guard" },
        "webhooks": [{
            "name": "guard.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "clientConfig": { "service": { "namespace": "default", "name": "guard" } },
            "namespaceSelector": selector,
            "rules": [{
                "apiGroups": ["*"], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["pods/*"],
            }],
        }],
    })
}

fn service(spec: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "guard", "namespace": "default" },
        "spec": spec,
    })
}

fn endpoint() -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {
            "name": "guard", "namespace": "default", "labels": { "kubernetes.io/service-name": "guard" },
        },
        "endpoints": [{ "addresses": ["192.0.2.1"], "conditions": { "ready": true } }],
        "ports": [{ "port": 443 }],
    })
}

/// A new budget counts at once, before anything has been worked out for it; nothing else has to be waited for.
fn expect(rig: &Rig, named: &[(&str, &str)]) {
    let named: Vec<_> =
        named.iter().map(|(reason, object)| (reason.to_string(), object.to_string())).collect();
    assert_eq!(rig.in_the_way(), named);
}

fn while_cordoned(rig: &Rig, question: impl FnOnce()) {
    assert_eq!(rig.perform(&Op::Cordon(mark())), OpResult::Cordoned(mark()));
    question();
    assert_eq!(rig.perform(&Op::Uncordon(mark())), OpResult::Uncordoned);
}
