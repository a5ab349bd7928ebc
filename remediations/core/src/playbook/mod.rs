//! Playbooks: immutable, versioned, typed steps in phases.

pub mod builtin;
pub mod lint;
pub mod model;
pub mod params;

pub use model::{Applies, Parameter, ParameterType, Phase, Playbook, Risk, Step, Undo};
