//! What stops a run or a node: Holds, missing objects, approvals, the clock, and fields that are not honoured yet.

use super::round::Round;
use crate::blocker::Blocker;
use crate::ids::NodeName;
use crate::plan::{Header, PlannedNode};
use crate::rollout::storm::{admits, blind};
use crate::rollout::window::{Opening, opening};
use crate::snapshot::{
    ApprovalFloor, Hold, HoldLevel, HoldScope, NodeSelection, Operation, Pool, Run, Snapshot, Verb,
};
use crate::time::{Span, Time};

/// How far the clock may be behind what was recorded before nothing new starts.
const CLOCK_TOLERANCE: Span = Span::seconds(60);

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
    const fn run_in(run: &'a Run, pool: Option<&'a Pool>) -> Self {
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

/// While the controller may be the one that is cut off, nothing that it sees is a reason to act.
fn all_silent(snapshot: &Snapshot) -> Option<Blocker> {
    blind(snapshot).then(|| {
        let next =
            "no node of the cluster is Ready: it may be this controller that is cut off; waits until one is";
        Blocker::new("AllNodesSilent", "nodes", next)
    })
}

/// Whether a node may start now and still end within the pool's windows.
pub(super) fn window_closed(pool: &Pool, run: &Run, header: &Header, now: Time) -> Option<Blocker> {
    let object = format!("repairpool/{}", pool.name);
    let until = match opening(&pool.windows, now) {
        Err(error) => return Some(Blocker::new("BadWindow", object, format!("spec.{error}"))),
        Ok(Opening::Closed { opens: None }) => {
            return Some(Blocker::new("Window", object, "none of spec.windows ever opens; correct them"));
        }
        Ok(Opening::Closed { opens: Some(opens) }) => {
            let next = format!("outside of spec.windows; goes on at {opens}");
            return Some(Blocker::new("Window", object, next).until(opens));
        }
        Ok(Opening::Open { until }) => until,
    };
    let (takes, known) = expected(run, header);
    (now.after(takes) > until).then(|| {
        let next = format!(
            "the window closes at {until}, and a repair {known} {takes}: it would not fit; waits for the next window"
        );
        Blocker::new("WindowTooShort", object, next).until(until)
    })
}

/// How long one more repair may take, and how that is known: half as long again as the longest of this run, or, before
/// the first one has ended, the time limits of all steps.
fn expected(run: &Run, header: &Header) -> (Span, &'static str) {
    if let Some(longest) = run.status.longest_repair {
        let takes = Span(longest.0.saturating_add(longest.0 / 2));
        return (takes, "has taken up to (with half as much again)");
    }
    let limits = header.steps.iter().map(|step| step.time_limit().0);
    (Span(limits.fold(0, i64::saturating_add)), "may take (all time limits together)")
}

/// A clock that is behind what was recorded makes rates, windows and pauses worth nothing.
fn clock_behind(snapshot: &Snapshot, now: Time) -> Option<Blocker> {
    let guard = snapshot.guard.as_ref()?;
    let latest = guard.grants.iter().map(|grant| grant.at).chain(guard.starts.last()).max()?;
    (latest > now.after(CLOCK_TOLERANCE)).then(|| {
        let next = format!(
            "grants were recorded at {latest}, this clock says {now}; nothing starts until it is right"
        );
        Blocker::new("ClockBehind", "repairguard/cluster", next).until(latest.before(CLOCK_TOLERANCE))
    })
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

fn guard_closed(snapshot: &Snapshot) -> Option<Blocker> {
    let object = "repairguard/cluster";
    let Some(guard) = &snapshot.guard else {
        let next = "there is no RepairGuard named `cluster`; nothing disruptive starts without one";
        return Some(Blocker::new("NoRepairGuard", object, next));
    };
    unhonoured(object, &guard.unsupported)
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

fn operation_fields(run: &Run) -> Vec<String> {
    let other = run.request.operations.iter().filter(|op| !is_abort(op));
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
