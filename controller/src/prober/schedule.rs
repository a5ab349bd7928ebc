//! When each node is probed next: at once when it is new, then at the pool's interval with jitter.

use std::collections::{BTreeMap, BTreeSet};

use nodemend_core::ids::NodeUid;
use nodemend_core::time::{Span, Time};

/// When each node is due.
#[derive(Debug, Default)]
pub(super) struct Schedule(BTreeMap<NodeUid, Time>);

impl Schedule {
    /// Whether the node is due; if so, its next turn is set.
    pub(super) fn is_due(&mut self, node: &NodeUid, interval: Span, now: Time) -> bool {
        let due = self.0.get(node).is_none_or(|at| *at <= now);
        if due {
            self.0.insert(node.clone(), now.after(jittered(node, interval, now)));
        }
        due
    }

    /// Has the node due at once.
    pub(super) fn make_due(&mut self, node: &NodeUid) {
        self.0.remove(node);
    }

    /// Forgets nodes that are gone.
    pub(super) fn keep_only<'a>(&mut self, nodes: impl Iterator<Item = &'a NodeUid>) {
        let present: BTreeSet<_> = nodes.collect();
        if self.0.len() > present.len() {
            self.0.retain(|node, _| present.contains(node));
        }
    }
}

/// The interval, up to a tenth longer or shorter, so that thousands of nodes that were seen at once drift apart.
fn jittered(node: &NodeUid, interval: Span, now: Time) -> Span {
    let hash = nodemend_core::ids::short_hash(&[node.as_str(), &now.0.to_string()]);
    let share = i64::from_str_radix(&hash[..4], 16).unwrap_or(0x8000);
    // 0..=0xffff becomes 90%..=110%.
    Span((interval.0 / 10).saturating_mul(9).saturating_add(interval.0 / 5 * share / 0xffff).max(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_node_is_due_at_once_and_then_about_once_per_interval() {
        let mut schedule = Schedule::default();
        let (node, interval) = (NodeUid::from("a"), Span::minutes(10));
        assert!(schedule.is_due(&node, interval, Time(0)));
        assert!(!schedule.is_due(&node, interval, Time(0).after(Span::minutes(8))));
        assert!(schedule.is_due(&node, interval, Time(0).after(Span::minutes(12))));
        schedule.make_due(&node);
        assert!(schedule.is_due(&node, interval, Time(0).after(Span::minutes(12))));
    }

    #[test]
    fn jitter_stays_within_a_tenth() {
        for second in 0..200 {
            let span = jittered(&"n".into(), Span::minutes(10), Time(second));
            assert!((Span::minutes(9)..=Span::minutes(11)).contains(&span), "{span}");
        }
    }
}
