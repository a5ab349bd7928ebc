//! Faults exactly where a plan says: between the controller and the API server, and between it and its hosts.
//!
//! Two proxies look at what passes. [`ApiProxy`] ends TLS in front of the real API server and knows each request by verb,
//! resource and name; [`SshProxy`] passes connections to hosts on and knows how far each has come, though it cannot read
//! them. Both ask one [`Engine`] what to do, which counts what it is told about and keeps it in order. So the log of a run
//! without faults is the list of all places at which a fault can be put, and a [`Plan`] names one of them.
//!
//! Nothing here knows Nodemend: how the controller is killed is a callback.

mod answer;
mod api;
mod engine;
mod lists;
pub mod plan;
mod request;
mod ssh;
mod stages;
mod tls;
mod upstream;
mod watch;

pub use api::ApiProxy;
pub use engine::{Engine, Seen};
pub use plan::{Fault, Plan, Rule};
pub use request::Request;
pub use ssh::SshProxy;
pub use tls::{Identity, TlsError};
pub use upstream::{Answer, Upstream, UpstreamError};
