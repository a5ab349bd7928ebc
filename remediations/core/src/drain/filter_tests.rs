//! Every class of pod that `kubectl drain` tells apart, in its order, and what this drain does with it.

use super::*;
use crate::drain::DrainRule;
use crate::selector::Selector;

const NOW: Span = Span(0);

fn pod() -> PodView {
    PodView {
        namespace: "web".into(),
        name: "a".into(),
        owner: owner("apps/v1", "ReplicaSet"),
        ..PodView::default()
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a pod may have no owner")]
fn owner(api_version: &str, kind: &str) -> Option<Owner> {
    Some(Owner { api_version: api_version.into(), kind: kind.into(), name: "o".into() })
}

fn daemon(exists: Option<bool>) -> PodView {
    PodView { owner: owner("apps/v1", "DaemonSet"), daemon_set_exists: exists, ..pod() }
}

/// The verdict in a word, and of a refusal the reason.
fn word(pod: &PodView, options: &DrainOptions, waited: Span) -> String {
    match verdict(pod, options, waited) {
        Verdict::Refuse(blocker) | Verdict::Unknown(blocker) => {
            assert_eq!(blocker.object, "pod/web/a");
            blocker.reason
        }
        other => format!("{other:?}"),
    }
}

/// As `kubectl drain --ignore-daemonsets`, and as with `--force --delete-emptydir-data` added.
fn expect(cases: impl IntoIterator<Item = (PodView, &'static str, &'static str)>) {
    let lossy = DrainOptions { force: true, delete_empty_dir_data: true, ..DrainOptions::default() };
    for (pod, careful, forced) in cases {
        assert_eq!(word(&pod, &DrainOptions::default(), NOW), careful, "{pod:?}");
        assert_eq!(word(&pod, &lossy, NOW), forced, "{pod:?}, with force");
    }
}

#[test]
fn pods_of_daemon_sets() {
    let (there, gone, unread) = (daemon(Some(true)), daemon(Some(false)), daemon(None));
    let going = |pod: &PodView| PodView { deletion: Some(Time(1)), ..pod.clone() };
    let ended = |pod: &PodView| PodView { finished: true, ..pod.clone() };
    expect([
        (there.clone(), "Stays", "Stays"),
        (PodView { empty_dir: true, ..there.clone() }, "Stays", "Stays"),
        (going(&there), "Stays", "Stays"),
        (ended(&there), "Evict", "Evict"),
        (gone.clone(), "DaemonSetGone", "Evict"),
        (PodView { empty_dir: true, ..gone.clone() }, "DaemonSetGone", "Evict"),
        (ended(&gone), "Evict", "Evict"),
        // kubectl gives up on it; it goes all the same.
        (going(&gone), "Leaving", "Leaving"),
        // kubectl gives up on it; here it is read again.
        (unread.clone(), "DaemonSetUnknown", "DaemonSetUnknown"),
        (ended(&unread), "Evict", "Evict"),
        (going(&unread), "Leaving", "Leaving"),
        // Another group's DaemonSet is a controller like others.
        (PodView { owner: owner("example.com/v1", "DaemonSet"), ..unread }, "Evict", "Evict"),
    ]);
    let unread = verdict(&daemon(None), &DrainOptions::default(), NOW);
    assert!(matches!(unread, Verdict::Unknown(_)), "what is not known is not refused: {unread:?}");
}

#[test]
fn static_pods_stay() {
    let mirror = PodView { mirror: true, owner: None, ..pod() };
    expect([
        (mirror.clone(), "Stays", "Stays"),
        (PodView { owner: owner("v1", "Node"), ..mirror.clone() }, "Stays", "Stays"),
        (PodView { empty_dir: true, ..mirror.clone() }, "Stays", "Stays"),
        (PodView { finished: true, ..mirror.clone() }, "Stays", "Stays"),
        (PodView { deletion: Some(Time(1)), ..mirror }, "Stays", "Stays"),
    ]);
}

#[test]
fn pods_with_data_and_pods_without_a_controller() {
    let (data, alone) = (PodView { empty_dir: true, ..pod() }, PodView { owner: None, ..pod() });
    let ended = |pod: &PodView| PodView { finished: true, ..pod.clone() };
    expect([
        (data.clone(), "EmptyDirData", "Evict"),
        (ended(&data), "Evict", "Evict"),
        (alone.clone(), "UnmanagedPod", "Evict"),
        (ended(&alone), "Evict", "Evict"),
        (PodView { empty_dir: true, ..alone.clone() }, "EmptyDirData", "Evict"),
        // Who owns a pod counts for nothing if it does not control it: the pod comes without an owner then.
        (ended(&PodView { empty_dir: true, ..alone }), "Evict", "Evict"),
    ]);
}

#[test]
fn every_controller_makes_pods_anew() {
    for (api_version, kind) in [
        ("v1", "ReplicationController"),
        ("apps/v1", "ReplicaSet"),
        ("apps/v1", "StatefulSet"),
        ("batch/v1", "Job"),
        ("example.com/v1alpha1", "Something"),
    ] {
        let pod = PodView { owner: owner(api_version, kind), ..pod() };
        expect([(pod.clone(), "Evict", "Evict"), (PodView { finished: true, ..pod }, "Evict", "Evict")]);
    }
}

/// kubectl forgets such a pod after `--skip-wait-for-delete-timeout`, 0 of which is never. Here no time lets a pod be
/// forgotten: only a node that cannot end pods leaves them behind (`actions::drain`).
#[test]
fn a_pod_that_goes_is_waited_for() {
    let going = |pod: PodView| PodView { deletion: Some(Time(1)), ..pod };
    expect([
        (going(pod()), "Leaving", "Leaving"),
        (going(PodView { empty_dir: true, ..pod() }), "Leaving", "Leaving"),
        (going(PodView { owner: None, ..pod() }), "Leaving", "Leaving"),
        (going(PodView { finished: true, ..pod() }), "Leaving", "Leaving"),
    ]);
    let hours = Span::minutes(600);
    assert_eq!(word(&going(pod()), &DrainOptions::default(), hours), "Leaving");
}

fn rule(action: DrainAction, namespaces: &[&str], pods: Option<Selector>) -> DrainRule {
    let namespaces = namespaces.iter().map(ToString::to_string).collect();
    DrainRule { pods, namespaces, action, timeout: None }
}

fn labelled(key: &str, value: &str) -> PodView {
    PodView { labels: [(key.into(), value.into())].into(), ..pod() }
}

#[test]
fn the_first_rule_that_selects_a_pod_counts() {
    let rules = vec![
        rule(DrainAction::Wait, &["batch"], None),
        rule(DrainAction::Delete, &["web"], Some(Selector::label("app", "cache"))),
        rule(DrainAction::Block, &[], Some(Selector::label("keep", "yes"))),
        rule(DrainAction::Delete, &[], Some(Selector::label("keep", "yes"))),
    ];
    let options = DrainOptions { rules, ..DrainOptions::default() };
    assert_eq!(word(&labelled("app", "cache"), &options, NOW), "Delete");
    assert_eq!(word(&labelled("app", "other"), &options, NOW), "Evict");
    assert_eq!(word(&labelled("keep", "yes"), &options, NOW), "BlockedByRule");
    let job = PodView { namespace: "batch".into(), empty_dir: true, ..labelled("keep", "yes") };
    assert_eq!(verdict(&job, &options, NOW), Verdict::Wait);
    let lossy = PodView { empty_dir: true, ..labelled("app", "cache") };
    assert_eq!(word(&lossy, &options, NOW), "EmptyDirData", "a rule allows no loss");
    let ended = PodView { finished: true, ..labelled("keep", "yes") };
    assert_eq!(word(&ended, &options, NOW), "Evict", "it holds no work any more");
    let forced = DrainOptions { force: true, ..options };
    assert_eq!(word(&labelled("keep", "yes"), &forced, NOW), "BlockedByRule", "force lifts no rule");
}

#[test]
fn a_pod_that_takes_longer_than_its_rule_gives_blocks() {
    for (action, before) in
        [(DrainAction::Wait, "Wait"), (DrainAction::Evict, "Evict"), (DrainAction::Delete, "Delete")]
    {
        let timeout = Some(Span::minutes(5));
        let rules = vec![DrainRule { timeout, ..rule(action, &[], None) }];
        let options = DrainOptions { rules, ..DrainOptions::default() };
        assert_eq!(word(&pod(), &options, Span::minutes(5)), before);
        assert_eq!(word(&pod(), &options, Span(Span::minutes(5).0 + 1)), "DrainRuleTimedOut");
        let going = PodView { deletion: Some(Time(1)), ..pod() };
        assert_eq!(word(&going, &options, Span::minutes(60)), "Leaving", "it was told to go");
        let ended = PodView { finished: true, ..pod() };
        assert_ne!(word(&ended, &options, Span::minutes(60)), "DrainRuleTimedOut");
    }
}

#[test]
fn a_rule_of_the_playbook_names_itself() {
    let block = rule(DrainAction::Block, &["web"], None);
    let options = DrainOptions { playbook_rules: vec![block], ..DrainOptions::default() };
    let Verdict::Refuse(blocker) = verdict(&pod(), &options, NOW) else { panic!("it is not refused") };
    assert!(blocker.next.contains("of the playbook"), "{blocker:?}");
}
