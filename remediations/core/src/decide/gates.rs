//! What keeps a whole run from starting nodes: Holds, missing objects, approvals, and fields that are not honoured yet.

use super::holds::{Subject, hold_on};
use super::round::Round;
use super::when::{all_silent, clock_behind, window_closed};
use crate::blocker::Blocker;
use crate::plan::Header;
use crate::snapshot::{ApprovalFloor, Behind, NodeSelection, Operation, Pool, Run, Snapshot, Verb};

/// Whether a person asked for an end of `run`: by an operation, or by deleting it.
pub fn is_stopped(run: &Run) -> Option<Blocker> {
    let object = format!("repairrun/{}", run.name);
    if run.deleting {
        return Some(Blocker::new("Deleted", object, "the run is being deleted; nothing more starts"));
    }
    let abort = run.request.operations.iter().find(|op| is_abort(op))?;
    Some(Blocker::new("Aborted", object, format!("aborted by {}: {}", abort.by, abort.reason)))
}

/// Everything that keeps the whole run from starting nodes.
pub(super) fn closed(round: &Round<'_>, run: &Run, header: &Header) -> Vec<Blocker> {
    let snapshot = round.snapshot;
    let object = format!("repairrun/{}", run.name);
    let mut closed = Vec::new();
    let pool = snapshot.pools.get(&run.request.pool);
    closed.extend(hold_on(snapshot.holds.values(), &Subject::run_in(run, pool), round.now));
    closed.extend(undecodable(snapshot, run));
    closed.extend(guard_closed(snapshot));
    closed.extend(audit_closed(snapshot));
    closed.extend(clock_behind(snapshot, round.now));
    closed.extend(all_silent(snapshot));
    if run.request.plan_only {
        closed.push(Blocker::new(
            "PlanOnly",
            &object,
            "asked for a plan only; start a run without --plan-only",
        ));
    }
    closed.extend(unhonoured(&object, &operation_fields(run)));
    match pool {
        Some(pool) => {
            closed.extend(pool_closed(snapshot, pool, run));
            closed.extend(window_closed(pool, run, header, round.now));
        }
        None => closed.push(Blocker::new(
            "PoolNotFound",
            format!("repairpool/{}", run.request.pool),
            "the pool is gone; nothing starts without it",
        )),
    }
    closed
}

/// Objects that cannot be decoded and might stop `run`, or say what it may do. Holds, guard and Remediations may be
/// about anything; of the other kinds only what the run itself is under counts.
pub fn undecodable(snapshot: &Snapshot, run: &Run) -> Option<Blocker> {
    let own_pool = format!("repairpool/{}", run.request.pool);
    let own_policy = policy_of(run).map(|name| format!("repairpolicy/{name}"));
    let counts = |object: &str| {
        let kind = object.split_once('/').map_or(object, |(kind, _)| kind);
        matches!(kind, "hold" | "repairguard" | "remediation")
            || object == own_pool
            || Some(object) == own_policy.as_deref()
    };
    let (object, error) = snapshot.undecodable.iter().find(|(object, _)| counts(object))?;
    let next = format!("it cannot be decoded, so nothing starts: {error}; correct or delete it");
    Some(Blocker::new("Undecodable", object, next))
}

/// What cannot be recorded is not done. What has begun comes to its end, and cordons of ours are lifted all the same.
pub fn audit_closed(snapshot: &Snapshot) -> Option<Blocker> {
    let failure = snapshot.audit_failure.as_ref()?;
    let next = format!("{failure}; nothing new starts until it can");
    Some(Blocker::new("AuditLogFails", "auditlog", next))
}

fn guard_closed(snapshot: &Snapshot) -> Option<Blocker> {
    let object = "repairguard/cluster";
    let Some(guard) = &snapshot.guard else {
        let next = "there is no RepairGuard named `cluster`; nothing disruptive starts without one";
        return Some(Blocker::new("NoRepairGuard", object, next));
    };
    guard.behind.as_ref().map(Behind::blocker).or_else(|| unhonoured(object, &guard.unsupported))
}

fn pool_closed(snapshot: &Snapshot, pool: &Pool, run: &Run) -> Vec<Blocker> {
    let object = format!("repairpool/{}", pool.name);
    let mut closed = Vec::new();
    if pool.deleting {
        closed.push(Blocker::new("PoolDeleted", &object, "the pool is being deleted"));
    }
    if !pool.repairable {
        closed.push(Blocker::new(
            "NoRepairAccess",
            &object,
            "spec.access.repair is none; set ssh to allow repairs",
        ));
    }
    closed.extend(unhonoured(&object, &pool.unsupported));
    if pool.require_change_ref && run.request.change_ref.is_none() {
        let next = "its runs have to name a change: make another with spec.changeRef (--change-ref), or set it in the policy";
        closed.push(Blocker::new("ChangeRefRequired", &object, next));
    }
    let policy = policy_of(run).and_then(|name| snapshot.policies.get(name));
    if let Some(policy) = policy {
        closed.extend(unhonoured(&format!("repairpolicy/{}", policy.name), &policy.unsupported));
    }
    // A policy may only ask for more than its pool does.
    let floors = [Some(pool.approval), policy.and_then(|p| p.approval)];
    if floors.into_iter().flatten().any(needs_approval) {
        closed.push(Blocker::new(
            "ApprovalRequired",
            &object,
            "approvals cannot be given yet, so it waits; spec.approval: Never lets runs of this pool start without",
        ));
    }
    closed
}

/// Whether a floor other than `Never` is written. No gate can be answered yet, so any of them waits, whatever the risk.
const fn needs_approval(floor: ApprovalFloor) -> bool {
    !matches!(floor, ApprovalFloor::Never)
}

/// Whether the operation ends the whole run; the end of a single node is not honoured yet.
fn is_abort(operation: &Operation) -> bool {
    operation.verb == Verb::Abort && operation.target.is_none()
}

/// Whether the operation says what became of one step of one node: the saga of that node heeds it.
pub fn is_resolve(operation: &Operation) -> bool {
    let whole = operation.target.is_some() && operation.step.is_some() && operation.outcome.is_some();
    operation.verb == Verb::Resolve && whole
}

fn operation_fields(run: &Run) -> Vec<String> {
    let other = run.request.operations.iter().filter(|op| !is_abort(op) && !is_resolve(op));
    other.map(|op| format!("operations[{}].verb {:?}", op.id, op.verb)).collect()
}

/// A value that is not honoured yet stops the run: ignoring it would do more than was allowed.
fn unhonoured(object: &str, fields: &[String]) -> Option<Blocker> {
    let fields = (!fields.is_empty()).then(|| fields.join(", "))?;
    Some(Blocker::new(
        "NotHonouredYet",
        object,
        format!("{fields}: not honoured by this version, so nothing starts"),
    ))
}

pub(super) fn policy_of(run: &Run) -> Option<&String> {
    match &run.request.nodes {
        NodeSelection::Policy { name, .. } => Some(name),
        _ => None,
    }
}
