//! What each run does next: plan, wait, start a batch's nodes, or end.

use super::gates::{closed, is_stopped};
use super::grants::{Promised, grantable};
use super::{Decision, hold_on};
use crate::blocker::{Blocker, keep_since};
use crate::plan::build::{PlanError, cannot_plan, draft};
use crate::plan::page::seal;
use crate::plan::{Header, PlannedNode};
use crate::snapshot::{Counts, Ledger, Mark, Remediation, Run, RunPhase, RunStatus, Snapshot};
use crate::time::Time;

/// The decisions for every run that is not over, oldest first.
pub(super) fn runs(snapshot: &Snapshot, now: Time) -> Vec<Decision> {
    let mut open: Vec<_> = snapshot.runs.values().filter(|run| !run.status.phase.is_over()).collect();
    open.sort_by_key(|run| (std::cmp::Reverse(priority(snapshot, run)), run.created, &run.name));
    // What one run is granted in this round counts for the next one.
    let mut promised = Promised::default();
    open.into_iter().flat_map(|run| one_run(snapshot, run, &mut promised, now)).collect()
}

fn priority(snapshot: &Snapshot, run: &Run) -> i32 {
    super::gates::policy_of(run)
        .and_then(|name| snapshot.policies.get(name))
        .map_or(0, |policy| policy.priority)
}

fn one_run(snapshot: &Snapshot, run: &Run, promised: &mut Promised, now: Time) -> Vec<Decision> {
    if run.status.plan.is_none() {
        return unplanned(snapshot, run, now);
    }
    let Some((header, nodes)) = plan_of(snapshot, run) else {
        let blocker = Blocker::new(
            "PlanIncomplete",
            format!("repairrun/{}", run.name),
            "waits for its PlanPages to be seen",
        );
        return status(run, run.status.phase, None, vec![blocker], now);
    };
    planned(snapshot, run, header, &nodes, promised, now)
}

/// The header and the nodes of a run's plan, with the page of each; `None` while pages are missing.
pub fn plan_of<'a>(snapshot: &'a Snapshot, run: &Run) -> Option<(&'a Header, Vec<(u32, &'a PlannedNode)>)> {
    let plan = run.status.plan.as_ref()?;
    let pages = snapshot.pages.get(&run.uid)?;
    if pages.len() != plan.page_digests.len() {
        return None;
    }
    let header = pages.get(&0)?.header.as_ref()?;
    let nodes = pages.iter().flat_map(|(index, page)| page.nodes.iter().map(move |node| (*index, node)));
    Some((header, nodes.collect()))
}

fn unplanned(snapshot: &Snapshot, run: &Run, now: Time) -> Vec<Decision> {
    let over = |phase, message: String| status(run, phase, Some(message), Vec::new(), now);
    if let Some(stop) = is_stopped(run) {
        return over(RunPhase::Aborted, stop.next);
    }
    if now > run.request.start_before {
        return over(
            RunPhase::Expired,
            format!("first seen after spec.startBefore ({})", run.request.start_before),
        );
    }
    match draft(snapshot, &run.request, now).and_then(|draft| Ok(seal(&run.uid, draft.header, &draft.nodes)?))
    {
        Ok(sealed) if sealed.pages.len() == 1 => over(
            RunPhase::Succeeded,
            "no node of the pool needs it; `nodemend plan` says why for each".into(),
        ),
        Ok(sealed) => vec![Decision::WritePlan {
            run: run.name.clone(),
            run_uid: run.uid.clone(),
            sealed: Box::new(sealed),
        }],
        // Objects that are missing may come; a request that makes no sense never will.
        Err(
            error @ (PlanError::PoolNotFound(_)
            | PlanError::PlaybookNotFound(_)
            | PlanError::PolicyNotFound(_)),
        ) => status(run, RunPhase::Pending, None, vec![cannot_plan(&run.name, &error)], now),
        Err(error) => over(RunPhase::Failed, error.to_string()),
    }
}

/// What became of the planned nodes.
#[derive(Default)]
struct Tally {
    counts: Counts,
    /// Nodes without a Remediation that still are who they were.
    waiting: Vec<(u32, PlannedNode)>,
    failed: Vec<String>,
    nodes: Ledger,
    /// What nodes that are under way wait for.
    blockers: Vec<Blocker>,
}

