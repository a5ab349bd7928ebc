//! A real Kubernetes cluster with real hosts on one machine, for tests, benchmarks and the demo.
//!
//! ```no_run
//! use nodemend_bed::{Bed, BedConfig};
//!
//! let bed = Bed::start(&BedConfig { name: "example".into(), ..BedConfig::default() })?;
//! println!("{}", bed.kubectl(&["version"])?);
//! # Ok::<(), nodemend_bed::BedError>(())
//! ```
//!
//! A bed needs root, Go and the packages of [`deps`]. It lives in network namespaces and control groups of its own, so
//! several run side by side, and stops when its [`Bed`] is dropped. What a killed process leaves is removed by the next start.

pub mod audit;
mod bed;
pub mod build;
pub mod cache;
pub mod certs;
pub mod cgroup;
mod components;
mod config;
pub mod controlplane;
pub mod deps;
mod error;
pub mod fault;
mod gomodule;
pub mod helm;
pub mod host;
pub mod hub;
pub mod image;
pub mod images;
pub mod kubeconfig;
pub mod kubectl;
pub mod oci;
pub mod process;
pub mod relay;
mod remove;
pub mod scale;
pub mod state;
pub mod workloads;

pub use bed::Bed;
pub use config::BedConfig;
pub use error::BedError;
pub use gomodule::KubernetesRelease;
pub use host::{Host, HostSpec};
