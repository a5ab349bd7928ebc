//! When each node is probed next: at once when it is new, then at the pool's interval with jitter.

use std::collections::{BTreeMap, BTreeSet};

use nodemend_core::ids::NodeUid;
use nodemend_core::time::{Span, Time};

/// How soon a probe that came to nothing is tried again the first time; twice as long after each further one, up to the
/// interval. A cut connection must not cost an interval, and hosts that are down must not keep the others waiting.
const FIRST_RETRY: Span = Span::seconds(5);

/// When each node is due.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    due: BTreeMap<NodeUid, Time>,
    /// How many probes in a row came to nothing, of nodes whose last one did.
    failures: BTreeMap<NodeUid, u32>,
}

impl Schedule {
    /// Whether the node is due; if so, its next turn is set.
    pub(super) fn is_due(&mut self, node: &NodeUid, interval: Span, now: Time) -> bool {
        let due = self.due.get(node).is_none_or(|at| *at <= now);
        if due {
            self.due.insert(node.clone(), now.after(jittered(node, interval, now)));
        }
        due
    }

    /// Has the node due at once.
    pub(super) fn make_due(&mut self, node: &NodeUid) {
        self.due.remove(node);
    }

    /// A probe has ended. One that came to nothing, because the host was not read or its report not written, is tried again
    /// before the interval is over.
    pub(super) fn ended(&mut self, node: &NodeUid, well: bool, now: Time) {
        if well {
            self.failures.remove(node);
            return;
        }
        let failures = self.failures.entry(node.clone()).or_default();
        let pause = Span(FIRST_RETRY.0.saturating_mul(1 << (*failures).min(20)));
        *failures = failures.saturating_add(1);
        if let Some(due) = self.due.get_mut(node) {
            *due = (*due).min(now.after(pause));
        }
    }

    /// Forgets nodes that are gone.
    pub(super) fn keep_only<'a>(&mut self, nodes: impl Iterator<Item = &'a NodeUid>) {
        let present: BTreeSet<_> = nodes.collect();
        if self.due.len() > present.len() {
            self.due.retain(|node, _| present.contains(node));
            self.failures.retain(|node, _| present.contains(node));
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
    fn a_probe_that_came_to_nothing_is_tried_again_soon_and_then_later_and_later() {
        let mut schedule = Schedule::default();
        let (node, interval) = (NodeUid::from("a"), Span::minutes(10));
        let mut now = Time(0);
        for seconds in [5, 10, 20, 40, 80, 160, 320] {
            assert!(schedule.is_due(&node, interval, now));
            schedule.ended(&node, false, now);
            assert!(!schedule.is_due(&node, interval, now.after(Span::seconds(seconds - 1))));
            now = now.after(Span::seconds(seconds));
        }
        assert!(schedule.is_due(&node, interval, now));
        schedule.ended(&node, false, now);
        now = now.after(Span::minutes(12));
        assert!(schedule.is_due(&node, interval, now), "never later than without a failure");
        schedule.ended(&node, true, now);
        assert!(!schedule.is_due(&node, interval, now.after(Span::minutes(8))));
    }

    #[test]
    fn jitter_stays_within_a_tenth() {
        for second in 0..200 {
            let span = jittered(&"n".into(), Span::minutes(10), Time(second));
            assert!((Span::minutes(9)..=Span::minutes(11)).contains(&span), "{span}");
        }
    }
}
