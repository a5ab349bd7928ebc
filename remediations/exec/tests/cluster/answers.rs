//! What a real API server answers to evictions, and what core makes of it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use nodemend_bed::workloads::manifest;
use nodemend_core::drain::eviction::{EvictionVerdict, verdict};
use nodemend_core::drain::{DrainOptions, DrainProgress};
use nodemend_core::time::Span;
use nodemend_exec::Still;
use serde_json::{Value, json};

use crate::bare::Bare;
use crate::rig::{DEADLINE, Rig};

pub(crate) fn every_answer_to_an_eviction_is_understood(rig: &Rig) {
    budgets(rig);
    another_pod_under_the_name(rig);
    admission(rig);
    a_namespace_that_is_deleted(rig);
    what_is_stopped_is_not_sent(rig);
}

fn drain(bare: &Bare<'_>) -> DrainProgress {
    bare.drain(DrainOptions::default(), Span(0))
}

fn in_the_way(progress: &DrainProgress) -> BTreeSet<(&str, &str)> {
    progress.blockers.iter().map(|b| (b.reason.as_str(), b.object.as_str())).collect()
}

fn budgets(rig: &Rig) {
    let bare = Bare::new(rig, "answers");
    for pod in ["free", "closed", "both", "pending"] {
        bare.pod(pod, |_| {});
        if pod != "pending" {
            bare.phase(pod, "Running");
        }
    }
    for (budget, app) in [("closed", "closed"), ("one", "both"), ("two", "both"), ("pending", "pending")] {
        bare.budget(budget, app);
    }
    let before = rig.bed.audit_events().unwrap().len();
    let progress = drain(&bare);
    assert_eq!(progress.accepted, 2, "no budget is asked about a pod that does not run: {progress:?}");
    let closed = ("PodDisruptionBudget", "poddisruptionbudget/answers/closed");
    let both = ("SeveralBudgets", "pod/answers/both");
    assert_eq!(in_the_way(&progress), BTreeSet::from([closed, both]));
    let said = progress.blockers.iter().map(|b| b.next.as_str()).collect::<Vec<_>>().join("\n");
    assert!(said.contains("needs 1 healthy pods and has 1") && said.contains("(one, two)"), "{said}");
    bare.kubectl(&["delete", "pdb", "one"]).unwrap();
    bare.pod("late", |_| {});
    a_closed_budget_slows_nobody_down(&bare, before);
    bare.end_pods();
}

/// For as long as three rounds take, then the budget goes.
fn a_closed_budget_slows_nobody_down(bare: &Bare<'_>, before: usize) {
    let (mut accepted, mut rounds) = (0, 0);
    while rounds < 3 {
        let progress = drain(bare);
        accepted += progress.accepted;
        rounds += 1;
        assert!(in_the_way(&progress).iter().any(|(_, object)| object.ends_with("closed")), "{progress:?}");
    }
    assert_eq!(accepted, 1, "the new pod; the other two are kept by one budget each");
    let events = bare.rig.bed.audit_events().unwrap();
    let asked = events.iter().skip(before).filter(|event| {
        event["objectRef"]["subresource"] == "eviction" && event["objectRef"]["name"] == "closed"
    });
    let asked = asked.count();
    assert!((2..=4).contains(&asked), "with pauses that double: {asked} in {} rounds", rounds + 1);
    bare.kubectl(&["delete", "pdb", "closed"]).unwrap();
    let opened = || Ok(drain(bare).accepted == 1);
    bare.rig.bed.wait_for("the pod to go once its budget is gone", DEADLINE, opened).unwrap();
}

/// The real words of the API server, which are not those of a deletion.
fn another_pod_under_the_name(rig: &Rig) {
    let bare = Bare::new(rig, "replaced");
    bare.pod("a", |_| {});
    bare.phase("a", "Running");
    let older = rig.evict("replaced", "a", "00000000-0000-4000-8000-000000000000");
    assert_eq!((older.code, verdict(&older)), (409, EvictionVerdict::Gone), "{older:?}");
    assert_eq!(bare.field("a", "{.metadata.deletionTimestamp}"), "", "the new pod is left alone");
    let missing = rig.evict("replaced", "b", "00000000-0000-4000-8000-000000000000");
    assert_eq!((missing.code, verdict(&missing)), (404, EvictionVerdict::Gone), "{missing:?}");
    let uid = bare.field("a", "{.metadata.uid}");
    let meant = rig.evict("replaced", "a", &uid);
    assert_eq!((meant.code, verdict(&meant)), (200, EvictionVerdict::Accepted), "{meant:?}");
    bare.end_pods();
}

