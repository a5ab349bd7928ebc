//! The built binary on real hosts: what the end-to-end tests and the demo share.
//!
//! Nothing of the project is linked in but the bed. Objects are written as JSON and read back as JSON through `kubectl`,
//! and what happened is proven by witnesses other than the controller: the hosts, the kubelets, the API server's audit log.

pub mod chart;
pub mod controller;
mod error;
pub mod interrupt;
pub mod journal;
pub mod objects;
pub mod pods;
pub mod program;
pub mod proof;
pub mod replica;
pub mod scale;
pub mod shared;
pub mod stage;
pub mod torture;
pub mod witness;

pub use error::E2eError;
pub use stage::Stage;
