//! What can happen next, whoever does it.

use std::fmt;
use std::sync::Arc;

use nodemend_core::ids::{Epoch, IntentId, NodeName};
use nodemend_core::snapshot::{Condition, Hold, HoldLevel, HoldScope, Operation, Verb};

use super::bug::Bug;
use super::invariant::Invariant;
use super::operate;
use super::planner;
use super::saga::Luck;
use super::setting::{NOW, POOL, boot};
use super::state::{Late, Process, State};
use super::trouble::Cause;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Event {
    /// The planner of a process goes on, to the end of its round.
    Plan(Epoch),
    /// The planner of a process does one thing and is interrupted there.
    Pause(Epoch),
    /// A process looks at a saga.
    Look(Epoch, String, Luck),
    /// A job on a machine goes on.
    Work(NodeName, IntentId),
    /// A late request arrives.
    Arrive(Late),
    /// A controller starts and takes the next epoch: after all others died, or because a lease ran out.
    Start,
    /// A process dies.
    Crash(Epoch),
    /// A write of the planner is not answered, and it gives its round up.
    GiveUp(Epoch),
    /// The watches of a process stop telling it anything.
    Lag(Epoch),
    /// They tell it everything again.
    CatchUp(Epoch),
    /// A person acts.
    Person(Deed),
    /// A machine does not come back.
    Down(NodeName),
}

/// What a person does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Deed {
    /// Cordons a node.
    Cordon(NodeName),
    /// Uncordons a node, whoever cordoned it.
    Uncordon(NodeName),
    /// Holds the pool.
    Hold,
    /// Releases that Hold.
    Release,
    /// Aborts a run.
    Abort(String),
    /// Deletes a Remediation.
    Delete(String),
}

impl Event {
    /// What kind of trouble it is, if it is any.
    pub const fn cause(&self) -> Option<Cause> {
        match self {
            Self::Look(_, _, Luck::Unheard | Luck::NotSent | Luck::Late) | Self::GiveUp(_) => {
                Some(Cause::Loss)
            }
            Self::Look(_, _, Luck::TimeIsUp) | Self::Down(_) => Some(Cause::Machine),
            Self::Pause(_) => Some(Cause::Pause),
            Self::Crash(_) => Some(Cause::Crash),
            Self::Lag(_) => Some(Cause::Lag),
            Self::Person(Deed::Release) => None,
            Self::Person(_) => Some(Cause::Person),
            _ => None,
        }
    }
}

/// A new process takes the highest epoch that there was, and one more.
pub fn start(state: &mut State, bug: Bug) {
    let epoch = state.stored.highest_epoch() + 1;
    let stored = state.store();
    if let Some(guard) = stored.snapshot.guard.as_mut() {
        guard.epoch = epoch;
    }
    if bug == Bug::RestartForgets && epoch > 1 {
        forget(stored);
    }
    state.processes.push(Process::new(epoch));
}

fn forget(stored: &mut super::stored::Stored) {
    if let Some(guard) = stored.snapshot.guard.as_mut() {
        (guard.grants, guard.starts) = Default::default();
    }
    if let Some(pool) = stored.snapshot.pools.get_mut(POOL) {
        (pool.grants, pool.starts) = Default::default();
    }
}

/// A job goes on; the node follows its machine.
pub fn work(state: &mut State, name: &NodeName, intent: &IntentId, bug: Bug) -> Option<()> {
    let host = Arc::make_mut(state.hosts.get_mut(name)?);
    let (begun, boots) = (host.installs + host.reboots, host.boots);
    let wrong = host.work(intent, bug);
    let begins = host.installs + host.reboots > begun;
    let restarted = (host.boots > boots).then_some(host.boots);
    if let Some(invariant) = wrong {
        state.broken.insert(invariant);
    }
    if begins {
        let serves = state.stored.snapshot.nodes.get(name).is_some_and(|node| !node.unschedulable);
        let lifted = state.stored.marks.get(name).is_some_and(|marks| marks.lifted_by_person);
        state.breaks(Invariant::ServingHostsStay, serves && !lifted);
    }
    if let Some(boots) = restarted {
        state.store().snapshot.nodes.get_mut(name)?.boot_id = boot(name, boots);
    }
    Some(())
}