fn tally(snapshot: &Snapshot, run: &Run, nodes: &[(u32, &PlannedNode)]) -> Tally {
    let mut tally = Tally::default();
    let mut marks = Vec::with_capacity(nodes.len());
    for ((page, node), remembered) in nodes.iter().zip(run.status.nodes.marks()) {
        tally.counts.planned += 1;
        let name = crate::ids::remediation_name(&run.uid, &node.uid);
        let mark = match snapshot.remediations.get(&name) {
            Some(remediation) => tally.seen(node, remediation),
            // It may be under way: what it says cannot be read.
            None if snapshot.undecodable.contains_key(&format!("remediation/{name}")) => {
                tally.counts.in_flight += 1;
                Mark::Begun
            }
            None if remembered == Mark::Waiting => tally.not_begun(snapshot, *page, node),
            None => tally.remembered(node, remembered),
        };
        marks.push(mark);
    }
    tally.nodes = marks.into_iter().collect();
    tally
}

impl Tally {
    /// A node whose Remediation is there.
    fn seen(&mut self, node: &PlannedNode, remediation: &Remediation) -> Mark {
        let mark = Mark::of(remediation);
        match mark {
            Mark::Begun => {
                let waits = remediation.journal.iter().flat_map(|journal| journal.blockers.clone());
                self.blockers.extend(waits);
            }
            Mark::Held | Mark::Failed => self.failed.push(told(node, remediation)),
            _ => {}
        }
        self.counts.add(mark);
        mark
    }

    /// Plans only shrink: a node that is gone or another machine is left out.
    fn not_begun(&mut self, snapshot: &Snapshot, page: u32, node: &PlannedNode) -> Mark {
        match snapshot.nodes.get(&node.name) {
            None => self.counts.skipped += 1,
            Some(live) if live.uid != node.uid => self.counts.replaced += 1,
            Some(_) => self.waiting.push((page, node.clone())),
        }
        Mark::Waiting
    }

    /// A node that was begun and whose Remediation is gone: never begun again. If it was not over by then, nobody
    /// knows what became of it, which counts as a failure.
    fn remembered(&mut self, node: &PlannedNode, mark: Mark) -> Mark {
        let counted = if matches!(mark, Mark::Begun | Mark::Held) { Mark::Failed } else { mark };
        if counted == Mark::Failed {
            let how = if mark == Mark::Failed { "it failed" } else { "it was not over" };
            self.failed.push(format!("{}: {how}, and its Remediation was deleted", node.name));
        }
        self.counts.add(counted);
        mark
    }
}

fn told(node: &PlannedNode, remediation: &Remediation) -> String {
    let message = remediation.journal.as_ref().and_then(|journal| journal.message.as_deref());
    format!("{}: {}", node.name, message.unwrap_or("no message"))
}

fn planned(
    snapshot: &Snapshot,
    run: &Run,
    header: &Header,
    nodes: &[(u32, &PlannedNode)],
    promised: &mut Promised,
    now: Time,
) -> Vec<Decision> {
    let tally = tally(snapshot, run, nodes);
    let mut status = run.status.clone();
    status.counts = tally.counts.clone();
    status.nodes = tally.nodes.clone();
    let counts = &tally.counts;
    let over_limit = counts.failed + counts.held > header.rollout.max_failures;
    let stop = is_stopped(run);
    let ends = tally.waiting.is_empty() || over_limit || stop.is_some();
    status.message = None;
    if ends && counts.in_flight == 0 && counts.held == 0 {
        (status.phase, status.message) = ended(&tally, stop.as_ref());
        return changed(run, status, Vec::new(), now);
    }
    if over_limit {
        status.phase = RunPhase::Stopped;
        status.message = Some(format!("nothing more starts: {}", tally.failed.join("; ")));
        let next = format!(
            "{} of at most {} nodes failed or are held",
            tally.failed.len(),
            header.rollout.max_failures
        );
        let blocker = Blocker::new("TooManyFailures", format!("repairrun/{}", run.name), next);
        return changed(run, status, vec![blocker], now);
    }
    if let Some(stop) = stop {
        status.message = Some(stop.next.clone());
        return changed(run, status, vec![stop], now);
    }
    start_nodes(snapshot, run, header, tally, status, promised, now)
}

