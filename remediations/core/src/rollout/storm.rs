//! The storm breaker: when much of a pool or zone is not Ready at once, the nodes are hardly the cause, and to take more
//! of them out of service makes it worse. The breaker makes a Hold, and lifts it when it has been calm for a while.

mod count;
#[cfg(test)]
mod tests;
mod turn;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::budget::IntOrPercent;
use crate::ids::{CheckId, short_hash};
use crate::snapshot::{Hold, HoldLevel, HoldScope, Pool};
use crate::time::{Span, Time};

pub use count::{REBOOT_DEADLINE, blind, cause};
pub use turn::{HoldChange, StormState, Turn, turn};

/// Who the breaker's Holds are held by.
pub const HELD_BY: &str = "nodemend";
/// Why the breaker's Holds are there.
pub const REASON: &str = "Storm";
/// Longest text of a cause, in characters: a blocker's text (1024) holds it and how to go on.
const LONGEST_CAUSE: usize = 640;
/// Longest pool name that fits into the name of an object (253 characters) behind `storm-`.
const LONGEST_POOL: usize = 240;

/// When too much is broken at once for the nodes to be the cause, and what is repaired all the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Breaker {
    /// How many nodes may be not Ready at once, of the pool and of each zone that it has nodes in. Percentages round
    /// down, at least 1 unless 0% is written. Default 30%; 100% switches the breaker off.
    #[serde(default = "default_max_not_ready")]
    pub max_not_ready: IntOrPercent,
    /// Fewer nodes than this are never a storm, however small the pool. Default 3.
    #[serde(default = "default_at_least")]
    #[schemars(range(min = 1))]
    pub at_least: u32,
    /// A node that has become Ready again less than this ago counts too: a pool that flaps is a storm. Default 5m.
    #[serde(default = "default_within")]
    pub within: Span,
    /// How long it has to be calm before the breaker lifts its Hold. Default 10m.
    #[serde(default = "default_calm")]
    pub calm: Span,
    /// Checks whose fault, confirmed on the node by our own prober, is repaired in a storm too, one node at a time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub admit_checks: Vec<CheckId>,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            max_not_ready: default_max_not_ready(),
            at_least: default_at_least(),
            within: default_within(),
            calm: default_calm(),
            admit_checks: Vec::new(),
        }
    }
}

/// The name of the Hold that the breaker makes for a pool.
pub fn hold_name(pool: &str) -> String {
    if pool.len() <= LONGEST_POOL {
        format!("storm-{pool}")
    } else {
        format!("storm-{}", short_hash(&[pool]))
    }
}

/// The Hold that the breaker makes for a pool.
fn hold(pool: &str, cause: &str, now: Time) -> Hold {
    Hold {
        name: hold_name(pool),
        scope: HoldScope::Pool { name: pool.to_owned() },
        held_by: HELD_BY.to_owned(),
        reason: REASON.to_owned(),
        message: Some(cause.chars().take(LONGEST_CAUSE).collect()),
        level: HoldLevel::Stop,
        until: None,
        created: now,
    }
}

/// Whether the breaker made this Hold.
pub fn is_storm(hold: &Hold) -> bool {
    let own_name = matches!(&hold.scope, HoldScope::Pool { name } if hold.name == hold_name(name));
    own_name && hold.held_by == HELD_BY && hold.reason == REASON
}

/// Whether a Hold is the storm Hold of `pool` and lets a node through on which one of `checks` was confirmed.
pub fn admits<'a>(pool: &Pool, hold: &Hold, mut checks: impl Iterator<Item = &'a CheckId>) -> bool {
    let of_pool = is_storm(hold) && hold.name == hold_name(&pool.name);
    of_pool && checks.any(|check| pool.storm.admit_checks.contains(check))
}

fn default_max_not_ready() -> IntOrPercent {
    IntOrPercent::Percent("30%".to_owned())
}

const fn default_at_least() -> u32 {
    3
}

const fn default_within() -> Span {
    Span::minutes(5)
}

const fn default_calm() -> Span {
    Span::minutes(10)
}
