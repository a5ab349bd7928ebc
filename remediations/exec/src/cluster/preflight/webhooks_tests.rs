//! Webhooks as they are registered, and the requests of a drain that they are asked about.

use k8s_openapi::api::core::v1::Pod;
use nodemend_core::drain::filter::{PodView, Verdict};
use serde_json::{Value, json};

use super::super::Leaving;
use super::*;

fn requests(verdict: Verdict) -> Vec<Request> {
    let labels = [("app".to_owned(), "a".to_owned())].into();
    let view = PodView { namespace: "web".into(), name: "a-1".into(), labels, ..PodView::default() };
    Request::of_drain(&"node-1".into(), &[Leaving { pod: Pod::default(), view, verdict }])
}

/// A webhook about evictions that must be answered, with `changes` to it.
fn hook(changes: &Value) -> Hook {
    let mut hook = json!({
        "name": "guard.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"],
        "clientConfig": { "service": { "namespace": "guard", "name": "guard" } },
        "rules": [rule("", "CREATE", "pods/eviction", "*")],
    });
    hook.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    let all = json!({ "metadata": { "name": "guard" }, "webhooks": [hook] });
    Hook::validating(&serde_json::from_value(all).unwrap()).remove(0)
}

fn rule(group: &str, operation: &str, resource: &str, scope: &str) -> Value {
    json!({
        "apiGroups": [group], "apiVersions": ["v1"], "operations": [operation], "resources": [resource],
        "scope": scope,
    })
}

fn blocker(hook: &Hook) -> Option<Blocker> {
    let silent = [Service { namespace: "guard".into(), name: "guard".into() }].into();
    let labels = [("tier".to_owned(), "test".to_owned())].into();
    let namespaces = [("web".to_owned(), labels)].into();
    hook.in_the_way(&silent, &requests(Verdict::Evict), &namespaces)
}

#[test]
fn a_silent_webhook_is_named_with_its_service() {
    let found = blocker(&hook(&json!({}))).unwrap();
    assert_eq!(found.reason, "WebhookWithoutEndpoints");
    assert_eq!(found.object, "validatingwebhookconfiguration/guard");
    for part in ["guard.example.com", "eviction of pod web/a-1", "service guard/guard"] {
        assert!(found.next.contains(part), "{found:?}");
    }
    let other = hook(&json!({ "clientConfig": { "service": { "namespace": "guard", "name": "alive" } } }));
    assert_eq!(blocker(&other), None);
}

#[test]
fn only_a_webhook_with_a_service_must_answer_unless_it_may_fail() {
    let must = |changes: Value| hook(&changes).must_answer(&requests(Verdict::Evict));
    assert!(must(json!({})), "no policy means Fail");
    assert!(must(json!({ "failurePolicy": "Fail" })));
    assert!(!must(json!({ "failurePolicy": "Ignore" })));
    assert!(!must(json!({ "clientConfig": { "url": "https://guard.example.com" } })));
}

#[test]
fn rules_match_as_the_api_server_matches_them() {
    for (rule, evicting, deleting) in [
        (rule("", "CREATE", "pods/eviction", "*"), true, false),
        (rule("*", "*", "*/*", "*"), true, true),
        (rule("", "CREATE", "pods/*", "Namespaced"), true, false),
        (rule("", "CREATE", "*/eviction", "*"), true, false),
        (rule("", "CREATE", "pods", "*"), false, false),
        (rule("", "CREATE", "*", "*"), false, false),
        (rule("", "*", "*", "Namespaced"), true, true),
        (rule("", "DELETE", "pods", "*"), true, true),
        (rule("", "UPDATE", "nodes", "*"), true, true),
        (rule("", "UPDATE", "*", "Cluster"), true, true),
        (rule("", "UPDATE", "nodes", "Namespaced"), false, false),
        (rule("", "UPDATE", "nodes/status", "*"), false, false),
        (rule("", "DELETE", "nodes", "*"), false, false),
        (rule("apps", "*", "*/*", "*"), false, false),
    ] {
        let hook = hook(&json!({ "rules": [rule] }));
        assert_eq!(hook.must_answer(&requests(Verdict::Evict)), evicting, "{rule}");
        assert_eq!(hook.must_answer(&requests(Verdict::Delete)), deleting, "{rule}");
    }
}

#[test]
fn selectors_that_leave_the_request_out_are_believed() {
    let delete = rule("", "DELETE", "pods", "*");
    let label = |key: &str, value: &str| json!({ "matchLabels": { key: value } });
    let not = |key: &str, value: &str| json!({ "matchExpressions": [{ "key": key, "operator": "NotIn", "values": [value] }] });
    for (changes, named) in [
        (json!({ "namespaceSelector": label("tier", "test") }), true),
        (json!({ "namespaceSelector": label("tier", "live") }), false),
        (json!({ "namespaceSelector": not("tier", "test") }), false),
        (json!({ "namespaceSelector": {} }), true),
        (json!({ "objectSelector": label("app", "a") }), false),
        (json!({ "objectSelector": not("app", "b") }), true),
        (json!({ "objectSelector": label("app", "a"), "rules": [delete] }), true),
        (json!({ "objectSelector": label("app", "b"), "rules": [delete] }), false),
        (json!({ "matchConditions": [{ "name": "never", "expression": "false" }] }), true),
    ] {
        assert_eq!(blocker(&hook(&changes)).is_some(), named, "{changes}");
    }
}

#[test]
fn what_is_said_of_namespaces_is_not_said_of_nodes() {
    let nodes = hook(&json!({
        "rules": [rule("", "UPDATE", "nodes", "*")],
        "namespaceSelector": { "matchLabels": { "tier": "live" } },
        "objectSelector": { "matchLabels": { "pool": "other" } },
    }));
    assert!(blocker(&nodes).unwrap().next.contains("cordon of node node-1"));
}

#[test]
fn mutating_webhooks_count_too() {
    let all = json!({ "metadata": { "name": "m" }, "webhooks": [{
        "name": "m.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"],
        "clientConfig": { "service": { "namespace": "guard", "name": "guard" } },
        "rules": [rule("", "*", "pods/*", "*")],
    }] });
    let hook = Hook::mutating(&serde_json::from_value(all).unwrap()).remove(0);
    assert_eq!(blocker(&hook).unwrap().object, "mutatingwebhookconfiguration/m");
}

#[test]
fn an_endpoint_has_to_be_ready() {
    let slice = |endpoints: Value| -> EndpointSlice {
        serde_json::from_value(json!({ "addressType": "IPv4", "endpoints": endpoints })).unwrap()
    };
    let ready = |ready: Value| json!([{ "addresses": ["192.0.2.1"], "conditions": { "ready": ready } }]);
    assert!(has_ready_endpoint(&slice(ready(json!(true)))));
    assert!(has_ready_endpoint(&slice(ready(json!(null)))));
    assert!(!has_ready_endpoint(&slice(ready(json!(false)))));
    assert!(!has_ready_endpoint(&slice(json!([]))));
    assert!(!has_ready_endpoint(&slice(json!(null))));
}
