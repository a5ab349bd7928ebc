//! Each class of pod on a real API server, and what `kubectl drain` makes of the same node.

use std::collections::BTreeSet;

use nodemend_bed::workloads::{daemon_set, manifest};
use nodemend_core::drain::{DrainAction, DrainOptions, DrainProgress, DrainRule};
use nodemend_core::selector::Selector;
use nodemend_core::time::Span;
use serde_json::json;

use crate::bare::Bare;
use crate::rig::{DEADLINE, Rig};

pub(crate) fn each_class_of_pod_is_treated_as_kubectl_does(rig: &Rig) {
    let bare = Bare::new(rig, "classes");
    pods_of_every_class(&bare);
    refused_as_by_kubectl(&bare);
    told_to_go_as_by_kubectl(&bare);
    bare.end_pods();
    rules_keep_pods(&bare);
    bare.end_pods();
    rig.bed.kubectl(&["delete", "daemonset", "agent"]).unwrap();
}

fn pods_of_every_class(bare: &Bare<'_>) {
    bare.rig.bed.apply(&manifest([daemon_set("agent")])).unwrap();
    let on_node = "spec.nodeName=classes";
    let has_agent = || {
        let pods = bare.rig.bed.kubectl(&["get", "pods", "-o", "name", "--field-selector", on_node])?;
        Ok(pods.contains("agent"))
    };
    bare.rig.bed.wait_for("a pod of the DaemonSet", DEADLINE, has_agent).unwrap();
    let without_owner = |pod: &mut serde_json::Value| {
        pod["metadata"]["ownerReferences"] = json!([]);
    };
    let with_data = |pod: &mut serde_json::Value| {
        pod["spec"]["volumes"] = json!([{ "name": "data", "emptyDir": {} }]);
    };
    bare.pod("managed", |_| {});
    bare.pod("alone", without_owner);
    bare.pod("data", with_data);
    bare.pod("static", |pod| {
        without_owner(pod);
        pod["metadata"]["annotations"] = json!({ "kubernetes.io/config.mirror": "x" });
    });
    bare.pod("done", |pod| {
        without_owner(pod);
        with_data(pod);
    });
    bare.phase("done", "Succeeded");
    bare.pod("going", |_| {});
    bare.kubectl(&["delete", "pod", "going", "--wait=false"]).unwrap();
}

fn refused_as_by_kubectl(bare: &Bare<'_>) {
    let progress = bare.drain(DrainOptions::default(), Span(0));
    let refused: Vec<_> = progress.refused.iter().map(|b| (b.reason.as_str(), b.object.as_str())).collect();
    assert_eq!(refused, [("UnmanagedPod", "pod/classes/alone"), ("EmptyDirData", "pod/classes/data")]);
    assert_eq!((progress.accepted, names(&progress).len()), (0, 5), "{progress:?}");
    assert_eq!(bare.field("managed", "{.metadata.deletionTimestamp}"), "", "nothing was evicted");
    let said = kubectl_drain(bare, &[]).unwrap_err().to_string();
    for expected in ["(use --force to override): classes/alone", "to override): classes/data"] {
        assert!(said.contains(expected), "{said}");
    }
}

/// What kubectl would evict is what we evict, and what both wait for.
fn told_to_go_as_by_kubectl(bare: &Bare<'_>) {
    let said = kubectl_drain(bare, &["--force", "--delete-emptydir-data"]).unwrap();
    let evicting = said.lines().filter_map(|line| line.strip_prefix("evicting pod "));
    let theirs: BTreeSet<_> = evicting.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    let before = bare.drain(DrainOptions { force: true, ..DrainOptions::default() }, Span(0));
    assert_eq!(names(&before), theirs, "{said}");
    let options = DrainOptions {
        force: true,
        delete_empty_dir_data: true,
        grace_period: Some(Span::seconds(7)),
        ..DrainOptions::default()
    };
    let progress = bare.drain(options.clone(), Span(0));
    assert_eq!(progress.accepted, 4, "all but the one that goes: {progress:?}");
    let expected = ["alone", "data", "going", "managed"].map(|pod| format!("classes/{pod}"));
    assert_eq!(names(&progress), BTreeSet::from(expected), "the one that had ended is gone at once");
    assert!(progress.remaining.iter().all(|pod| pod.grace_ends.is_some()), "{progress:?}");
    assert_eq!(bare.field("managed", "{.metadata.deletionGracePeriodSeconds}"), "7");
    assert_eq!(bare.field("static", "{.metadata.deletionTimestamp}"), "");
    assert_eq!(bare.drain(options, Span(0)).accepted, 0, "nobody is told twice");
}

fn rules_keep_pods(bare: &Bare<'_>) {
    for name in ["blocked", "awaited", "deleted"] {
        bare.pod(name, |_| {});
        bare.phase(name, "Running");
    }
    bare.budget("strict", "deleted");
    let rule = |app: &str, action, timeout| DrainRule {
        pods: Some(Selector::label("app", app)),
        namespaces: vec!["classes".into()],
        action,
        timeout,
    };
    let wait = rule("awaited", DrainAction::Wait, Some(Span::minutes(30)));
    let rules = vec![wait, rule("deleted", DrainAction::Delete, None)];
    let options = DrainOptions { rules, ..DrainOptions::default() };
    let strict =
        DrainOptions { playbook_rules: vec![rule("blocked", DrainAction::Block, None)], ..options.clone() };
    let refused = bare.drain(strict, Span(0)).refused;
    assert_eq!((refused.len(), refused[0].object.as_str()), (1, "pod/classes/blocked"), "{refused:?}");

    let progress = bare.drain(options.clone(), Span::minutes(1));
    assert_eq!(progress.accepted, 2, "the budget is not asked about a pod that a rule deletes: {progress:?}");
    assert_eq!(progress.blockers[0].object, "pod/classes/awaited");
    let late = bare.drain(options.clone(), Span::minutes(31)).refused;
    assert_eq!(
        (late[0].reason.as_str(), late[0].object.as_str()),
        ("DrainRuleTimedOut", "pod/classes/awaited")
    );
    bare.phase("awaited", "Succeeded");
    let ended = bare.drain(options, Span::minutes(31));
    assert_eq!(ended.accepted, 1, "it has ended by itself, and goes: {ended:?}");
}

fn kubectl_drain(bare: &Bare<'_>, options: &[&str]) -> Result<String, nodemend_bed::BedError> {
    let fixed = ["drain", "classes", "--ignore-daemonsets", "--dry-run=server", "--timeout=10s"];
    bare.rig.bed.kubectl(&[&fixed, options].concat())
}

fn names(progress: &DrainProgress) -> BTreeSet<String> {
    progress.remaining.iter().map(|pod| pod.name.clone()).collect()
}
