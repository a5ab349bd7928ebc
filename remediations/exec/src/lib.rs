//! Performs the closed set of operations over SSH and the Kubernetes API.
//!
//! [`Performer`] is the one gate to the world. Hosts are reached through a [`Transport`], which runs one fixed
//! program ([`PROGRAM`]) that starts jobs and looks at them again. Every operation ends as done, as not done, or as
//! unknown: only what was never sent, or was refused by the other side, counts as not done.

mod cluster;
mod failure;
mod host;
mod limits;
mod perform;
mod ssh;
mod target;
mod transport;

pub use cluster::{client, lift, preflight};
pub use host::{FactsRequest, Fence, PROGRAM, PROGRAM_DIGEST, RawFacts, command_line};
pub use limits::Limits;
pub use perform::{Act, Performer};
pub use ssh::{HostKeys, HostKeysError, Ssh};
pub use target::{Secret, SshAccess, SshTimeouts, Still, Target};
pub use transport::{CallError, Output, Transport};