fn admission(rig: &Rig) {
    let bare = Bare::new(rig, "guarded");
    bare.pod("a", |_| {});
    bare.phase("a", "Running");
    rig.bed.apply(&policy("guarded", "CREATE", "pods/eviction")).unwrap();
    refused_by_policy(&bare, &["create", "--raw", "/api/v1/namespaces/guarded/pods/a/eviction?dryRun=All"]);
    let progress = drain(&bare);
    assert_eq!(
        in_the_way(&progress),
        BTreeSet::from([("AdmissionPolicy", "validatingadmissionpolicy/guarded")])
    );
    take_away("guarded", rig);
    bare.end_pods();
}

/// A policy keeps the namespace's end from reaching the pod, as a slow cluster would for a moment.
fn a_namespace_that_is_deleted(rig: &Rig) {
    let bare = Bare::new(rig, "ending");
    bare.pod("a", |_| {});
    bare.phase("a", "Running");
    rig.bed.apply(&policy("ending", "DELETE", "pods")).unwrap();
    let kept = || Ok(bare.kubectl(&["delete", "pod", "a", "--dry-run=server"]).is_err());
    rig.bed.wait_for("the policy to keep the pod", DEADLINE, kept).unwrap();
    rig.bed.kubectl(&["delete", "namespace", "ending", "--wait=false"]).unwrap();
    let ends = || Ok(in_the_way(&drain(&bare)).contains(&("NamespaceTerminating", "pod/ending/a")));
    rig.bed.wait_for("evictions to be refused in the namespace", DEADLINE, ends).unwrap();
    take_away("ending", rig);
    let goes = || {
        bare.end_pods();
        Ok(drain(&bare).is_done())
    };
    rig.bed.wait_for("the pod to go with its namespace", DEADLINE, goes).unwrap();
}

/// A Hold that the watches know of stops evictions that stand in line, and the watch of pods that leave.
fn what_is_stopped_is_not_sent(rig: &Rig) {
    let mut bare = Bare::new(rig, "stopped");
    bare.pod("a", |_| {});
    bare.phase("a", "Running");
    bare.target.still = Still::asking(|| false);
    let begun = Instant::now();
    let progress = drain(&bare);
    assert_eq!((progress.accepted, progress.remaining_total), (0, 1), "{progress:?}");
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(bare.field("a", "{.metadata.deletionTimestamp}"), "");
    bare.target.still = Still::default();
    assert_eq!(drain(&bare).accepted, 1);
    bare.end_pods();
}

fn refused_by_policy(bare: &Bare<'_>, request: &[&str]) {
    let body = json!({
        "apiVersion": "policy/v1", "kind": "Eviction", "metadata": { "name": "a", "namespace": "guarded" },
    });
    let file = bare.rig.bed.dir().join("eviction.json");
    std::fs::write(&file, body.to_string()).unwrap();
    let request = [request, &["-f", file.to_str().unwrap()]].concat();
    let refused = || Ok(bare.rig.bed.kubectl(&request).is_err());
    bare.rig.bed.wait_for("the policy to refuse evictions", DEADLINE, refused).unwrap();
}

/// A policy of the namespace's name that denies `operation` on `resource` in it.
fn policy(namespace: &str, operation: &str, resource: &str) -> String {
    let here = json!({ "matchLabels": { "kubernetes.io/metadata.name": namespace } });
    let rule = json!({
        "apiGroups": [""], "apiVersions": ["v1"], "operations": [operation], "resources": [resource],
    });
    manifest([
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
            "metadata": { "name": namespace },
            "spec": {
                "matchConstraints": { "namespaceSelector": here, "resourceRules": [rule] },
                "validations": [{ "expression": "false", "message": "a test says no" }],
            },
        }),
        binding(namespace),
    ])
}

fn binding(name: &str) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": { "name": name }, "spec": { "policyName": name, "validationActions": ["Deny"] },
    })
}

fn take_away(policy: &str, rig: &Rig) {
    rig.bed.kubectl(&["delete", "validatingadmissionpolicybinding", policy]).unwrap();
    rig.bed.kubectl(&["delete", "validatingadmissionpolicy", policy]).unwrap();
}
