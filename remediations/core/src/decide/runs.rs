//! What each run does next: plan, wait, start a batch's nodes, or end.

use super::Decision;
use super::gates::{closed, is_stopped};
use super::holds::{Subject, hold_on};
use super::round::{Round, plan_of};
use super::start::{Choosing, grantable};
use super::tally::{Tally, tally};
use super::{limits, progress, questions};
use crate::blocker::Blocker;
use crate::plan::build::{PlanError, cannot_plan, draft};
use crate::plan::page::seal;
use crate::plan::{Header, PlannedNode};
use crate::snapshot::{Run, RunPhase, RunStatus, Snapshot};

/// The decisions for every run that is not over: higher priority first, then older first.
pub(super) fn runs(round: &mut Round<'_>) {
    let snapshot = round.snapshot;
    let mut open: Vec<_> = snapshot.runs.values().filter(|run| !run.status.phase.is_over()).collect();
    open.sort_by_key(|run| (std::cmp::Reverse(priority(snapshot, run)), run.created, &run.name));
    for run in open {
        one_run(round, run);
    }
}

fn priority(snapshot: &Snapshot, run: &Run) -> i32 {
    super::gates::policy_of(run)
        .and_then(|name| snapshot.policies.get(name))
        .map_or(0, |policy| policy.priority)
}

fn one_run(round: &mut Round<'_>, run: &Run) {
    if run.status.plan.is_none() {
        return unplanned(round, run);
    }
    if let Some((header, nodes)) = plan_of(round.snapshot, run) {
        return planned(round, run, header, &nodes);
    }
    let object = format!("repairrun/{}", run.name);
    let blocker = Blocker::new("PlanIncomplete", object, "waits for its PlanPages to be seen");
    round.write(run, run.status.clone(), vec![blocker]);
}

fn unplanned(round: &mut Round<'_>, run: &Run) {
    let over = |round: &mut Round<'_>, phase, message: String| {
        round.write(run, RunStatus { phase, message: Some(message), ..run.status.clone() }, Vec::new());
    };
    if let Some(stop) = is_stopped(run) {
        return over(round, RunPhase::Aborted, stop.next);
    }
    let start_before = run.request.start_before;
    if round.now > start_before {
        return over(round, RunPhase::Expired, format!("first seen after spec.startBefore ({start_before})"));
    }
    let sealed = draft(round.fleet, &run.request, round.now)
        .and_then(|draft| Ok(seal(&run.uid, draft.header, &draft.nodes)?));
    match sealed {
        Ok(sealed) if sealed.pages.len() == 1 => {
            let message = "no node of the pool needs it; `nodemend plan` says why for each";
            over(round, RunPhase::Succeeded, message.into());
        }
        Ok(sealed) => round.decisions.push(Decision::WritePlan {
            run: run.name.clone(),
            run_uid: run.uid.clone(),
            sealed: Box::new(sealed),
        }),
        // Objects that are missing may come; a request that makes no sense never will.
        Err(
            error @ (PlanError::PoolNotFound(_)
            | PlanError::PlaybookNotFound(_)
            | PlanError::PolicyNotFound(_)),
        ) => {
            let status = RunStatus { phase: RunPhase::Pending, message: None, ..run.status.clone() };
            round.write(run, status, vec![cannot_plan(&run.name, &error)]);
        }
        Err(error) => over(round, RunPhase::Failed, error.to_string()),
    }
}

fn planned<'a>(round: &mut Round<'a>, run: &Run, header: &Header, nodes: &[(u32, &'a PlannedNode)]) {
    let tally = tally(round.fleet, run, header, nodes);
    let mut status = run.status.clone();
    status.counts = tally.counts.clone();
    status.nodes = tally.nodes.clone();
    status.consecutive_failures = tally.consecutive_failures;
    status.longest_repair = tally.longest_repair;
    status.limit_reached = limits::limit(run, header, &tally).map(|limit| limit.chars().take(256).collect());
    status.message = None;
    let stop = is_stopped(run);
    let ends = tally.waiting.is_empty() || status.limit_reached.is_some() || stop.is_some();
    if ends && tally.counts.in_flight == 0 && tally.counts.held == 0 {
        (status.phase, status.message) = ended(&tally, stop.as_ref());
        return round.write(run, status, Vec::new());
    }
    if let Some(limit) = status.limit_reached.clone() {
        status.phase = RunPhase::Stopped;
        status.message = Some(format!("nothing more starts: {}", tally.failed.join("; ")));
        return round.write(run, status, vec![limits::blocker(run, &limit)]);
    }
    if let Some(stop) = stop {
        status.message = Some(stop.next.clone());
        return round.write(run, status, vec![stop]);
    }
    go_on(round, run, header, nodes, tally, status);
}

fn ended(tally: &Tally<'_>, stop: Option<&Blocker>) -> (RunPhase, Option<String>) {
    if let Some(stop) = stop {
        return (RunPhase::Aborted, Some(stop.next.clone()));
    }
    if tally.counts.failed > 0 {
        let left = tally.waiting.len();
        let rest = if left > 0 { format!("; {left} nodes were not started") } else { String::new() };
        return (RunPhase::Failed, Some(format!("{}{rest}", tally.failed.join("; "))));
    }
    (RunPhase::Succeeded, None)
}

/// Asks for grants for the nodes of the current batch, as far as gates and budgets let it.
fn go_on<'a>(
    round: &mut Round<'a>,
    run: &Run,
    header: &Header,
    nodes: &[(u32, &'a PlannedNode)],
    mut tally: Tally<'a>,
    mut status: RunStatus,
) {
    let pool = round.snapshot.pools.get(&run.request.pool);
    // A node that is held waits alone: the others go on, and its batch comes back when the Hold is lifted.
    let on_hold = |node: &PlannedNode| {
        let subject = pool.map_or(Subject::run(run), |pool| Subject::node(run, node, pool));
        hold_on(round.snapshot.holds.values(), &subject, round.now)
    };
    let free = tally.waiting.iter().filter(|(_, node)| on_hold(node).is_none());
    let open = free.map(|(_, node)| node.batch).min().unwrap_or(status.batch);
    let held: Vec<Blocker> = tally.waiting.iter().filter_map(|(_, node)| on_hold(node)).collect();
    let soaking = progress::advance(round, run, header, nodes, &tally, open, &mut status);
    status.phase = if status.started_at.is_some() { RunPhase::Running } else { RunPhase::Planned };
    // A gate is in nobody's way while nothing waits for it.
    let mut blockers = if tally.waiting.is_empty() { Vec::new() } else { closed(round, run, header) };
    blockers.extend(soaking);
    let mut granted = Vec::new();
    if blockers.is_empty()
        && let Some(pool) = pool
    {
        let batch = status.batch;
        let begun = tally.batch_begun && batch == run.status.batch;
        blockers.extend(questions::before_batch(round, run, header, batch, begun));
        if blockers.is_empty() {
            let of_batch =
                std::mem::take(&mut tally.waiting).into_iter().filter(|(_, node)| node.batch == batch);
            let choosing = Choosing { run, header, pool, batch };
            (granted, blockers) = grantable(round, choosing, of_batch);
        }
    }
    blockers.extend(held.into_iter().chain(tally.blockers));
    round.write(run, status, blockers);
    if !granted.is_empty() {
        round.decisions.push(Decision::Grant {
            run: run.name.clone(),
            run_uid: run.uid.clone(),
            pool: run.request.pool.clone(),
            nodes: granted,
        });
    }
}
