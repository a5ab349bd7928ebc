//! Which Holds stop which runs and nodes: a pause lets nodes under way end, a storm lets admitted nodes through.

use super::gates::policy_of;
use crate::blocker::Blocker;
use crate::ids::NodeName;
use crate::plan::PlannedNode;
use crate::rollout::storm::admits;
use crate::snapshot::{Hold, HoldLevel, HoldScope, Pool, Run};
use crate::time::Time;

/// What a Hold may stop: a run, or one of its nodes.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    run: &'a Run,
    node: Option<&'a NodeName>,
    /// The pool, and which of its faults count as let through its storm Hold.
    pool: Option<(&'a Pool, Faults<'a>)>,
    /// Whether the node is under way: a pause lets it come to its end.
    under_way: bool,
}

/// Which faults are looked for among those that a pool lets through a storm.
#[derive(Debug, Clone, Copy)]
enum Faults<'a> {
    /// Those of the node.
    Of(&'a PlannedNode),
    /// Any: a storm stops no run of which some nodes may be let through. Each is asked for itself.
    Any,
}

impl<'a> Subject<'a> {
    /// The whole run.
    pub const fn run(run: &'a Run) -> Self {
        Self { run, node: None, pool: None, under_way: false }
    }

    /// The whole run, of which the pool may let nodes through a storm.
    pub(super) const fn run_in(run: &'a Run, pool: Option<&'a Pool>) -> Self {
        let pool = match pool {
            Some(pool) => Some((pool, Faults::Any)),
            None => None,
        };
        Self { pool, ..Self::run(run) }
    }

    /// One node of a run, of which nothing more is known.
    pub const fn named(run: &'a Run, node: &'a NodeName) -> Self {
        Self { node: Some(node), ..Self::run(run) }
    }

    /// One planned node of a run.
    pub const fn node(run: &'a Run, node: &'a PlannedNode, pool: &'a Pool) -> Self {
        Self { pool: Some((pool, Faults::Of(node))), ..Self::named(run, &node.name) }
    }

    /// The same, under way: a pause does not stop it.
    #[must_use]
    pub const fn under_way(self) -> Self {
        Self { under_way: true, ..self }
    }

    fn is_let_through(&self, hold: &Hold) -> bool {
        let paused = self.under_way && hold.level == HoldLevel::Pause;
        let admitted = match self.pool {
            Some((pool, Faults::Of(node))) => admits(pool, hold, node.checks()),
            Some((pool, Faults::Any)) => admits(pool, hold, pool.storm.admit_checks.iter()),
            None => false,
        };
        paused || admitted
    }
}

/// Whether a Hold with this scope stops the subject.
pub fn applies(scope: &HoldScope, subject: &Subject<'_>) -> bool {
    let run = subject.run;
    match scope {
        HoldScope::Cluster {} => true,
        HoldScope::Pool { name } => *name == run.request.pool,
        HoldScope::Policy { name } => policy_of(run) == Some(name),
        HoldScope::Run { name } => *name == run.name,
        HoldScope::Node { name } => subject.node.is_some_and(|node| node.0 == *name),
        HoldScope::Playbook { name, pool } => *name == run.request.playbook && *pool == run.request.pool,
    }
}

/// The first Hold in force that stops the subject, as a blocker.
pub fn hold_on<'a>(
    holds: impl IntoIterator<Item = &'a Hold>,
    subject: &Subject<'_>,
    now: Time,
) -> Option<Blocker> {
    let in_force = |hold: &&Hold| hold.until.is_none_or(|until| until > now);
    let stops = |hold: &&Hold| applies(&hold.scope, subject) && !subject.is_let_through(hold);
    let hold = holds.into_iter().filter(in_force).find(stops)?;
    let until = hold.until.map_or_else(String::new, |until| format!(", until {until}"));
    let next = format!(
        "held by {}{until}: {}{}; `nodemend release {}` lets it go on",
        hold.held_by,
        hold.reason,
        hold.message.as_ref().map_or_else(String::new, |message| format!(": {message}")),
        hold.name
    );
    let blocker = Blocker::new("Hold", format!("hold/{}", hold.name), next).since(hold.created);
    Some(match hold.until {
        Some(until) => blocker.until(until),
        None => blocker,
    })
}
