//! The nodemend.dev/v1alpha1 API types, their CRDs and conversion to core.
//!
//! Specs and statuses embed core's types wherever they can, so that there is one definition of each thing. Rules that
//! the API server enforces (CEL) stand on the structs of this crate.

pub mod access;
pub mod chart;
pub mod conditions;
pub mod convert;
pub mod crds;
pub mod flow;
pub mod guard;
pub mod hold;
pub mod install;
pub mod plan_page;
pub mod playbook;
pub mod policy;
pub mod pool;
pub mod rbac;
pub mod remediation;
pub mod report;
pub mod run;
pub mod scenario;
pub mod yaml;

/// Our finalizer: on RepairRuns from their plan, on Remediations from their creation, to the terminal write.
pub const FINALIZER: &str = "nodemend.dev/unfinished";

/// The API group; its only version is `v1alpha1`.
pub const GROUP: &str = "nodemend.dev";
