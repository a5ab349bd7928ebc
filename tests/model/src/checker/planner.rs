//! The planner of a controller: asks the shipped `decide`, then carries its decisions out write by write.

use std::collections::BTreeSet;

use nodemend_core::budget::{Grant, Start, Starts};
use nodemend_core::decide::{Decision, Lacking, allowed, decide, lacking};
use nodemend_core::ids::{Epoch, remediation_name};
use nodemend_core::plan::PlannedNode;
use nodemend_core::snapshot::{Remediation, RunStatus, Snapshot, is_granted};

use super::bug::Bug;
use super::invariant::Invariant;
use super::judge;
use super::setting::{NOW, POOL};
use super::state::{Granting, Reading, State, Todo};
use super::stored::{Stored, settled_run};

/// A round to its end, or the rest of one. `None` if there is nothing to do.
pub fn round(state: &mut State, epoch: Epoch, bug: Bug) -> Option<()> {
    step(state, epoch, bug)?;
    while state.process(epoch).is_some_and(|process| !process.todo.is_empty()) {
        step(state, epoch, bug)?;
    }
    Some(())
}

/// One thing: a new round if nothing is left of the last. `None` if there is nothing to do.
pub fn step(state: &mut State, epoch: Epoch, bug: Bug) -> Option<()> {
    let Some(todo) = state.process_mut(epoch)?.todo.pop_front() else {
        return begin(state, epoch);
    };
    let next = carry_out(state, epoch, todo, bug);
    if let (Some(next), Some(process)) = (next, state.process_mut(epoch)) {
        process.todo.push_front(next);
    }
    Some(())
}

fn begin(state: &mut State, epoch: Epoch) -> Option<()> {
    let known = state.known(epoch)?;
    let decisions = decide(&known.snapshot, NOW);
    let todo = decisions.into_iter().filter_map(|decision| match decision {
        Decision::RunStatus { run, status } => changes(state, &run, *status),
        Decision::Release { grants } => Some(Todo::Release(grants)),
        Decision::Grant { run, nodes, .. } => Some(Todo::Grant(run, nodes)),
        _ => None,
    });
    let lacks = some_lack_grants(&known.snapshot).then_some(Todo::Complete);
    let todo: std::collections::VecDeque<_> = todo.chain(lacks).collect();
    if todo.is_empty() {
        return None;
    }
    state.process_mut(epoch)?.todo = todo;
    Some(())
}

fn some_lack_grants(known: &Snapshot) -> bool {
    known.remediations.values().any(|row| !row.is_finished() && !is_granted(known, &row.name, &row.pool))
}

/// A status, if it says anything that is not written already.
fn changes(state: &State, run: &str, status: RunStatus) -> Option<Todo> {
    let stored = &state.stored.snapshot.runs.get(run)?.status;
    let status = settled_run(status);
    (status.clone().after(stored) != *stored).then(|| Todo::Status(run.to_owned(), Box::new(status)))
}

/// Carries one thing out; what comes right after it.
fn carry_out(state: &mut State, epoch: Epoch, todo: Todo, bug: Bug) -> Option<Todo> {
    match todo {
        Todo::Status(run, status) => {
            let run = state.store().snapshot.runs.get_mut(&run)?;
            run.status = settled_run(status.after(&run.status));
            None
        }
        Todo::Release(_) if bug == Bug::NeverReleased => None,
        Todo::Release(grants) => Some(Todo::ReleaseInPool(over(&state.stored, &grants))),
        Todo::ReleaseInPool(over) => {
            let pool = state.store().snapshot.pools.get_mut(POOL)?;
            pool.grants.retain(|grant| !over.contains(&grant.remediation));
            Some(Todo::ReleaseInGuard(over))
        }
        Todo::ReleaseInGuard(over) => {
            let guard = state.store().snapshot.guard.as_mut()?;
            guard.grants.retain(|grant| !over.contains(&grant.remediation));
            None
        }
        Todo::Grant(run, nodes) => read(state, epoch, Some((run, nodes)), bug),
        Todo::Complete => read(state, epoch, None, bug),
        Todo::Create(reading) => create(state, *reading, bug),
        Todo::GrantInGuard(granting) => grant_in_guard(state, *granting, bug),
        Todo::GrantInPool(grants) => {
            let pool = state.store().snapshot.pools.get_mut(POOL)?;
            add_missing(&mut pool.grants, &mut pool.starts, grants);
            judge::rate(state);
            None
        }
    }
}

/// Those of the grants whose Remediation is over or absent.
fn over(read: &Stored, grants: &[Grant]) -> BTreeSet<String> {
    let live = read.live().remediations;
    let is_over = |name: &&String| live.get(*name).is_none_or(Remediation::is_finished);
    grants.iter().map(|grant| &grant.remediation).filter(is_over).cloned().collect()
}

