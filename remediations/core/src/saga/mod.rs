//! One node's repair: what was written down, what is seen, and what comes next.

mod barring;
pub mod brief;
mod clearing;
mod failing;
mod held;
pub mod journal;
pub mod next;
pub mod observation;
mod resolving;
pub mod step;
mod stepping;
#[cfg(test)]
mod tests;
mod undoing;

pub use barring::holds_of_failed_undo;
pub use brief::Brief;
pub use clearing::{DEAD_WEBHOOK, DRAIN_REFUSED, NO_DISRUPTION_ALLOWED, awaits_clearance};
pub(crate) use held::STOPPED;
pub use journal::{Journal, Mode, Outcome, Prior};
pub use next::{Next, next};
pub use observation::{EPOCH_NOT_OURS, NOT_GRANTED, NodeObservation, NodeState, Observation, Stop};
pub use resolving::is_resolvable;
pub use step::{StepRecord, StepState, UndoRecord};
pub use undoing::UNDO_FAILED;
