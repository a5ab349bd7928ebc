//! One node's repair: what was written down, what is seen, and what comes next.

pub mod brief;
mod clearing;
mod failing;
pub mod journal;
pub mod next;
pub mod observation;
mod stepping;
#[cfg(test)]
mod tests;

pub use brief::Brief;
pub use clearing::{DEAD_WEBHOOK, DRAIN_REFUSED, NO_DISRUPTION_ALLOWED, awaits_clearance};
pub(crate) use failing::STOPPED;
pub use journal::{Journal, Mode, Outcome, Prior, StepRecord, StepState};
pub use next::{Next, next};
pub use observation::{NodeObservation, NodeState, Observation, Stop};
