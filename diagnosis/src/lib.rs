//! Where findings come from: facts, checks, results.
//!
//! A host is read once ([`facts::parse`]), every check looks at the same [`Facts`](nodemend_core::facts::Facts),
//! and [`registry::run`] turns what the checks say into results with an identity. Nothing here reads a host, a
//! clock or an API server: the prober does, and so does the simulator.
//!
//! To add a check: write its file in [`checks`] and add it to [`checks::ALL`].

pub mod adapters;
pub mod check;
pub mod checks;
pub mod config;
pub mod facts;
pub mod registry;

pub use check::{Check, Finding};
pub use config::{CheckConfig, CheckConfigs, ConfigError};
