//! Which of several replicas leads, and as whom it writes: a Lease says who may work, an epoch makes sure of it.
//!
//! The Lease keeps two from working side by side. It cannot keep a late request from arriving: that is what the epoch is
//! for, which every journal, the guard, the pools and every host know, and which refuses who has been replaced.

pub(crate) mod behind;
mod candidate;
mod elector;
mod epoch;
mod identity;
mod lease;
mod takeover;
mod tenure;

use nodemend_core::time::Span;

pub use candidate::{Candidate, Election, TimingError};
pub use elector::{Loss, Timing};
pub(crate) use epoch::restore as restore_epoch;
pub use epoch::take as take_epoch;
pub(crate) use takeover::{Takeover, take_over};
pub use tenure::Tenure;

/// How long after the renew deadline a process may still be there.
pub const ENDS_WITHIN: Span = Span::seconds(2);

/// The exit status of a process that lost its Lease and had to be ended: what started it has to start it again.
const EXIT_STATUS: i32 = 3;
