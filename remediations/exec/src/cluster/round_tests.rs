//! What a round makes of pods and of what the watch says of them.

use nodemend_core::drain::filter::Owner;
use nodemend_core::drain::{DrainAction, DrainOptions, DrainRule};
use nodemend_core::time::Span;
use serde_json::{Value, json};

use super::*;

fn pod(name: &str) -> PodView {
    let owner = Owner { api_version: "apps/v1".into(), kind: "ReplicaSet".into(), name: "o".into() };
    PodView {
        namespace: "web".into(),
        name: name.into(),
        uid: format!("uid-{name}"),
        owner: Some(owner),
        ..PodView::default()
    }
}

fn round(pods: Vec<PodView>, rules: Vec<DrainRule>) -> Round {
    let options = DrainOptions { rules, ..DrainOptions::default() };
    Round::of(pods, &DrainRequest { options, waited: Span(0) })
}

fn seen(name: &str, uid: &str, changes: &Value) -> Box<Pod> {
    let mut pod = json!({ "metadata": { "namespace": "web", "name": name, "uid": uid }, "status": {} });
    if let Some(time) = changes.get("deletionTimestamp") {
        pod["metadata"]["deletionTimestamp"] = time.clone();
    }
    if let Some(phase) = changes.get("phase") {
        pod["status"]["phase"] = phase.clone();
    }
    serde_json::from_value(pod).unwrap()
}

fn modified(name: &str, uid: &str, changes: &Value) -> WatchEvent<Pod> {
    WatchEvent::Modified(*seen(name, uid, changes))
}

#[test]
fn pods_leave_as_the_watch_says() {
    let mut round = round(vec![pod("a"), pod("b")], Vec::new());
    round.see(&modified("a", "uid-a", &json!({ "deletionTimestamp": "2026-01-31T22:00:00Z" })));
    assert_eq!(round.told().map(|(pod, _)| pod.name.as_str()).collect::<Vec<_>>(), ["b"]);
    assert!(round.progress().remaining[0].grace_ends.is_some());
    round.see(&WatchEvent::Deleted(*seen("a", "uid-a", &json!({}))));
    round.see(&WatchEvent::Deleted(*seen("b", "another", &json!({}))));
    assert_eq!(round.progress().remaining_total, 1, "another pod of that name says nothing of this one");
    round.see(&WatchEvent::Deleted(*seen("b", "uid-b", &json!({}))));
    assert!(round.is_over());
}

#[test]
fn a_pod_that_is_waited_for_and_ends_is_news() {
    let rule = DrainRule { pods: None, namespaces: Vec::new(), action: DrainAction::Wait, timeout: None };
    let mut round = round(vec![pod("a")], vec![rule]);
    assert_eq!(round.waits().count(), 1);
    round.see(&modified("a", "uid-a", &json!({ "phase": "Running" })));
    assert!(!round.has_news);
    round.see(&modified("a", "uid-a", &json!({ "phase": "Succeeded" })));
    assert!(round.has_news);
}

#[test]
fn one_pod_that_must_not_be_touched_keeps_all() {
    let alone = PodView { owner: None, ..pod("alone") };
    let refused = round(vec![pod("a"), alone], Vec::new()).forbids().unwrap();
    assert_eq!((refused.refused.len(), refused.remaining_total), (1, 2));
    let owner = Owner { api_version: "apps/v1".into(), kind: "DaemonSet".into(), name: "o".into() };
    let unread = PodView { owner: Some(owner), ..pod("d") };
    let unknown = round(vec![pod("a"), unread], Vec::new()).forbids().unwrap();
    assert_eq!(
        (unknown.refused.len(), unknown.blockers.len()),
        (0, 1),
        "nothing is refused that is not known"
    );
    assert!(round(vec![pod("a")], Vec::new()).forbids().is_none());
}