/// A machine is gone, and the kubelet with it.
pub fn go_down(state: &mut State, name: &NodeName) -> Option<()> {
    Arc::make_mut(state.hosts.get_mut(name)?).down = true;
    let node = state.store().snapshot.nodes.get_mut(name)?;
    let unknown = Condition { status: "Unknown".to_owned(), since: Some(NOW) };
    node.conditions.insert("Ready".to_owned(), unknown);
    Some(())
}

/// A person acts. `None` if there is nothing to act on.
pub fn act(state: &mut State, deed: &Deed) -> Option<()> {
    match deed {
        Deed::Cordon(name) => {
            let node = state.stored.snapshot.nodes.get(name).filter(|node| !node.unschedulable)?.name.clone();
            let mut marks = state.stored.marks.get(&node).cloned().unwrap_or_default();
            (marks.cordoned_by_person, marks.lifted_by_person) = (true, false);
            operate::write(state, &node, marks, Some(true));
        }
        Deed::Uncordon(name) => {
            let node = state.stored.snapshot.nodes.get(name).filter(|node| node.unschedulable)?.name.clone();
            let mut marks = state.stored.marks.get(&node).cloned().unwrap_or_default();
            (marks.cordoned_by_person, marks.lifted_by_person) = (false, marks.cordon.is_some());
            operate::write(state, &node, marks, Some(false));
        }
        Deed::Hold => {
            state.store().snapshot.holds.insert("stop".to_owned(), hold());
        }
        Deed::Release => {
            state.store().snapshot.holds.remove("stop")?;
        }
        Deed::Abort(run) => {
            let run = state.store().snapshot.runs.get_mut(run)?;
            run.request.operations.push(abort());
        }
        Deed::Delete(name) => planner::delete(state.store(), name),
    }
    Some(())
}

fn hold() -> Hold {
    Hold {
        name: "stop".to_owned(),
        scope: HoldScope::Pool { name: POOL.to_owned() },
        held_by: "ops".to_owned(),
        reason: "Stop".to_owned(),
        message: None,
        level: HoldLevel::Stop,
        until: None,
        created: NOW,
    }
}

fn abort() -> Operation {
    Operation {
        id: "abort".to_owned(),
        verb: Verb::Abort,
        step: None,
        outcome: None,
        target: None,
        reason: "enough".to_owned(),
        by: "ops".to_owned(),
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan(epoch) => write!(f, "controller {epoch}: its planner goes on"),
            Self::Pause(epoch) => write!(f, "controller {epoch}: its planner does one thing and pauses"),
            Self::Look(epoch, saga, luck) => write!(f, "controller {epoch}: looks at {saga} ({luck:?})"),
            Self::Work(node, intent) => write!(f, "machine {node}: job {intent} goes on"),
            Self::Arrive(Late::Journal(saga, _)) => write!(f, "a late journal of {saga} arrives"),
            Self::Arrive(Late::Op(sent)) => write!(f, "late for {}: {:?} arrives", sent.remediation, sent.op),
            Self::Start => write!(f, "a controller starts"),
            Self::Crash(epoch) => write!(f, "controller {epoch}: dies"),
            Self::GiveUp(epoch) => write!(f, "controller {epoch}: a write is not answered, its round ends"),
            Self::Lag(epoch) => write!(f, "controller {epoch}: its watches lag from now on"),
            Self::CatchUp(epoch) => write!(f, "controller {epoch}: its watches catch up"),
            Self::Person(deed) => write!(f, "a person: {deed:?}"),
            Self::Down(node) => write!(f, "machine {node}: does not come back"),
        }
    }
}
