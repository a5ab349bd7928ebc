//! When a rollout may go on: maintenance windows, and the breaker that stops it in a storm.

pub mod storm;
pub mod window;
