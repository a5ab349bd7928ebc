//! Operations, as the executors perform them: on machines by the rules of [`super::host`], on nodes by guarded patches.

use std::sync::Arc;

use nodemend_core::cordon::CordonMark;
use nodemend_core::ids::NodeName;
use nodemend_core::op::{Op, OpResult};
use nodemend_core::saga::Brief;

use super::bug::Bug;
use super::host::failure;
use super::invariant::Invariant;
use super::state::{Sent, State};
use super::stored::Marks;
use super::{event, judge};

/// Performs an operation that arrives now. A launch waits until its job has begun.
pub fn perform(state: &mut State, brief: &Brief, sent: &Sent, bug: Bug) -> OpResult {
    let result = cut_off(state, brief, sent, bug);
    if let (Op::Launch(launch), OpResult::Launched) = (&sent.op, &result)
        && state.hosts.get(&brief.node.name).is_some_and(|host| host.has_not_begun(&launch.intent))
    {
        event::work(state, &brief.node.name, &launch.intent, bug);
    }
    result
}

/// The same on a connection that is cut: a job that was taken on may begin later.
pub fn cut_off(state: &mut State, brief: &Brief, sent: &Sent, bug: Bug) -> OpResult {
    let name = &brief.node.name;
    if state.stored.snapshot.nodes.get(name).is_none_or(|node| node.uid != brief.node.uid) {
        return OpResult::NotDone(failure("NodeReplaced", false));
    }
    match &sent.op {
        Op::Check(_) | Op::Launch(_) | Op::Probe(_) => on_host(state, brief, sent, bug),
        Op::Cordon(_) | Op::Uncordon(_) | Op::Annotate(_) => on_node(state, name, sent, bug),
        Op::Drain(_) => OpResult::NotDone(failure("NotModelled", false)),
    }
}

fn on_host(state: &mut State, brief: &Brief, sent: &Sent, bug: Bug) -> OpResult {
    let name = &brief.node.name;
    let Some(host) = state.hosts.get_mut(name) else { return OpResult::NotDone(failure("NoHost", true)) };
    if host.down {
        return OpResult::NotDone(failure("ConnectionRefused", true));
    }
    let seen = host.epoch;
    let answer = match &sent.op {
        Op::Launch(launch) => {
            let jobs = host.jobs.len();
            let host = Arc::make_mut(host);
            let answer = host.launch(launch, bug);
            if host.jobs.len() > jobs {
                let stored = is_stored(state, brief, launch);
                judge::effect(state, &sent.remediation, stored, sent.seen);
            }
            answer
        }
        Op::Probe(probe) => Arc::make_mut(host).probe(probe, name, bug),
        _ => return host.check(name),
    };
    let obeys = !matches!(&answer, OpResult::NotDone(failure) if failure.reason == "Fenced");
    let epoch = match &sent.op {
        Op::Launch(launch) => launch.epoch,
        Op::Probe(probe) => probe.epoch,
        _ => seen,
    };
    state.breaks(Invariant::FencesHold, obeys && epoch < seen);
    answer
}

/// Whether the journal has, or had, the intent: attempts only rise.
fn is_stored(state: &State, brief: &Brief, launch: &nodemend_core::op::Launch) -> bool {
    let row = state.stored.snapshot.remediations.get(&brief.remediation);
    let steps = row.and_then(|row| row.journal.as_ref()).map(|journal| &journal.steps);
    steps.into_iter().flatten().any(|step| {
        let intent = |attempt| nodemend_core::ids::intent_id(&brief.uid, &step.name, attempt);
        (1..=step.attempt).any(|attempt| intent(attempt) == launch.intent)
    })
}

fn on_node(state: &mut State, name: &NodeName, sent: &Sent, bug: Bug) -> OpResult {
    let marks = state.stored.marks.get(name).cloned().unwrap_or_default();
    if marks.version != sent.version {
        return OpResult::NotDone(failure("Conflict", true));
    }
    match &sent.op {
        Op::Cordon(mark) => cordon(state, name, &marks, mark, sent),
        Op::Uncordon(mark) => uncordon(state, name, &marks, mark, bug),
        _ => {
            write(state, name, Marks { told: true, ..marks }, None);
            OpResult::Annotated
        }
    }
}

fn cordon(state: &mut State, name: &NodeName, marks: &Marks, mark: &CordonMark, sent: &Sent) -> OpResult {
    let unschedulable = state.stored.snapshot.nodes.get(name).is_some_and(|node| node.unschedulable);
    if let Some(found) = &marks.cordon {
        return match (is_same(found, mark), unschedulable) {
            (false, _) => OpResult::NotDone(failure("CordonedByAnother", false)),
            (true, false) => OpResult::NotDone(failure("UncordonedByAnother", false)),
            (true, true) => OpResult::Cordoned(found.clone()),
        };
    }
    let mark = CordonMark { was_unschedulable: unschedulable, ..mark.clone() };
    write(state, name, Marks { cordon: Some(mark.clone()), told: true, ..marks.clone() }, Some(true));
    let row = state.stored.snapshot.remediations.get(&sent.remediation);
    let begun = row.and_then(|row| row.journal.as_ref()).and_then(|journal| journal.step("cordon"));
    let stored = begun.is_some_and(|step| step.attempt > 0);
    judge::effect(state, &sent.remediation, stored, sent.seen);
    judge::cordons(state);
    OpResult::Cordoned(mark)
}

fn uncordon(state: &mut State, name: &NodeName, marks: &Marks, mark: &CordonMark, bug: Bug) -> OpResult {
    let Some(found) = &marks.cordon else { return OpResult::Uncordoned };
    if !is_same(found, mark) {
        return OpResult::NotDone(failure("CordonedByAnother", false));
    }
    let lifts = !found.was_unschedulable || bug == Bug::UncordonsAnybody;
    state.breaks(Invariant::OthersCordonsStay, lifts && marks.cordoned_by_person);
    write(state, name, Marks { cordon: None, told: false, ..marks.clone() }, lifts.then_some(false));
    OpResult::Uncordoned
}

fn is_same(a: &CordonMark, b: &CordonMark) -> bool {
    (&a.remediation, &a.run_uid) == (&b.remediation, &b.run_uid)
}

/// Writes on a node, and sets whether it is unschedulable.
pub fn write(state: &mut State, name: &NodeName, marks: Marks, unschedulable: Option<bool>) {
    let stored = state.store();
    let marks = Marks { version: marks.version.wrapping_add(1), ..marks };
    stored.marks.insert(name.clone(), marks);
    if let (Some(unschedulable), Some(node)) = (unschedulable, stored.snapshot.nodes.get_mut(name)) {
        node.unschedulable = unschedulable;
    }
}
