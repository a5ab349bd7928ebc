//! How far an escalation has gone on a node, from what was tried on it: the next playbook when this one did not clear the
//! finding, and an end when enough was tried.

use std::collections::BTreeMap;

use crate::ids::NodeUid;
use crate::snapshot::{Fleet, Limits, Mark, NodeSelection, Policy, Recurrence, Run};
use crate::time::Time;

/// One repair of a node that a policy tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// When it ended, or began if its end is not known.
    pub at: Time,
    /// With which playbook of the policy's: 0 is the first.
    pub rung: u32,
    /// Whether it ended as repaired; the finding may have come back since.
    pub repaired: bool,
}

/// What a policy may do with a node on which its finding stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Repair it with this playbook of its ladder.
    Rung(u32),
    /// Not before this time.
    CoolsDown(Time),
    /// Nothing more by itself; the text says why.
    Exhausted(String),
}

/// What runs of `policy` tried in `pool`, by node. Runs that were deleted are forgotten.
pub fn attempts<'a>(fleet: &Fleet<'a>, policy: &Policy, pool: &str) -> BTreeMap<&'a NodeUid, Vec<Attempt>> {
    let mut attempts = BTreeMap::<_, Vec<_>>::new();
    for run in fleet.snapshot.runs.values().filter(|run| run.request.pool == pool) {
        let NodeSelection::Policy { name, rung } = &run.request.nodes else { continue };
        if *name == policy.name {
            of_run(fleet, run, *rung, &mut attempts);
        }
    }
    attempts
}

fn of_run<'a>(fleet: &Fleet<'a>, run: &Run, rung: u32, attempts: &mut BTreeMap<&'a NodeUid, Vec<Attempt>>) {
    let Some((_, nodes)) = crate::decide::plan_of(fleet.snapshot, run) else { return };
    let remediations = fleet.of_run(&run.uid);
    for ((_, node), mark) in nodes.into_iter().zip(run.status.nodes.marks()) {
        if !matches!(mark, Mark::Begun | Mark::Held | Mark::Repaired | Mark::Failed) {
            continue;
        }
        let journal = remediations.and_then(|r| r.get(node.uid.as_str())?.journal.as_ref());
        let at = journal.and_then(|journal| journal.finished_at).or(run.status.finished_at);
        let attempt = Attempt { at: at.unwrap_or(run.created), rung, repaired: mark == Mark::Repaired };
        attempts.entry(&node.uid).or_default().push(attempt);
    }
}

/// What `policy` may do with a node on which this was tried.
pub fn place(policy: &Policy, attempts: &[Attempt], now: Time) -> Place {
    let limits = &policy.limits;
    let recent: Vec<_> = attempts.iter().filter(|attempt| attempt.at > now.before(limits.within)).collect();
    if let Some(why) = tried_enough(limits, recent.len()).or_else(|| recurs(policy, attempts, now)) {
        return Place::Exhausted(why);
    }
    let tries = |rung: u32| recent.iter().filter(move |attempt| attempt.rung == rung);
    let mut rung = 0_u32;
    for step in &policy.escalation {
        if tries(rung).count() < step.after_failures as usize {
            break;
        }
        rung += 1;
    }
    let ready = tries(rung).map(|attempt| attempt.at.after(limits.node_cool_down)).max();
    match ready {
        Some(ready) if ready > now => Place::CoolsDown(ready),
        _ => Place::Rung(rung),
    }
}

fn tried_enough(limits: &Limits, tries: usize) -> Option<String> {
    let allowed = limits.max_attempts as usize;
    (tries >= allowed).then(|| {
        format!("tried {tries} times within {} (limits.maxAttempts); a person has to look", limits.within)
    })
}

/// A node that needs the same repair again and again has another fault.
fn recurs(policy: &Policy, attempts: &[Attempt], now: Time) -> Option<String> {
    let Recurrence { max_repairs, within } = policy.recurrence.as_ref()?;
    let repaired =
        attempts.iter().filter(|attempt| attempt.repaired && attempt.at > now.before(*within)).count();
    (repaired >= *max_repairs as usize).then(|| {
        format!(
            "repaired {repaired} times within {within} and failing again (recurrence); a person has to look"
        )
    })
}
