//! The rules of repair, checked on generated schedules: whatever happens to a cluster, no budget is exceeded, nothing
//! starts after a failure limit or under a Hold, and nothing is stuck for ever.
//!
//! A schedule is a small cluster and some thirty things that happen to it ([`schedule`]). It is played against the
//! shipped `decide` by controllers that lag, die, overtake each other and lose writes ([`play`]). What is allowed is
//! counted a second time, by other code than the shipped ([`check`]).

pub mod broken;
pub mod check;
pub mod checker;
pub mod fleet;
pub mod play;
pub mod schedule;
pub mod tally;
