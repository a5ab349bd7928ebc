//! What each run does next: plan, wait, start a batch's nodes, or end.

use super::gates::{closed, is_stopped};
use super::{Decision, hold_on};
use crate::blocker::{Blocker, keep_since};
use crate::budget::grant::Sets;
use crate::plan::build::{PlanError, cannot_plan, draft};
use crate::plan::page::seal;
use crate::plan::{Header, PlannedNode};
use crate::saga::Outcome;
use crate::snapshot::{Counts, Node, Pool, Remediation, Run, RunPhase, RunStatus, Snapshot};
use crate::time::Time;

/// The decisions for every run that is not over, oldest first.
pub(super) fn runs(snapshot: &Snapshot, now: Time) -> Vec<Decision> {
    let mut open: Vec<_> = snapshot.runs.values().filter(|run| !run.status.phase.is_over()).collect();
    open.sort_by_key(|run| (std::cmp::Reverse(priority(snapshot, run)), run.created, &run.name));
    // What one run is granted in this round counts for the next one.
    let mut promised = Promised::default();
    open.into_iter().flat_map(|run| one_run(snapshot, run, &mut promised, now)).collect()
}

/// Nodes that runs before this one ask for in the same round.
#[derive(Default)]
struct Promised(Vec<Node>);

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
    /// What nodes that are under way wait for.
    blockers: Vec<Blocker>,
}

fn tally(snapshot: &Snapshot, run: &Run, nodes: &[(u32, &PlannedNode)]) -> Tally {
    let mut tally = Tally::default();
    for (page, node) in nodes {
        let counts = &mut tally.counts;
        counts.planned += 1;
        let name = crate::ids::remediation_name(&run.uid, &node.uid);
        match snapshot.remediations.get(&name) {
            Some(remediation) => match remediation.outcome() {
                Some(Outcome::Repaired) => counts.repaired += 1,
                Some(Outcome::Cleared) => counts.cleared += 1,
                Some(Outcome::Replaced) => counts.replaced += 1,
                Some(Outcome::Skipped) => counts.skipped += 1,
                Some(Outcome::Failed) => {
                    counts.failed += 1;
                    tally.failed.push(told(node, remediation));
                }
                // A node that waits for a Hold to be lifted has not failed: it goes on by itself.
                None if remediation.is_held() && !waits_for_hold(remediation) => {
                    counts.held += 1;
                    tally.failed.push(told(node, remediation));
                }
                None => {
                    counts.in_flight += 1;
                    tally
                        .blockers
                        .extend(remediation.journal.iter().flat_map(|journal| journal.blockers.clone()));
                }
            },
            // Plans only shrink: a node that is gone or another machine is left out.
            None => match snapshot.nodes.get(&node.name) {
                None => counts.skipped += 1,
                Some(live) if live.uid != node.uid => counts.replaced += 1,
                Some(_) => tally.waiting.push((*page, (*node).clone())),
            },
        }
    }
    tally
}

fn waits_for_hold(remediation: &Remediation) -> bool {
    let reason = remediation.journal.as_ref().and_then(|journal| journal.reason.as_deref());
    reason == Some(crate::saga::STOPPED)
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
        granted = grantable(snapshot, run, pool, of_batch, promised, &mut blockers, now);
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

fn grantable(
    snapshot: &Snapshot,
    run: &Run,
    pool: &Pool,
    nodes: impl Iterator<Item = (u32, PlannedNode)>,
    promised: &mut Promised,
    blockers: &mut Vec<Blocker>,
    now: Time,
) -> Vec<(u32, PlannedNode)> {
    let unfinished = || snapshot.remediations.values().filter(|r| !r.is_finished());
    let mut of_pool =
        Sets::new(snapshot.nodes_of(pool), &pool.grants, unfinished().filter(|r| r.pool == pool.name));
    let guard_grants = snapshot.guard.as_ref().map_or(&[][..], |guard| &guard.grants);
    let mut of_cluster = Sets::new(snapshot.nodes.values(), guard_grants, unfinished());
    for node in &promised.0 {
        of_cluster.take(&node.uid);
        if pool.selector.matches(&node.labels) {
            of_pool.take(&node.uid);
        }
    }
    let mut granted = Vec::new();
    for (page, planned) in nodes {
        let Some(node) = snapshot.nodes.get(&planned.name) else { continue };
        match refusal(snapshot, run, pool, node, &of_pool, &of_cluster, now) {
            Some(blocker) if blockers.iter().any(|b| b.is_about(&blocker)) => {}
            Some(blocker) => blockers.push(blocker),
            None => {
                of_pool.take(&node.uid);
                of_cluster.take(&node.uid);
                promised.0.push(node.clone());
                granted.push((page, planned));
            }
        }
    }
    granted
}

/// Why this node may not be started now.
fn refusal(
    snapshot: &Snapshot,
    run: &Run,
    pool: &Pool,
    node: &Node,
    of_pool: &Sets,
    of_cluster: &Sets,
    now: Time,
) -> Option<Blocker> {
    if let Some(hold) = hold_on(snapshot.holds.values(), run, Some(&node.name), now) {
        return Some(hold);
    }
    let object = format!("node/{}", node.name);
    if snapshot.pools_of(node).len() > 1 {
        return Some(Blocker::new(
            "TwoPools",
            object,
            "selected by more than one RepairPool; change a nodeSelector",
        ));
    }
    if let Some(busy) = snapshot.remediations.values().find(|r| r.node_uid == node.uid && !r.is_finished()) {
        return Some(Blocker::new("Busy", object, format!("run {} is repairing it or holds it", busy.run)));
    }
    let budgets = [
        (of_pool.refusal(node, &pool.budget, &format!("repairpool/{}", pool.name)), "repairpool"),
        match snapshot.guard.as_ref().and_then(|guard| guard.budget.as_ref()) {
            Some(budget) => (of_cluster.refusal(node, budget, "repairguard/cluster"), "repairguard"),
            None => (Ok(None), "repairguard"),
        },
    ];
    budgets.into_iter().find_map(|(refusal, kind)| match refusal {
        Ok(refusal) => refusal,
        Err(error) => Some(Blocker::new("BadBudget", kind, error.to_string())),
    })
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
    if status.counts.in_flight > 0 && status.started_at.is_none() {
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
