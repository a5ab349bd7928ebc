//! A real Kubernetes cluster with real hosts on one machine.
pub mod build;
pub mod cache;
pub mod certs;
pub mod cgroup;
pub mod deps;
pub mod fault;
mod gomodule;
pub mod host;
pub mod hub;
pub mod image;
pub mod images;
pub mod kubeconfig;
pub mod process;
pub mod relay;

pub use gomodule::KubernetesRelease;
