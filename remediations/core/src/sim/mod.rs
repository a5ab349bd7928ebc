//! A cluster in virtual time: the same [`crate::decide`] over a world whose repairs are drawn, not done.
//!
//! Decisions are carried out as the planner does it ([`writes`], [`grants`]): caches propose, live state decides, one
//! write after the other. A granted Remediation lives a drawn life ([`life`]) with the same stops, cordons, outcomes
//! and takeovers as a real one. The operator's tool asks it how long a run would take; the project's properties and
//! scenarios are checked on it.

pub mod change;
pub mod course;
pub mod drive;
pub mod fleet;
pub mod gauge;
pub mod grants;
pub mod life;
pub mod queue;
pub mod random;
pub mod report;
pub mod world;
pub mod writes;

#[cfg(test)]
mod tests;

pub use change::Change;
pub use course::{Course, Fate, Settings};
pub use drive::{Ended, Simulation};
pub use grants::{Cut, Writer};
pub use random::Random;
pub use report::Report;
pub use world::{Fact, What, World};
