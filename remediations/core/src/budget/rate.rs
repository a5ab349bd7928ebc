//! Node starts per period, from start times that guard and pool keep: deleting a finished run refills nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Rate;
use crate::time::{Span, Time};

/// Entries that are kept; of more, the two oldest become one at the later time, which only ever counts longer.
const MAX_ENTRIES: usize = 256;
/// Start times are kept for at least this long, so that a rate that is set later already counts them.
const KEPT: Span = Span::minutes(60);

/// Nodes that were started at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Start {
    /// When.
    pub at: Time,
    /// How many nodes.
    pub nodes: u32,
}

/// Recent starts, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Starts(#[schemars(length(max = 256))] pub Vec<Start>);

impl Starts {
    /// Whether none is known.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The time of the last start.
    pub fn last(&self) -> Option<Time> {
        self.0.iter().map(|start| start.at).max()
    }

    /// Takes down that `nodes` were started, and forgets what no rate counts any more.
    pub fn note(&mut self, nodes: u32, rate: Option<&Rate>, now: Time) {
        let kept = rate.map_or(KEPT, |rate| rate.per.max(KEPT));
        self.0.retain(|start| start.at > now.before(kept));
        self.0.push(Start { at: now, nodes });
        self.0.sort();
        while self.0.len() > MAX_ENTRIES {
            let oldest = self.0.remove(0);
            self.0[0].nodes = self.0[0].nodes.saturating_add(oldest.nodes);
        }
    }

    /// How many nodes were started within the rate's period. A start that lies ahead counts: the clock was set back.
    pub fn used(&self, rate: &Rate, now: Time) -> u32 {
        let counted = self.0.iter().filter(|start| start.at > now.before(rate.per));
        counted.fold(0, |sum, start| sum.saturating_add(start.nodes))
    }

    /// When the rate lets another node start, if it does not now; `None` also for a rate of none.
    pub fn next(&self, rate: &Rate, now: Time) -> Option<Time> {
        let mut used = self.used(rate, now);
        let counted = self.0.iter().filter(|start| start.at > now.before(rate.per));
        for start in counted {
            used = used.saturating_sub(start.nodes);
            if used < rate.nodes {
                return Some(start.at.after(rate.per));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(nodes: u32) -> Rate {
        Rate { nodes, per: Span::minutes(10) }
    }

    #[test]
    fn starts_count_for_the_period_and_no_longer() {
        let (mut starts, start) = (Starts::default(), Time(1_000_000_000));
        starts.note(2, Some(&rate(3)), start);
        starts.note(1, Some(&rate(3)), start.after(Span::minutes(4)));
        let later = start.after(Span::minutes(9));
        assert_eq!(starts.used(&rate(3), later), 3);
        assert_eq!(starts.next(&rate(3), later), Some(start.after(Span::minutes(10))));
        assert_eq!(starts.used(&rate(3), start.after(Span::minutes(10))), 1);
        assert_eq!(starts.next(&rate(0), later), None, "a rate of none never lets one start");
    }

    #[test]
    fn a_clock_that_was_set_back_refills_nothing() {
        let (mut starts, start) = (Starts::default(), Time(1_000_000_000));
        starts.note(3, Some(&rate(3)), start);
        assert_eq!(starts.used(&rate(3), start.before(Span::minutes(60))), 3);
    }

    #[test]
    fn the_record_is_bounded_and_never_counts_too_little() {
        let (mut starts, mut now) = (Starts::default(), Time(1_000_000_000));
        for _ in 0..2000 {
            now = now.after(Span::seconds(1));
            starts.note(1, None, now);
        }
        assert!(starts.0.len() <= MAX_ENTRIES);
        assert_eq!(starts.used(&Rate { nodes: 1, per: Span::minutes(60) }, now), 2000);
    }
}
