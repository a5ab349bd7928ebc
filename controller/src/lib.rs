//! The `nodemend` binary as a library: the controller's tasks and the operator's tool.

pub mod audit;
pub mod cli;
pub mod clock;
pub mod leader;
pub mod serve;
pub mod watch;

mod access;
mod checks;
mod finalizer;
mod http;
mod pause;
mod planner;
mod prober;
mod replicas;
mod saga;
mod store;
