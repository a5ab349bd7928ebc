//! Which pods have to go before a node may be disturbed, class by class, in the order that `kubectl drain` has.
//!
//! DaemonSet pods and mirror pods stay. Then the pool's rules are asked, and last whether data or a pod that nobody
//! would create again could be lost. A rule says how a pod goes; it never allows that loss.

use crate::blocker::Blocker;
use crate::drain::{DrainAction, DrainOptions, DrainRule};
use crate::selector::Labels;
use crate::time::Time;

/// What has to be known of a pod.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PodView {
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.labels`.
    pub labels: Labels,
    /// The owner that controls the pod.
    pub owner: Option<Owner>,
    /// Whether the owning DaemonSet is there; `None` when the pod has none, or it could not be asked.
    pub daemon_set_exists: Option<bool>,
    /// Whether it is the image of a static pod (annotation `kubernetes.io/config.mirror`).
    pub mirror: bool,
    /// Whether it has an `emptyDir` volume.
    pub empty_dir: bool,
    /// Whether its phase is `Succeeded` or `Failed`.
    pub finished: bool,
    /// `metadata.deletionTimestamp`: when its grace ends, for a pod that was told to go.
    pub deletion: Option<Time>,
}

/// The controller of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Such as `apps/v1`.
    pub api_version: String,
    /// Such as `ReplicaSet`.
    pub kind: String,
    /// Its name, in the pod's namespace.
    pub name: String,
}

/// What to do with one pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It stays: a DaemonSet's, or the image of a static pod.
    Stays,
    /// It is already on its way.
    Leaving,
    /// Evict it.
    Evict,
    /// Delete it.
    Delete,
    /// It has to go, and will by itself.
    Wait,
    /// It must not be touched: the node cannot be drained.
    Refuse(Blocker),
}

impl PodView {
    /// `namespace/name`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// Whether a DaemonSet controls the pod.
    pub fn is_daemon(&self) -> bool {
        self.owner.as_ref().is_some_and(|o| o.kind == "DaemonSet" && o.api_version.starts_with("apps/"))
    }
}

/// What a drain does with `pod`.
pub fn verdict(pod: &PodView, options: &DrainOptions) -> Verdict {
    if let Some(verdict) = daemon(pod, options) {
        return verdict;
    }
    if pod.mirror {
        return Verdict::Stays;
    }
    if pod.deletion.is_some() {
        return Verdict::Leaving;
    }
    match (action(pod, &options.rules), pod.finished) {
        // A pod that has ended holds no work, whatever the rules keep.
        (DrainAction::Delete, true) => Verdict::Delete,
        (_, true) => Verdict::Evict,
        (DrainAction::Wait, false) => Verdict::Wait,
        (DrainAction::Block, false) => refuse(pod, "BlockedByRule", "a drain rule of the pool blocks it"),
        (way, false) => loss(pod, options).unwrap_or(match way {
            DrainAction::Delete => Verdict::Delete,
            _ => Verdict::Evict,
        }),
    }
}

/// `None` for a pod like others: also one whose DaemonSet is gone, if it may be lost, and one that has ended.
fn daemon(pod: &PodView, options: &DrainOptions) -> Option<Verdict> {
    if !pod.is_daemon() || pod.finished {
        return None;
    }
    match pod.daemon_set_exists {
        Some(true) => Some(Verdict::Stays),
        Some(false) if options.force => None,
        Some(false) => {
            Some(refuse(pod, "DaemonSetGone", "its DaemonSet is gone; delete the pod, or drain with force"))
        }
        None => Some(refuse(
            pod,
            "DaemonSetUnknown",
            "its DaemonSet could not be read; see to the API server or the RBAC rules",
        )),
    }
}

fn action(pod: &PodView, rules: &[DrainRule]) -> DrainAction {
    rules.iter().find(|rule| rule.selects(pod)).map_or(DrainAction::Evict, |rule| rule.action)
}

fn loss(pod: &PodView, options: &DrainOptions) -> Option<Verdict> {
    if pod.empty_dir && !options.delete_empty_dir_data {
        return Some(refuse(
            pod,
            "EmptyDirData",
            "it keeps data in an emptyDir volume; move the pod, or let the drain delete that data",
        ));
    }
    if pod.owner.is_none() && !options.force {
        return Some(refuse(
            pod,
            "UnmanagedPod",
            "no controller would create it again; delete it, or drain with force",
        ));
    }
    None
}

fn refuse(pod: &PodView, reason: &str, next: &str) -> Verdict {
    Verdict::Refuse(Blocker::new(reason, format!("pod/{}", pod.full_name()), next))
}

impl DrainRule {
    /// Whether the rule is about `pod`.
    pub fn selects(&self, pod: &PodView) -> bool {
        (self.namespaces.is_empty() || self.namespaces.contains(&pod.namespace))
            && self.pods.as_ref().is_none_or(|selector| selector.matches(&pod.labels))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::selector::Selector;

    fn pod() -> PodView {
        PodView {
            namespace: "web".into(),
            name: "a".into(),
            owner: Some(owner("ReplicaSet")),
            ..PodView::default()
        }
    }

    fn owner(kind: &str) -> Owner {
        Owner { api_version: "apps/v1".into(), kind: kind.into(), name: "o".into() }
    }

    fn reason(verdict: Verdict) -> String {
        match verdict {
            Verdict::Refuse(blocker) => format!("{} {}", blocker.reason, blocker.object),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn classes_without_rules() {
        let daemon = PodView { owner: Some(owner("DaemonSet")), daemon_set_exists: Some(true), ..pod() };
        let cases = [
            (pod(), "Evict"),
            (daemon.clone(), "Stays"),
            (PodView { empty_dir: true, ..daemon.clone() }, "Stays"),
            (PodView { deletion: Some(Time(1)), ..daemon.clone() }, "Stays"),
            (PodView { finished: true, ..daemon.clone() }, "Evict"),
            (PodView { daemon_set_exists: Some(false), ..daemon.clone() }, "DaemonSetGone pod/web/a"),
            (PodView { daemon_set_exists: None, ..daemon }, "DaemonSetUnknown pod/web/a"),
            (PodView { mirror: true, owner: None, ..pod() }, "Stays"),
            (PodView { empty_dir: true, ..pod() }, "EmptyDirData pod/web/a"),
            (PodView { empty_dir: true, finished: true, ..pod() }, "Evict"),
            (PodView { empty_dir: true, deletion: Some(Time(1)), ..pod() }, "Leaving"),
            (PodView { owner: None, ..pod() }, "UnmanagedPod pod/web/a"),
            (PodView { owner: None, finished: true, ..pod() }, "Evict"),
        ];
        for (pod, expected) in cases {
            assert_eq!(reason(verdict(&pod, &DrainOptions::default())), expected, "{pod:?}");
        }
    }

    #[test]
    fn what_may_be_lost_is_evicted() {
        let options = DrainOptions { force: true, delete_empty_dir_data: true, ..DrainOptions::default() };
        assert_eq!(verdict(&PodView { owner: None, empty_dir: true, ..pod() }, &options), Verdict::Evict);
        let orphan = PodView { owner: Some(owner("DaemonSet")), daemon_set_exists: Some(false), ..pod() };
        assert_eq!(verdict(&orphan, &options), Verdict::Evict);
    }

    #[test]
    fn the_first_rule_that_selects_a_pod_counts() {
        let rule = |action, namespaces: &[&str], pods| DrainRule {
            pods,
            namespaces: namespaces.iter().map(ToString::to_string).collect(),
            action,
        };
        let rules = vec![
            rule(DrainAction::Wait, &["batch"], None),
            rule(DrainAction::Delete, &["web"], Some(Selector::label("app", "cache"))),
            rule(DrainAction::Block, &[], Some(Selector::label("keep", "yes"))),
        ];
        let options = DrainOptions { rules, ..DrainOptions::default() };
        let labelled =
            |key: &str, value: &str| PodView { labels: [(key.into(), value.into())].into(), ..pod() };
        assert_eq!(verdict(&labelled("app", "cache"), &options), Verdict::Delete);
        assert_eq!(verdict(&labelled("app", "other"), &options), Verdict::Evict);
        assert_eq!(reason(verdict(&labelled("keep", "yes"), &options)), "BlockedByRule pod/web/a");
        let job = PodView { namespace: "batch".into(), empty_dir: true, ..labelled("keep", "yes") };
        assert_eq!(verdict(&job, &options), Verdict::Wait);
        let lossy = PodView { empty_dir: true, ..labelled("app", "cache") };
        assert_eq!(reason(verdict(&lossy, &options)), "EmptyDirData pod/web/a");
    }
}
