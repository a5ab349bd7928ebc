//! Which node goes into which batch, and which nodes come first.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Growth, Rollout};
use crate::budget::{Budget, IntOrPercent, NotAShare};

/// Which nodes of a run come first. The node that the controller runs on is always last, control-plane nodes before it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema,
)]
#[schemars(inline)]
pub enum Order {
    /// Nodes that serve nothing, then the worst finding, then the oldest.
    #[default]
    UnavailableFirst,
    /// The oldest finding.
    OldestFinding,
    /// One of each zone in turn.
    SpreadZones,
    /// The machine that has run the longest without a restart.
    LongestUptime,
}

/// The batch of each of `count` nodes of a pool of `pool_size`.
pub fn batch_of_each(
    rollout: &Rollout,
    budget: &Budget,
    count: usize,
    pool_size: usize,
) -> Result<Vec<u32>, NotAShare> {
    let mut batches = Vec::with_capacity(count);
    let canary = rollout.canary.as_ref().map(|canary| &canary.nodes);
    for batch in 0_u32.. {
        if batches.len() >= count {
            break;
        }
        let size = match (canary, batch) {
            (Some(nodes), 0) => nodes.of(pool_size)?,
            (Some(_), batch) => size_of(rollout, budget, batch - 1, pool_size)?,
            (None, batch) => size_of(rollout, budget, batch, pool_size)?,
        };
        // A size of 0 would never end; what a budget of 0 lets through is decided when nodes are granted.
        let size = size.max(1).min(count - batches.len());
        batches.extend(std::iter::repeat_n(batch, size));
    }
    Ok(batches)
}

/// The size of one batch, the canary not counted.
fn size_of(rollout: &Rollout, budget: &Budget, batch: u32, pool_size: usize) -> Result<usize, NotAShare> {
    match &rollout.growth {
        Some(Growth::Linear { first, step }) => {
            let grown = step.of(pool_size)?.saturating_mul(batch as usize);
            Ok(first.of(pool_size)?.saturating_add(grown))
        }
        Some(Growth::Exponential { first, factor }) => {
            let factor = (*factor as usize).saturating_pow(batch);
            Ok(first.of(pool_size)?.max(1).saturating_mul(factor))
        }
        None => listed(rollout, budget, batch).of(pool_size),
    }
}

fn listed<'a>(rollout: &'a Rollout, budget: &'a Budget, batch: u32) -> &'a IntOrPercent {
    let sizes = &rollout.batches;
    let index = (batch as usize).min(sizes.len().saturating_sub(1));
    let default = budget.max_in_flight.as_ref().unwrap_or(&budget.max_unavailable);
    sizes.get(index).unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use super::super::Canary;
    use super::*;
    use crate::time::Span;

    fn sizes(rollout: &Rollout, count: usize) -> Vec<usize> {
        let budget = Budget::of(IntOrPercent::Int(4));
        let batches = batch_of_each(rollout, &budget, count, 100).unwrap();
        assert_eq!(batches.len(), count);
        let last = batches.last().map_or(0, |last| last + 1);
        (0..last).map(|batch| batches.iter().filter(|b| **b == batch).count()).collect()
    }

    #[test]
    fn batches_are_as_large_as_the_budget_unless_told_otherwise() {
        assert_eq!(sizes(&Rollout::default(), 10), [4, 4, 2]);
        assert_eq!(sizes(&Rollout::default(), 0), [0_usize; 0]);
    }

    #[test]
    fn a_list_repeats_its_last_size() {
        let batches =
            [1_u32, 10].map(IntOrPercent::Int).into_iter().chain([IntOrPercent::Percent("20%".into())]);
        assert_eq!(
            sizes(&Rollout { batches: batches.collect(), ..Rollout::default() }, 60),
            [1, 10, 20, 20, 9]
        );
    }

    #[test]
    fn batches_grow_by_a_number_or_a_factor() {
        let linear = Growth::Linear { first: IntOrPercent::Int(2), step: IntOrPercent::Int(3) };
        assert_eq!(sizes(&Rollout { growth: Some(linear), ..Rollout::default() }, 20), [2, 5, 8, 5]);
        let exponential = Growth::Exponential { first: IntOrPercent::Percent("1%".into()), factor: 3 };
        assert_eq!(sizes(&Rollout { growth: Some(exponential), ..Rollout::default() }, 30), [1, 3, 9, 17]);
    }

    #[test]
    fn a_canary_comes_before_the_first_size() {
        let canary = Canary { nodes: IntOrPercent::Int(2), soak: Span::minutes(10) };
        let rollout =
            Rollout { canary: Some(canary), batches: vec![IntOrPercent::Int(3)], ..Rollout::default() };
        assert_eq!(sizes(&rollout, 9), [2, 3, 3, 1]);
    }

    #[test]
    fn a_size_of_zero_still_comes_to_an_end() {
        assert_eq!(
            sizes(&Rollout { batches: vec![IntOrPercent::Int(0)], ..Rollout::default() }, 3),
            [1, 1, 1]
        );
        let huge = Growth::Exponential { first: IntOrPercent::Int(50), factor: u32::MAX };
        assert_eq!(sizes(&Rollout { growth: Some(huge), ..Rollout::default() }, 120), [50, 70]);
    }
}
