//! A cluster in one text file, compact and with the fields of the real objects: what `nodemend simulate --file` reads,
//! and what the project's scenarios are written in.

mod act;
mod cluster;
mod spec;

use nodemend_core::sim::{Settings, World};
use nodemend_core::time::{Span, Time};
use serde::Deserialize;
use serde_json::Value;

pub use act::Act;
pub use cluster::{Cluster, Fated};

/// What is wrong with a scenario.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// It is no YAML or JSON of this form.
    #[error("{0}")]
    Form(String),
    /// An object in it is not what it has to be.
    #[error("{object}: {problem}")]
    Object {
        /// The object, as `kind/name`.
        object: String,
        /// What is wrong.
        problem: String,
    },
}

/// A cluster, and what happens to it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scenario {
    /// One sentence: what it shows.
    #[serde(default)]
    pub describe: String,
    /// When it begins. Default 2026-01-01T00:00:00Z, a Thursday.
    #[serde(default = "first_of_january")]
    pub start: Time,
    /// How long the repair of a node takes. Default 10m.
    #[serde(default = "ten_minutes")]
    pub node_time: Span,
    /// The objects that are there at the beginning.
    #[serde(flatten)]
    pub cluster: Cluster,
    /// What happens, in order.
    #[serde(default)]
    pub steps: Vec<Step>,
}

/// One point in time: first the time passes, then things happen, then what is expected has to be so.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Step {
    /// How long after the start.
    pub at: Span,
    /// What happens.
    #[serde(default, rename = "do")]
    pub acts: Vec<Act>,
    /// What has to be so; read by whoever checks it.
    #[serde(default)]
    pub expect: Value,
}

const fn first_of_january() -> Time {
    Time(1_767_225_600_000)
}

const fn ten_minutes() -> Span {
    Span::minutes(10)
}

impl Scenario {
    /// Reads a scenario: YAML, or JSON, which is YAML too.
    pub fn read(text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self =
            serde_saphyr::from_str(text).map_err(|error| ScenarioError::Form(error.to_string()))?;
        let late = scenario.steps.windows(2).find(|steps| steps[1].at < steps[0].at);
        match late {
            Some(steps) => Err(ScenarioError::Form(format!(
                "steps: {} comes after {}; write them in the order of their times",
                steps[1].at, steps[0].at
            ))),
            None => Ok(scenario),
        }
    }

    /// The world at the beginning. What happens later is not in it yet.
    pub fn world(&self, settings: Settings) -> Result<World, ScenarioError> {
        let mut world = World::new(self.cluster.snapshot(self.start)?, self.start, settings);
        world.fates = self.cluster.fates();
        Ok(world)
    }
}

#[cfg(test)]
mod tests;
