//! Which rule is about a pod. The pool has rules, and the playbook may add some that are stricter, never laxer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::DrainOptions;
use super::filter::PodView;
use crate::selector::Selector;
use crate::time::Span;

/// What to do with pods that a rule selects, the laxest first: the order is how much each protects the pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum DrainAction {
    /// Delete without asking a PodDisruptionBudget.
    Delete,
    /// Evict, so that PodDisruptionBudgets are asked.
    Evict,
    /// Wait until the pod ends by itself.
    Wait,
    /// Never touch: the drain fails and names the pod.
    Block,
}

/// One rule of a drain; the first that matches a pod counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DrainRule {
    /// Which pods, by label; absent means any pod of the namespaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pods: Option<Selector>,
    /// Which namespaces, by name; empty means any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub namespaces: Vec<String>,
    /// What to do with them.
    pub action: DrainAction,
    /// How long such a pod may keep the node, from the beginning of the drain. One that was not told to go by then
    /// ends the drain and is named; absent means the time limit of the step. Not for `Block`, which ends it at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
}

/// What the rules say about one pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ruling {
    /// What to do with it.
    pub action: DrainAction,
    /// How long it may keep the node.
    pub timeout: Option<Span>,
    /// Whether the playbook's rule decided, not the pool's.
    pub by_playbook: bool,
}

impl DrainRule {
    /// Whether the rule is about `pod`.
    pub fn selects(&self, pod: &PodView) -> bool {
        (self.namespaces.is_empty() || self.namespaces.contains(&pod.namespace))
            && self.pods.as_ref().is_none_or(|selector| selector.matches(&pod.labels))
    }

    /// What is wrong with it as a rule of a playbook, which may only be stricter than the pool.
    pub fn faults_in_playbook(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.action == DrainAction::Delete {
            faults.push(
                "a playbook may not have pods deleted past their budgets: only the pool may say `Delete`"
                    .to_owned(),
            );
        }
        if self.action == DrainAction::Block && self.timeout.is_some() {
            faults.push("a rule that blocks ends the drain at once: it has no `timeout`".to_owned());
        }
        faults
    }
}

/// What the rules say about `pod`: the first rule of each list that selects it, and of the two the stricter. Where both
/// do the same, the shorter time counts. A pod that the pool has no rule for is evicted.
pub fn ruling(pod: &PodView, options: &DrainOptions) -> Ruling {
    let of = |rules: &[DrainRule], by_playbook| {
        let first = rules.iter().find(|rule| rule.selects(pod));
        first.map(|rule| Ruling { action: rule.action, timeout: rule.timeout, by_playbook })
    };
    let evicted = Ruling { action: DrainAction::Evict, timeout: None, by_playbook: false };
    let pools = of(&options.rules, false).unwrap_or(evicted);
    match of(&options.playbook_rules, true) {
        Some(playbooks) if playbooks.is_stricter_than(pools) => playbooks,
        _ => pools,
    }
}

impl Ruling {
    fn is_stricter_than(self, other: Self) -> bool {
        // No time of its own is the step's, which is the longest.
        let time = |ruling: Self| ruling.timeout.unwrap_or(Span(i64::MAX));
        self.action > other.action || (self.action == other.action && time(self) < time(other))
    }

    /// Whether a pod that is still there after `waited` has kept the node for too long.
    pub fn is_over(self, waited: Span) -> Option<Span> {
        self.timeout.filter(|timeout| waited > *timeout)
    }

    /// Whose rule it is, for people.
    pub fn whose(self) -> &'static str {
        if self.by_playbook { "of the playbook" } else { "of the pool" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use DrainAction::{Block, Delete, Evict, Wait};

    fn rule(action: DrainAction, seconds: Option<i64>) -> DrainRule {
        DrainRule { pods: None, namespaces: Vec::new(), action, timeout: seconds.map(Span::seconds) }
    }

    fn decided(pool: Option<DrainRule>, playbook: Option<DrainRule>) -> (DrainAction, Option<Span>, bool) {
        let options = DrainOptions {
            rules: pool.into_iter().collect(),
            playbook_rules: playbook.into_iter().collect(),
            ..DrainOptions::default()
        };
        let ruling = ruling(&PodView::default(), &options);
        (ruling.action, ruling.timeout, ruling.by_playbook)
    }

    #[test]
    fn a_playbook_makes_no_rule_of_the_pool_laxer() {
        let all = [Delete, Evict, Wait, Block];
        for pool in all {
            for playbook in all {
                let (action, _, by_playbook) = decided(Some(rule(pool, None)), Some(rule(playbook, None)));
                assert_eq!(action, pool.max(playbook), "{pool:?} and {playbook:?}");
                assert_eq!(by_playbook, playbook > pool, "{pool:?} and {playbook:?}");
            }
        }
    }

    #[test]
    fn a_pod_without_a_rule_is_evicted() {
        assert_eq!(decided(None, None), (Evict, None, false));
        assert_eq!(decided(None, Some(rule(Delete, None))), (Evict, None, false));
        assert_eq!(decided(None, Some(rule(Block, None))), (Block, None, true));
    }

    #[test]
    fn of_two_that_do_the_same_the_shorter_time_counts() {
        let (minute, hour) = (Some(60), Some(3600));
        let time = |pool, playbook| decided(Some(rule(Wait, pool)), Some(rule(Wait, playbook))).1;
        assert_eq!(time(hour, minute), Some(Span::seconds(60)));
        assert_eq!(time(minute, hour), Some(Span::seconds(60)));
        assert_eq!(time(None, minute), Some(Span::seconds(60)));
        assert_eq!(time(minute, None), Some(Span::seconds(60)));
    }

    #[test]
    fn what_a_playbook_may_not_say() {
        assert_eq!(rule(Delete, None).faults_in_playbook().len(), 1);
        assert_eq!(rule(Block, Some(1)).faults_in_playbook().len(), 1);
        for allowed in [rule(Block, None), rule(Wait, Some(1)), rule(Evict, None)] {
            assert!(allowed.faults_in_playbook().is_empty(), "{allowed:?}");
        }
    }
}
