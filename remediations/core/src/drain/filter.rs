//! Which pods have to go before a node may be disturbed, class by class, in the order that `kubectl drain` has.
//!
//! DaemonSet pods and mirror pods stay. Then the pool's rules are asked, and last whether data or a pod that nobody
//! would create again could be lost. A rule says how a pod goes; it never allows that loss.

use crate::blocker::Blocker;
use crate::drain::rules::{Ruling, ruling};
use crate::drain::{DrainAction, DrainOptions};
use crate::selector::Labels;
use crate::time::{Span, Time};

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
    /// Whether it stays or goes is not known: nothing is evicted until it is.
    Unknown(Blocker),
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

/// What a drain that goes on for `waited` does with `pod`.
pub fn verdict(pod: &PodView, options: &DrainOptions, waited: Span) -> Verdict {
    if let Some(verdict) = daemon(pod, options) {
        return verdict;
    }
    if pod.mirror {
        return Verdict::Stays;
    }
    if pod.deletion.is_some() {
        return Verdict::Leaving;
    }
    let ruling = ruling(pod, options);
    if pod.finished {
        // It holds no work, whatever the rules keep.
        return if ruling.action == DrainAction::Delete { Verdict::Delete } else { Verdict::Evict };
    }
    kept(pod, ruling, waited).or_else(|| loss(pod, ruling, options)).unwrap_or(match ruling.action {
        DrainAction::Delete => Verdict::Delete,
        DrainAction::Wait => Verdict::Wait,
        _ => Verdict::Evict,
    })
}

/// `None` for a pod like others: also one whose DaemonSet is gone, if it may be lost or goes already, and one that has
/// ended.
fn daemon(pod: &PodView, options: &DrainOptions) -> Option<Verdict> {
    if !pod.is_daemon() || pod.finished {
        return None;
    }
    match pod.daemon_set_exists {
        Some(true) => Some(Verdict::Stays),
        _ if pod.deletion.is_some() => None,
        Some(false) if options.force => None,
        Some(false) => {
            Some(refuse(pod, "DaemonSetGone", "its DaemonSet is gone; delete the pod, or drain with force"))
        }
        None => {
            let next = "its DaemonSet could not be read; see to the API server or the RBAC rules";
            Some(Verdict::Unknown(blocker(pod, "DaemonSetUnknown", next)))
        }
    }
}

/// A pod that a rule keeps, or that a rule gave less time than it took.
fn kept(pod: &PodView, ruling: Ruling, waited: Span) -> Option<Verdict> {
    if ruling.action == DrainAction::Block {
        return Some(refuse(pod, "BlockedByRule", &format!("a drain rule {} blocks it", ruling.whose())));
    }
    let timeout = ruling.is_over(waited)?;
    let next = format!(
        "it has not left within the {timeout} of a drain rule {}; end it, or give the rule more time",
        ruling.whose()
    );
    Some(refuse(pod, "DrainRuleTimedOut", &next))
}

/// What evicting or deleting the pod would lose. One that is waited for ends by itself.
fn loss(pod: &PodView, ruling: Ruling, options: &DrainOptions) -> Option<Verdict> {
    if ruling.action == DrainAction::Wait {
        return None;
    }
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
    Verdict::Refuse(blocker(pod, reason, next))
}

fn blocker(pod: &PodView, reason: &str, next: &str) -> Blocker {
    Blocker::new(reason, format!("pod/{}", pod.full_name()), next)
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
