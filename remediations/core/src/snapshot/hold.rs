//! A Hold, as decisions see it: everything that stops anything.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time::Time;

/// A Hold: stops new steps within its scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hold {
    /// Name.
    pub name: String,
    /// What it stops.
    pub scope: HoldScope,
    /// Who made it.
    pub held_by: String,
    /// Why.
    pub reason: String,
    /// What was seen, with the figures, where a reason of one word is not enough.
    pub message: Option<String>,
    /// How hard it stops.
    pub level: HoldLevel,
    /// Until when; absent means until it is released.
    pub until: Option<Time>,
    /// When it was made.
    pub created: Time,
}

/// How hard a Hold stops.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema,
)]
#[schemars(inline)]
pub enum HoldLevel {
    /// No further step starts: nodes under way stop between two steps.
    #[default]
    Stop,
    /// No further node starts: nodes under way are finished.
    Pause,
}

/// What a Hold stops; exactly one member.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum HoldScope {
    /// Everything.
    Cluster {},
    /// One pool.
    Pool {
        /// Its name.
        name: String,
    },
    /// Everything that one policy started.
    Policy {
        /// Its name.
        name: String,
    },
    /// One run.
    Run {
        /// Its name.
        name: String,
    },
    /// One node.
    Node {
        /// Its name.
        name: String,
    },
    /// One playbook in one pool.
    Playbook {
        /// The playbook's name without version.
        name: String,
        /// The pool's name.
        pool: String,
    },
}
