//! The answer in one sentence, and what the node waits for.

use nodemend_core::blocker::Blocker;
use nodemend_core::decide::plan_of;
use nodemend_core::finding::CheckState;
use nodemend_core::ids::remediation_name;
use nodemend_core::matching::match_policy;
use nodemend_core::plan::build::draft;
use nodemend_core::rollout::{Place, attempts, place};
use nodemend_core::snapshot::{Fleet, Mark, Node, Policy, PolicyMode, Run, Snapshot};
use nodemend_core::time::Time;

use crate::cli::get::last_repair;
use crate::cli::plan::Start;
use crate::cli::repair::{blockers, line, progress};
use crate::cli::select::{Asking, Selection};

/// Why a node is, or is not, being repaired.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Verdict {
    /// The answer.
    pub(super) text: String,
    /// What would have to go first.
    pub(super) blockers: Vec<Blocker>,
}

fn says(text: impl Into<String>) -> Verdict {
    Verdict { text: text.into(), blockers: Vec::new() }
}

/// The answer for one node.
pub(super) fn of(snapshot: &Snapshot, node: &Node, now: Time) -> Verdict {
    if let Some(repair) = last_repair(snapshot, node).filter(|repair| !repair.is_finished()) {
        let verb = if repair.is_held() { "held" } else { "under repair" };
        let text = format!("{verb} by run {}; {}", repair.run, line(&progress(Some(repair)), now));
        return Verdict { text, blockers: blockers(Some(repair)).to_vec() };
    }
    let pools: Vec<_> = snapshot.pools_of(node).into_iter().collect();
    match pools.as_slice() {
        [] => says("not repaired: no RepairPool selects it"),
        [pool] => in_pool(snapshot, node, pool, now),
        more => says(format!(
            "not repaired: selected by more than one RepairPool ({}); change a nodeSelector",
            more.join(", ")
        )),
    }
}

fn in_pool(snapshot: &Snapshot, node: &Node, pool: &str, now: Time) -> Verdict {
    let open = snapshot.runs.values().filter(|run| run.request.pool == pool && !run.status.phase.is_over());
    // A run that may repair it says more than one that was only asked for a plan.
    let waiting = open.filter_map(|run| Some((run.request.plan_only, in_turn(snapshot, node, run)?)));
    if let Some((_, verdict)) = waiting.min_by_key(|(plan_only, _)| *plan_only) {
        return verdict;
    }
    let policies = snapshot.policies.values().filter(|policy| policy.pools.iter().any(|name| name == pool));
    let mut matching: Vec<_> =
        policies.filter(|policy| match_policy(snapshot, policy, node, now).matched()).collect();
    matching.sort_by_key(|policy| (std::cmp::Reverse(policy.mode), std::cmp::Reverse(policy.priority)));
    match matching.first() {
        Some(policy) => by_policy(snapshot, node, pool, policy, now),
        None => unmatched(snapshot, node, now),
    }
}

/// The run has it in its plan, and has not come to it yet.
fn in_turn(snapshot: &Snapshot, node: &Node, run: &Run) -> Option<Verdict> {
    let (_, nodes) = plan_of(snapshot, run)?;
    let mut marked = nodes.into_iter().zip(run.status.nodes.marks());
    let ((_, planned), mark) = marked.find(|((_, planned), _)| planned.uid == node.uid)?;
    if mark != Mark::Waiting || snapshot.remediations.contains_key(&remediation_name(&run.uid, &node.uid)) {
        return None;
    }
    let batches = run.status.plan.as_ref().map_or(0, |plan| plan.batches);
    let at = format!("batch {} of {batches}, now at {}", planned.batch + 1, run.status.batch + 1);
    let text = format!("waits for its turn in run {} ({:?}): {at}", run.name, run.status.phase);
    Some(Verdict { text, blockers: run.status.blockers.clone() })
}

/// No policy wants it: nothing fails as far as is known, or nobody asked for what fails to be repaired.
fn unmatched(snapshot: &Snapshot, node: &Node, now: Time) -> Verdict {
    let reports = snapshot.reports.get(&node.uid).into_iter().flat_map(|reports| reports.values());
    let valid: Vec<_> =
        reports.filter(|report| report.expires_at > now).flat_map(|report| report.results.values()).collect();
    let in_state = |state: CheckState| {
        let results = valid.iter().filter(|result| result.state == state);
        results.map(|result| result.check.as_str()).collect::<Vec<_>>().join(", ")
    };
    let (failing, unknown) = (in_state(CheckState::Fail), in_state(CheckState::Unknown));
    says(match (valid.is_empty(), failing.is_empty(), unknown.is_empty()) {
        (true, ..) => {
            "not repaired: nothing is known of it; is the controller running, and can it reach the host?"
                .to_owned()
        }
        (_, true, true) => "not repaired: no check fails".to_owned(),
        (_, true, false) => format!("not repaired: no check is known to fail, but nobody can tell {unknown}"),
        _ => format!("not repaired: {failing} fails, but no policy of its pool is for that as it stands"),
    })
}

fn by_policy(snapshot: &Snapshot, node: &Node, pool: &str, policy: &Policy, now: Time) -> Verdict {
    if policy.mode == PolicyMode::Observe {
        return says(format!(
            "not repaired: policy {} matches, but only observes; nodemend run --pool {pool} --policy {} repairs it",
            policy.name, policy.name
        ));
    }
    let status = snapshot.policy_status.get(&policy.name);
    let waits = status.map(|status| status.blockers.clone()).unwrap_or_default();
    match what_a_run_would_do(snapshot, node, pool, policy, now) {
        Ok(mut verdict) => {
            verdict.blockers.extend(waits);
            verdict
        }
        Err(why) => Verdict {
            text: format!("not repaired: policy {} matches, but {why}", policy.name),
            blockers: waits,
        },
    }
}

/// The plan that the policy's next run would have, and what would hold that back.
fn what_a_run_would_do(
    snapshot: &Snapshot,
    node: &Node,
    pool: &str,
    policy: &Policy,
    now: Time,
) -> Result<Verdict, String> {
    let fleet = Fleet::new(snapshot);
    let tried = attempts(&fleet, policy, pool).remove(&node.uid).unwrap_or_default();
    let rung = if let Place::Rung(rung) = place(policy, &tried, now) { rung } else { 0 };
    let selection = Selection {
        pool: Some(pool.to_owned()),
        policy: Some(policy.name.clone()),
        rung,
        ..Selection::default()
    };
    let asking = Asking { start_before: now.after(policy.start_within), ..Asking::default() };
    let request = selection.request(snapshot, asking).map_err(|error| error.to_string())?;
    let draft = draft(&fleet, &request, now).map_err(|error| error.to_string())?;
    let considered = draft.considered.iter().find(|considered| considered.node == node.name);
    if let Some(out) = considered.filter(|considered| !considered.included) {
        return Err(format!("it is left out: {} ({})", out.why, out.reason));
    }
    let start = Start::of(snapshot, &request, &draft, now).map_err(|error| error.to_string())?;
    let text = match (start.nodes.contains(&node.name), policy.mode) {
        (true, _) => format!("would begin at once in the next run of policy {}", policy.name),
        (false, PolicyMode::Plan) => format!("not repaired: policy {} only makes plans", policy.name),
        (false, _) => format!("would wait in the next run of policy {}", policy.name),
    };
    Ok(Verdict { text, blockers: start.blockers })
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
