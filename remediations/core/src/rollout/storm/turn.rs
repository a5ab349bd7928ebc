//! What the breaker remembers of a storm, and what changes from one look to the next.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::hold;
use crate::snapshot::{Hold, Pool};
use crate::time::Time;

/// A storm, from its beginning until it has been calm for long enough. While there is one and its Hold is gone, a person
/// released it: the breaker makes no other one before this storm is over.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StormState {
    /// When it began.
    pub since: Time,
    /// What was seen then, with the figures.
    #[schemars(length(max = 1024))]
    pub cause: String,
    /// Since when it has been calm; absent while it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calm_since: Option<Time>,
    /// Whether a person released the Hold: repairs go on all the same.
    #[serde(default)]
    pub overridden: bool,
}

/// What becomes of the storm Hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HoldChange {
    /// It stays as it is, there or not.
    Keep,
    /// It is made; only then is the state written.
    Make(Box<Hold>),
    /// It is deleted, after the state was written.
    Lift,
}

/// What changes. Whoever carries it out decides anew with what is stored: a Hold that a cache does not show yet looks
/// like one that was released.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Turn {
    /// The state as it should be.
    pub state: Option<StormState>,
    /// What becomes of the Hold.
    pub hold: HoldChange,
}

/// What changes for `pool`, given the storm Hold that stands if there is one, and why it is a storm if it is one.
pub fn turn(pool: &Pool, standing: Option<&Hold>, cause: Option<String>, now: Time) -> Option<Turn> {
    // The Hold is made first: one without a state was made by a process that stopped in between.
    let known = pool.storm_state.clone().or_else(|| standing.map(StormState::of));
    let (state, hold) = match (known, cause) {
        (None, None) => return None,
        (None, Some(cause)) => {
            let made = hold(&pool.name, &cause, now);
            (Some(StormState::of(&made)), HoldChange::Make(Box::new(made)))
        }
        (Some(known), cause) => {
            let calm_since = cause.is_none().then(|| known.calm_since.unwrap_or(now));
            let over = calm_since.is_some_and(|since| now.since(since) >= pool.storm.calm);
            let state = StormState { calm_since, overridden: standing.is_none(), ..known };
            let hold = if over && standing.is_some() { HoldChange::Lift } else { HoldChange::Keep };
            ((!over).then_some(state), hold)
        }
    };
    let same = state == pool.storm_state && hold == HoldChange::Keep;
    (!same).then_some(Turn { state, hold })
}

impl StormState {
    /// The storm that a Hold was made for.
    fn of(hold: &Hold) -> Self {
        let cause = hold.message.clone().unwrap_or_else(|| hold.reason.clone());
        Self { since: hold.created, cause, calm_since: None, overridden: false }
    }
}
