//! How a repair ended, as the cluster and the host show it, and what that is worth.

use std::collections::BTreeSet;

use nodemend_bed::scale::PlainHost;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::journal::{Journal, Run};

/// Annotations of ours begin with this.
const OURS: &str = "nodemend.dev/";

/// Everything that is left when a repair is over. Two repairs ended alike if these are equal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// The run's phase.
    pub phase: String,
    /// The outcome of the node's Remediation.
    pub outcome: String,
    /// What is left of the repair: a cordon, marks of ours on the node, the Lease, grants, finalizers.
    pub left: BTreeSet<String>,
    /// Whether the node is Ready, and tells the boot that its host is in.
    pub back: bool,
    /// The version of systemd that is installed, and the one that runs.
    pub versions: (String, String),
    /// What was done to the host.
    pub effects: Effects,
}

/// Counts of what cannot be taken back, by the host itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Effects {
    /// Restarts of the machine.
    pub reboots: u32,
    /// Package transactions.
    pub installs: u32,
    /// Restarts of the kubelet.
    pub restarts: u32,
    /// Jobs that were launched to bring these about.
    pub launches: u32,
    /// How often one intent was carried out, at most.
    pub most_begun: u32,
}

/// What an ending is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As without a fault.
    Same,
    /// Left to a person, and it says why.
    Held,
    /// Something else.
    Diverged,
    /// Something was done once more than without a fault.
    Repeated,
    /// The repair never came to the place of the fault.
    Unreached,
}

/// The objects that tell how a repair ended.
#[derive(Debug, Default)]
pub struct Evidence {
    /// The RepairRun.
    pub run: Option<Value>,
    /// The node's Remediation.
    pub remediation: Option<Value>,
    /// The node.
    pub node: Option<Value>,
    /// The node's Lease among the operators.
    pub lease: Option<Value>,
    /// The guard and the pool.
    pub granting: Vec<Value>,
}

impl Evidence {
    /// What these objects and the host show.
    pub fn state(self, host: &PlainHost) -> State {
        let left = self.left();
        let run = Run(self.run.unwrap_or_default());
        let journal = Journal(self.remediation.unwrap_or_default());
        let node = self.node.unwrap_or_default();
        let told = node.pointer("/status/nodeInfo/bootID").and_then(Value::as_str);
        State {
            phase: run.phase().to_owned(),
            outcome: journal.outcome().to_owned(),
            left,
            back: told == Some(&host.boot_id) && is_ready(&node),
            versions: (host.installed.clone(), host.running.clone()),
            effects: Effects {
                reboots: host.reboots,
                installs: host.installs,
                restarts: host.restarts,
                launches: host.launches,
                most_begun: host.most_begun,
            },
        }
    }

    fn left(&self) -> BTreeSet<String> {
        let remediation = self.remediation.as_ref();
        let finalized = remediation.is_some_and(|found| found.pointer("/metadata/finalizers").is_some());
        let leased = self.lease.as_ref().is_some_and(|lease| !lease["spec"]["holderIdentity"].is_null());
        let granted = self.granting.iter().any(|object| grants(object) > 0);
        let said = [(finalized, "finalizer"), (leased, "lease"), (granted, "grant")].into_iter();
        let said = said.filter(|(is_left, _)| *is_left).map(|(_, what)| what.to_owned());
        said.chain(self.node.iter().flat_map(marks)).collect()
    }

    /// Why the node is left to a person, if it is and that is said.
    pub fn held(&self) -> Option<String> {
        let journal = Journal(self.remediation.clone()?);
        let says_why = journal.mode() == "Held" && !journal.message().is_empty();
        says_why.then(|| journal.message().to_owned())
    }
}

impl Effects {
    /// Whether anything was done more often than in `others`.
    pub const fn exceed(&self, others: &Self) -> bool {
        self.reboots > others.reboots
            || self.installs > others.installs
            || self.restarts > others.restarts
            || self.launches > others.launches
            || self.most_begun > others.most_begun
    }
}

