//! How a run spreads over its nodes: canary, batches, pauses, failure limits, and the questions asked in between.

mod batches;
mod gate;
mod ladder;
mod limits;
pub mod storm;
pub mod window;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::budget::IntOrPercent;
use crate::time::Span;

pub use batches::{Order, batch_of_each};
pub use gate::{
    ANSWER_COUNTS_FOR, Answer, Asked, Gate, GateScope, ObjectCondition, PrometheusQuery, Webhook,
};
pub use ladder::{Attempt, Place, attempts, place};
pub use limits::{Failures, reached};

/// How a run spreads over its nodes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rollout {
    /// Nodes to repair before all others, watched for a while. One that fails stops the run, whatever `maxFailures` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<Canary>,
    /// Sizes of the batches, the last one repeated, such as `[1, 10, 50, "20%"]`; percentages are of the pool. Empty,
    /// and without `growth`, means as many at a time as the budget lets through.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub batches: Vec<IntOrPercent>,
    /// Batches that grow by a rule, instead of `batches`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub growth: Option<Growth>,
    /// Pause after each batch, during which its nodes have to stay Ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soak: Option<Span>,
    /// Which nodes come first.
    #[serde(default)]
    pub order: Order,
    /// Nodes that may fail or be held before the run stops; a percentage is of the planned nodes, rounded down. Default
    /// 0: the first failure stops it.
    #[serde(default)]
    pub max_failures: IntOrPercent,
    /// Nodes that may fail or be held one after the other before the run stops; absent means `maxFailures` alone counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_consecutive_failures: Option<u32>,
    /// Questions that have to be answered with yes before work goes on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub gates: Vec<Gate>,
}

/// The first nodes of a run.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Canary {
    /// How many; at least 1.
    pub nodes: IntOrPercent,
    /// How long they are watched.
    pub soak: Span,
}

/// How batches grow; exactly one member.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Growth {
    /// By the same number each time.
    Linear {
        /// Size of the first batch.
        first: IntOrPercent,
        /// How much larger each batch is than the one before.
        step: IntOrPercent,
    },
    /// By the same factor each time.
    Exponential {
        /// Size of the first batch.
        first: IntOrPercent,
        /// How many times larger each batch is than the one before.
        #[schemars(range(min = 2, max = 100))]
        factor: u32,
    },
}

impl Rollout {
    /// Whether `batch` is the canary.
    pub const fn is_canary(&self, batch: u32) -> bool {
        self.canary.is_some() && batch == 0
    }

    /// How long the run pauses after `batch`.
    pub fn soak_after(&self, batch: u32) -> Span {
        let canary = self.canary.as_ref().filter(|_| batch == 0).map(|canary| canary.soak);
        canary.or(self.soak).unwrap_or_default()
    }
}