/// The guard first, then the rest; what is decided is written on that guard.
fn read(
    state: &State,
    epoch: Epoch,
    wanted: Option<(String, Vec<(u32, PlannedNode)>)>,
    bug: Bug,
) -> Option<Todo> {
    if state.stored.snapshot.guard.as_ref()?.epoch != epoch {
        return None;
    }
    let read = if bug == Bug::GrantFromCache { state.known(epoch)? } else { state.stored.clone() };
    Some(Todo::Create(Box::new(Reading { read, truth: state.stored.clone(), wanted })))
}

/// Creates what is allowed, and finds out what lacks grants now.
fn create(state: &mut State, reading: Reading, bug: Bug) -> Option<Todo> {
    let mut live = reading.read.live();
    if bug == Bug::FailuresUnread {
        live.remediations.retain(|_, row| !judge::has_failed(row));
        live.runs.values_mut().for_each(|run| run.status.limit_reached = None);
    }
    if let Some((run, nodes)) = reading.wanted {
        let row = live.runs.get(&run)?;
        for (_, node) in allowed(&live, row, nodes, NOW) {
            let made = remediation(state, &run, &node);
            if !state.stored.snapshot.remediations.contains_key(&made.name) {
                live.remediations.insert(made.name.clone(), made.clone());
                state.store().snapshot.remediations.insert(made.name.clone(), made);
            }
        }
    }
    let grants = wanted(state, &mut live);
    // A write that adds nothing is not sent.
    let guard = live.guard?;
    (!grants.is_empty())
        .then(|| Todo::GrantInGuard(Box::new(Granting { guard, grants, truth: reading.truth })))
}

fn remediation(state: &State, run: &str, node: &PlannedNode) -> Remediation {
    let run_uid = state.stored.snapshot.runs[run].uid.clone();
    let name = remediation_name(&run_uid, &node.uid);
    Remediation {
        uid: format!("{name}-{}", u8::from(state.begun.contains(&name))),
        name,
        run: run.to_owned(),
        run_uid,
        pool: POOL.to_owned(),
        node: node.name.clone(),
        node_uid: node.uid.clone(),
        deleting: false,
        checks: node.checks().cloned().collect(),
        journal: None,
    }
}

fn wanted(state: &mut State, live: &mut Snapshot) -> Vec<Grant> {
    let mut wanted = Vec::new();
    for (name, answer) in lacking(live, NOW) {
        match answer {
            Lacking::Complete => wanted.extend(grant_of(live, &name)),
            Lacking::Wait => {}
            Lacking::Withdraw(_) => {
                delete(state.store(), &name);
                live.remediations.remove(&name);
            }
        }
    }
    wanted
}

/// Marks a Remediation as going; one without a finalizer is gone.
pub fn delete(stored: &mut Stored, name: &str) {
    if stored.ended.remove(name) {
        stored.snapshot.remediations.remove(name);
    } else if let Some(row) = stored.snapshot.remediations.get_mut(name) {
        row.deleting = true;
    }
}

fn grant_of(live: &Snapshot, name: &str) -> Option<Grant> {
    let row = live.remediations.get(name)?;
    let zone = live.nodes.get(&row.node).map(|node| node.zone().to_owned());
    Some(Grant {
        remediation: name.to_owned(),
        node_uid: row.node_uid.clone(),
        node: row.node.0.clone(),
        zone,
        pool: row.pool.clone(),
        run_uid: row.run_uid.clone(),
        at: NOW,
    })
}

/// On the guard that was read, or not at all.
fn grant_in_guard(state: &mut State, granting: Granting, bug: Bug) -> Option<Todo> {
    let Granting { guard: read, grants, truth } = granting;
    if bug == Bug::GuardOverwritten {
        let lower = state.stored.snapshot.guard.as_ref().is_some_and(|guard| guard.epoch > read.epoch);
        state.breaks(Invariant::EpochsRise, lower);
        state.store().snapshot.guard = Some(read);
    } else if state.stored.snapshot.guard.as_ref() != Some(&read) {
        return None;
    }
    judge::grants(state, &truth, &grants);
    let guard = state.store().snapshot.guard.as_mut()?;
    add_missing(&mut guard.grants, &mut guard.starts, grants.clone());
    Some(Todo::GrantInPool(grants))
}

/// Adds the grants that are not there, and takes their starts down. All starts are of one moment, and are one entry.
fn add_missing(known: &mut Vec<Grant>, starts: &mut Starts, grants: Vec<Grant>) {
    let names: BTreeSet<String> = known.iter().map(|grant| grant.remediation.clone()).collect();
    let before = known.len();
    known.extend(grants.into_iter().filter(|grant| !names.contains(&grant.remediation)));
    let added = u32::try_from(known.len() - before).unwrap_or(u32::MAX);
    known.sort();
    if added > 0 {
        let nodes = added + starts.0.iter().map(|start| start.nodes).sum::<u32>();
        *starts = Starts(vec![Start { at: NOW, nodes }]);
    }
}