/// What an ending is worth beside the one without a fault. `held` is why it was left to a person, if it was.
pub fn judge(state: &State, without_fault: &State, held: Option<&str>) -> Verdict {
    match held {
        _ if state.effects.exceed(&without_fault.effects) => Verdict::Repeated,
        _ if state == without_fault => Verdict::Same,
        Some(why) if !why.is_empty() => Verdict::Held,
        _ => Verdict::Diverged,
    }
}

/// Annotations of ours, taints, and whether the node is cordoned.
fn marks(node: &Value) -> Vec<String> {
    let annotations = node.pointer("/metadata/annotations").and_then(Value::as_object).into_iter().flatten();
    let ours = annotations.map(|(key, _)| key).filter(|key| key.starts_with(OURS)).cloned();
    let taints = node.pointer("/spec/taints").and_then(Value::as_array).into_iter().flatten();
    let taints = taints.filter_map(|taint| taint["key"].as_str()).map(str::to_owned);
    let cordoned = node.pointer("/spec/unschedulable") == Some(&Value::Bool(true));
    ours.chain(taints).chain(cordoned.then(|| "cordon".to_owned())).collect()
}

fn is_ready(node: &Value) -> bool {
    let conditions = node.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
    conditions.into_iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

fn grants(object: &Value) -> usize {
    object.pointer("/status/grants").and_then(Value::as_array).map_or(0, Vec::len)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn good() -> State {
        let effects = Effects { reboots: 1, installs: 1, restarts: 0, launches: 2, most_begun: 1 };
        State { outcome: "Repaired".into(), back: true, effects, ..State::default() }
    }

    #[test]
    fn an_ending_is_the_same_only_if_nothing_differs() {
        assert_eq!(judge(&good(), &good(), None), Verdict::Same);
        let differences: [fn(&mut State); 4] = [
            |state| state.left.extend(["cordon".to_owned()]),
            |state| state.back = false,
            |state| state.versions.0 = "219-62.el7".into(),
            |state| state.outcome = "Failed".into(),
        ];
        for difference in differences {
            let mut state = good();
            difference(&mut state);
            assert_eq!(judge(&state, &good(), None), Verdict::Diverged, "{state:?}");
        }
    }

    #[test]
    fn whatever_is_left_is_seen() {
        let evidence = Evidence {
            run: None,
            remediation: Some(json!({"metadata": {"finalizers": ["nodemend.dev/undo"]}})),
            node: Some(json!({
                "metadata": {"annotations": {"nodemend.dev/cordon": "{}", "example.com/note": ""}},
                "spec": {"unschedulable": true, "taints": [{"key": "node.kubernetes.io/unschedulable"}]},
            })),
            lease: Some(json!({"spec": {"holderIdentity": "nodemend"}})),
            granting: vec![json!({"status": {}}), json!({"status": {"grants": [{"remediation": "r-1"}]}})],
        };
        let ours = [
            "cordon",
            "finalizer",
            "grant",
            "lease",
            "nodemend.dev/cordon",
            "node.kubernetes.io/unschedulable",
        ];
        assert_eq!(evidence.left(), ours.map(str::to_owned).into());
        assert!(Evidence::default().left().is_empty());
    }

    #[test]
    fn a_held_node_has_to_say_why() {
        let state = State { left: BTreeSet::from(["cordon".to_owned()]), ..good() };
        assert_eq!(judge(&state, &good(), Some("the host did not come back")), Verdict::Held);
        assert_eq!(judge(&state, &good(), Some("")), Verdict::Diverged);
    }

    #[test]
    fn what_was_done_twice_counts_whatever_else_is_right() {
        let mut state = good();
        state.effects.reboots = 2;
        assert_eq!(judge(&state, &good(), Some("held")), Verdict::Repeated);
        state = good();
        state.effects.most_begun = 2;
        assert_eq!(judge(&state, &good(), None), Verdict::Repeated);
    }
}