fn ended(tally: &Tally, stop: Option<&Blocker>) -> (RunPhase, Option<String>) {
    let counts = &tally.counts;
    if let Some(stop) = stop {
        return (RunPhase::Aborted, Some(stop.next.clone()));
    }
    if counts.failed > 0 {
        let left = tally.waiting.len();
        let rest = if left > 0 { format!("; {left} nodes were not started") } else { String::new() };
        return (RunPhase::Failed, Some(format!("{}{rest}", tally.failed.join("; "))));
    }
    (RunPhase::Succeeded, None)
}

/// Asks for grants for the nodes of the current batch, as far as gates and budgets let it.
fn start_nodes(
    snapshot: &Snapshot,
    run: &Run,
    header: &Header,
    Tally { waiting, blockers: of_nodes, .. }: Tally,
    mut status: RunStatus,
    promised: &mut Promised,
    now: Time,
) -> Vec<Decision> {
    // A batch begins when nothing of the one before is under way. A node that is held waits alone: the others go on,
    // and its batch comes back when the Hold is lifted.
    let on_hold = |node: &PlannedNode| hold_on(snapshot.holds.values(), run, Some(&node.name), now);
    let free = waiting.iter().filter(|(_, node)| on_hold(node).is_none());
    let open = free.map(|(_, node)| node.batch).min().unwrap_or(status.batch);
    if open != status.batch && status.counts.in_flight == 0 {
        status.batch = open;
    }
    let held: Vec<Blocker> = waiting.iter().filter_map(|(_, node)| on_hold(node)).collect();
    status.phase = if status.started_at.is_some() { RunPhase::Running } else { RunPhase::Planned };
    let mut blockers = closed(snapshot, run, &header.rollout, now);
    let mut granted = Vec::new();
    if blockers.is_empty()
        && let Some(pool) = snapshot.pools.get(&run.request.pool)
    {
        let of_batch = waiting.into_iter().filter(|(_, node)| node.batch == status.batch);
        (granted, blockers) = grantable(snapshot, run, pool, of_batch, promised, now);
    }
    blockers.extend(held.into_iter().chain(of_nodes));
    let mut decisions = changed(run, status, distinct(blockers), now);
    if !granted.is_empty() {
        let pool = run.request.pool.clone();
        decisions.push(Decision::Grant {
            run: run.name.clone(),
            run_uid: run.uid.clone(),
            pool,
            nodes: granted,
        });
    }
    decisions
}

/// Each thing that is waited for once, at most sixteen of them, so that a status stays small.
fn distinct(blockers: Vec<Blocker>) -> Vec<Blocker> {
    let mut distinct: Vec<Blocker> = Vec::new();
    for blocker in blockers {
        if distinct.len() < 16 && !distinct.iter().any(|known| known.is_about(&blocker)) {
            distinct.push(blocker);
        }
    }
    distinct
}

fn status(
    run: &Run,
    phase: RunPhase,
    message: Option<String>,
    blockers: Vec<Blocker>,
    now: Time,
) -> Vec<Decision> {
    changed(run, RunStatus { phase, message, ..run.status.clone() }, blockers, now)
}

/// A decision to write the status, if it is not the one that is written.
fn changed(run: &Run, mut status: RunStatus, blockers: Vec<Blocker>, now: Time) -> Vec<Decision> {
    status.blockers = keep_since(&run.status.blockers, blockers, now);
    status.message = status.message.map(|message| message.chars().take(1024).collect());
    let counts = &status.counts;
    let begun = counts.in_flight + counts.held + counts.repaired + counts.cleared + counts.failed > 0;
    if begun && status.started_at.is_none() {
        status.started_at = Some(now);
        status.phase = if status.phase == RunPhase::Planned { RunPhase::Running } else { status.phase };
    }
    if status.phase.is_over() && status.finished_at.is_none() {
        status.finished_at = Some(now);
        status.blockers.clear();
    }
    if status == run.status {
        return Vec::new();
    }
    vec![Decision::RunStatus { run: run.name.clone(), status: Box::new(status) }]
}
