//! Which runs that are over are kept, and which are forgotten with their pages and Remediations. Pure.
//!
//! What is still needed is never forgotten, however old it is: what is not resolved, what something that is decided on
//! looks at, and the last run of each policy in each pool. What cannot be read may be any of these.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::RunUid;
use crate::snapshot::{Mark, NodeSelection, Policy, Run, Snapshot};
use crate::time::{Span, Time};

/// How much of what is over is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Keep {
    /// How many runs of each pool, the newest first.
    pub runs: u32,
    /// How many planned nodes of all runs together, the newest first: each may have a Remediation of some 6 KB.
    pub nodes: u32,
    /// For how long after a run's end.
    pub age: Span,
}

impl Default for Keep {
    /// For 5,000 nodes: two repairs of each are kept, some 60 MB in etcd, and a month.
    fn default() -> Self {
        Self { runs: 50, nodes: 10_000, age: Span::minutes(30 * 24 * 60) }
    }
}

/// The runs that may go, oldest first.
pub fn forgotten<'a>(snapshot: &'a Snapshot, keep: &Keep, now: Time) -> Vec<&'a Run> {
    let needed = Needed::of(snapshot);
    if needed.unreadable {
        return Vec::new();
    }
    let mut over: Vec<_> = snapshot.runs.values().filter(|run| run.status.phase.is_over()).collect();
    over.sort_by_key(|run| std::cmp::Reverse((run.created, &run.uid)));
    let mut runs = BTreeMap::<&str, u32>::new();
    let mut nodes = 0_u32;
    let mut forgotten = Vec::new();
    for run in over {
        let of_pool = runs.entry(&run.request.pool).or_default();
        *of_pool += 1;
        nodes = nodes.saturating_add(run.status.counts.planned);
        let beyond = *of_pool > keep.runs || nodes > keep.nodes || is_old(run, keep.age, now);
        if beyond && !needed.by(run, now) {
            forgotten.push(run);
        }
    }
    forgotten.reverse();
    forgotten
}

fn is_old(run: &Run, age: Span, now: Time) -> bool {
    run.status.finished_at.is_some_and(|at| at.after(age) <= now)
}

/// What must not be forgotten, taken down in one pass.
struct Needed<'a> {
    /// Something cannot be decoded: it may be about any run.
    unreadable: bool,
    /// Runs with a grant, or with a Remediation that is not over.
    unresolved: BTreeSet<&'a RunUid>,
    /// The last run of each policy in each pool.
    last: BTreeSet<&'a RunUid>,
    policies: &'a BTreeMap<String, Policy>,
}

impl<'a> Needed<'a> {
    fn of(snapshot: &'a Snapshot) -> Self {
        let counts = ["remediation/", "repairrun/", "repairpool/", "repairpolicy/", "repairguard/"];
        let counts = |object: &String| counts.iter().any(|kind| object.starts_with(kind));
        let grants = snapshot.guard.iter().flat_map(|guard| &guard.grants);
        let grants = grants.chain(snapshot.pools.values().flat_map(|pool| &pool.grants));
        let open = snapshot.remediations.values().filter(|remediation| !remediation.is_finished());
        Self {
            unreadable: snapshot.undecodable.keys().any(counts),
            unresolved: grants
                .map(|g| &g.run_uid)
                .chain(open.map(|remediation| &remediation.run_uid))
                .collect(),
            last: last_of_each(snapshot),
            policies: &snapshot.policies,
        }
    }

    /// Whether the run is needed still.
    fn by(&self, run: &Run, now: Time) -> bool {
        // Our finalizer stands for work under way.
        run.finalized
            || run.deleting
            || self.unresolved.contains(&run.uid)
            || self.last.contains(&run.uid)
            || is_unresolved(run)
            || self.is_looked_at(run, now)
    }

    /// Whether cool-downs, attempt limits, the ladder or the recurrence window of its policy look at it.
    fn is_looked_at(&self, run: &Run, now: Time) -> bool {
        let NodeSelection::Policy { name, .. } = &run.request.nodes else { return false };
        let Some(policy) = self.policies.get(name) else { return false };
        // When it ended is not known: it may have been a moment ago.
        run.status.finished_at.is_none_or(|at| at.after(memory(policy)) > now)
    }
}

/// For how long a policy remembers what it tried.
fn memory(policy: &Policy) -> Span {
    let limits = &policy.limits;
    let recurrence = policy.recurrence.as_ref().map(|recurrence| recurrence.within);
    limits.within.max(limits.cool_down).max(limits.node_cool_down).max(recurrence.unwrap_or_default())
}

/// A node that waits for a person, or of which nobody knows how it ended.
fn is_unresolved(run: &Run) -> bool {
    let counts = &run.status.counts;
    let planned = counts.planned as usize;
    let open = |mark: Mark| matches!(mark, Mark::Begun | Mark::Held);
    counts.held > 0 || counts.in_flight > 0 || run.status.nodes.marks().take(planned).any(open)
}

/// What a policy does next follows from its last run: its name, its pause, and that a person aborted it.
fn last_of_each(snapshot: &Snapshot) -> BTreeSet<&RunUid> {
    let mut last = BTreeMap::<_, &Run>::new();
    for run in snapshot.runs.values() {
        let NodeSelection::Policy { name, .. } = &run.request.nodes else { continue };
        let known = last.entry((name, &run.request.pool)).or_insert(run);
        if (run.created, &run.uid) > (known.created, &known.uid) {
            *known = run;
        }
    }
    last.into_values().map(|run| &run.uid).collect()
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
