//! What each automatic policy does next: say what matches, and make a run when there is something to repair.

use std::collections::BTreeSet;

use super::Decision;
use super::gates::policy_of;
use super::round::{Round, plan_of};
use crate::blocker::{Blocker, keep_since};
use crate::ids::short_hash;
use crate::matching::is_for;
use crate::plan::build::{COOLS_DOWN, Considered, TOO_MANY_ATTEMPTS, draft};
use crate::playbook::Playbook;
use crate::snapshot::{NodeSelection, Policy, PolicyMode, Pool, Run, RunPhase, RunRequest, Snapshot};
use crate::time::{Span, Time};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// For how long a run waits for nodes of its pool that were never looked at.
const FIRST_LOOK: Span = Span::minutes(2);

/// What a policy found.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyStatus {
    /// Nodes that match.
    #[serde(default)]
    pub matched: u32,
    /// The run that was made last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run: Option<String>,
    /// Why it makes no run, if it does not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub blockers: Vec<Blocker>,
}

pub(super) fn policies(round: &mut Round<'_>) {
    let mut policies: Vec<_> = round.snapshot.policies.values().collect();
    policies.sort_by_key(|policy| (std::cmp::Reverse(policy.priority), &policy.name));
    for policy in policies {
        one_policy(round, policy);
    }
}

fn one_policy(round: &mut Round<'_>, policy: &Policy) {
    let known = round.snapshot.policy_status.get(&policy.name).cloned().unwrap_or_default();
    let mut status = PolicyStatus::default();
    for name in &policy.pools {
        let Some(pool) = round.snapshot.pools.get(name) else {
            let object = format!("repairpool/{name}");
            let next = "no such pool; correct spec.pools or create it";
            status.blockers.push(Blocker::new("PoolNotFound", object, next));
            continue;
        };
        let members = round.fleet.members(name).iter();
        let matched = members.filter(|node| is_for(round.snapshot, policy, node, round.now)).count();
        status.matched += u32::try_from(matched).unwrap_or(u32::MAX);
        if policy.mode != PolicyMode::Observe && matched > 0 {
            match next_run(round, policy, pool, &known) {
                Ok(create) => round.decisions.extend(create),
                Err(blocker) => status.blockers.push(blocker),
            }
        }
    }
    let runs = runs_of(round.snapshot, policy);
    status.last_run = runs.max_by_key(|run| run.created).map(|run| run.name.clone());
    round.wait_for(&status.blockers);
    status.blockers = keep_since(&known.blockers, status.blockers, round.now);
    if status != known {
        let policy = policy.name.clone();
        round.decisions.push(Decision::PolicyStatus { policy, status: Box::new(status) });
    }
}

fn runs_of<'a>(snapshot: &'a Snapshot, policy: &'a Policy) -> impl Iterator<Item = &'a Run> {
    snapshot.runs.values().filter(|run| policy_of(run) == Some(&policy.name))
}

/// A run for the policy in this pool, of the highest rung of its ladder that some node has come to; why not, if none.
fn next_run(
    round: &Round<'_>,
    policy: &Policy,
    pool: &Pool,
    known: &PolicyStatus,
) -> Result<Option<Decision>, Blocker> {
    let last = runs_of(round.snapshot, policy)
        .filter(|run| run.request.pool == pool.name)
        .max_by_key(|run| (run.created, &run.uid));
    if let Some(run) = last.filter(|run| !run.status.phase.is_over()) {
        return still_open(round, policy, pool, run);
    }
    if policy.require_change_ref && policy.change_ref.is_none() {
        let next = "spec.requireChangeRef is set; give spec.changeRef, which its runs carry";
        return Err(Blocker::new("ChangeRefRequired", format!("repairpolicy/{}", policy.name), next));
    }
    all_reported(round, pool, known)?;
    let rungs = 0..=u32::try_from(policy.escalation.len()).unwrap_or(u32::MAX);
    let mut left_out = None;
    for rung in rungs.rev() {
        // Nodes that are busy, held, cooling down or tried enough make no run.
        let request = request(round.snapshot, policy, pool, rung, round.now)?;
        let draft = draft(round.fleet, &request, round.now).map_err(|error| {
            Blocker::new("CannotPlan", format!("repairpool/{}", pool.name), error.to_string())
        })?;
        if draft.nodes.is_empty() {
            left_out = left_out.or_else(|| told(&draft.considered));
            continue;
        }
        cooled_down(policy, last, rung, round.now)?;
        return Ok(Some(create(policy, pool, last, request)));
    }
    left_out.map_or(Ok(None), Err)
}

/// A run that is not over is said to be waited for only if it does not have every node that matches.
fn still_open(
    round: &Round<'_>,
    policy: &Policy,
    pool: &Pool,
    run: &Run,
) -> Result<Option<Decision>, Blocker> {
    let planned = plan_of(round.snapshot, run).map(|(_, nodes)| nodes).unwrap_or_default();
    let planned: BTreeSet<_> = planned.into_iter().map(|(_, node)| &node.uid).collect();
    let mut members = round.fleet.members(&pool.name).iter();
    let new =
        members.any(|node| !planned.contains(&node.uid) && is_for(round.snapshot, policy, node, round.now));
    if planned.is_empty() || !new {
        return Ok(None);
    }
    let next = "more nodes match by now; the next run is made when this one is over";
    Err(Blocker::new("RunOpen", format!("repairrun/{}", run.name), next))
}

/// The first look at a pool takes a moment: a run of the nodes seen so far would leave the others to the next one.
fn all_reported(round: &Round<'_>, pool: &Pool, known: &PolicyStatus) -> Result<(), Blocker> {
    let members = round.fleet.members(&pool.name).iter();
    let silent = members.filter(|node| !round.snapshot.reports.contains_key(&node.uid)).count();
    if silent == 0 {
        return Ok(());
    }
    let next = format!("{silent} nodes were not looked at yet; goes on without them after {FIRST_LOOK}");
    let blocker = Blocker::new("FirstLook", format!("repairpool/{}", pool.name), next);
    let since = known.blockers.iter().find(|b| b.is_about(&blocker)).and_then(|b| b.since);
    let until = since.unwrap_or(round.now).after(FIRST_LOOK);
    if until > round.now { Err(blocker.until(until)) } else { Ok(()) }
}

/// Why matching nodes make no run: the first of those that were tried enough or that cool down.
fn told(considered: &[Considered]) -> Option<Blocker> {
    let of = |reason: &str| considered.iter().filter(|c| c.reason == reason).collect::<Vec<_>>();
    [TOO_MANY_ATTEMPTS, COOLS_DOWN].into_iter().find_map(|reason| {
        let left_out = of(reason);
        let first = left_out.first()?;
        let others = match left_out.len() {
            1 => String::new(),
            count => format!(" (and {} more)", count - 1),
        };
        Some(Blocker::new(reason, format!("node/{}", first.node), format!("{}{others}", first.why)))
    })
}

fn create(policy: &Policy, pool: &Pool, last: Option<&Run>, request: RunRequest) -> Decision {
    // Derived from what was last: the same decision made twice makes the same name, and the second is refused.
    let previous = last.map_or("first", |run| run.uid.as_str());
    let suffix = &short_hash(&[&policy.name, &pool.name, previous])[..8];
    let stem: String = policy.name.chars().take(200).collect();
    // A name may be cut at a dot, and none of its labels may end in one or in a dash.
    let name = format!("{}-{suffix}", stem.trim_end_matches(['.', '-']));
    Decision::CreateRun { name, policy: policy.name.clone(), request: Box::new(request) }
}

/// The pause after the policy's last run in the pool. The next rung of the ladder does not wait for it: it is the answer
/// to that run.
fn cooled_down(policy: &Policy, last: Option<&Run>, rung: u32, now: Time) -> Result<(), Blocker> {
    let Some(last) = last else { return Ok(()) };
    let object = format!("repairrun/{}", last.name);
    if last.status.phase == RunPhase::Aborted {
        let next = "the last run was aborted by a person; delete it to let the policy go on";
        return Err(Blocker::new("LastRunAborted", object, next));
    }
    if matches!(last.request.nodes, NodeSelection::Policy { rung: before, .. } if before < rung) {
        return Ok(());
    }
    let ready = last.status.finished_at.unwrap_or(last.created).after(policy.limits.cool_down);
    if now < ready {
        let next = format!("limits.coolDown after the last run: goes on at {ready}");
        return Err(Blocker::new("CoolDown", object, next).until(ready));
    }
    Ok(())
}

fn request(
    snapshot: &Snapshot,
    policy: &Policy,
    pool: &Pool,
    rung: u32,
    now: Time,
) -> Result<RunRequest, Blocker> {
    let (wanted, parameters) = policy.at_rung(rung);
    let playbook = newest(snapshot, &wanted.name, &wanted.version)
        .map_err(|next| Blocker::new("PlaybookNotFound", format!("playbook/{}", wanted.name), next))?;
    Ok(RunRequest {
        pool: pool.name.clone(),
        playbook: playbook.name.clone(),
        version: playbook.version.clone(),
        parameters: parameters.clone(),
        nodes: NodeSelection::Policy { name: policy.name.clone(), rung },
        rollout: policy.rollout.clone(),
        requested_by: format!("policy:{}", policy.name),
        start_before: now.after(policy.start_within),
        change_ref: policy.change_ref.clone(),
        plan_only: policy.mode == PolicyMode::Plan,
        operations: Vec::new(),
    })
}

/// The newest version of a playbook that a semver requirement allows; the error says why there is none.
pub fn newest<'a>(snapshot: &'a Snapshot, name: &str, requirement: &str) -> Result<&'a Playbook, String> {
    let wanted = semver::VersionReq::parse(requirement).map_err(|error| {
        format!("spec.playbook.version `{requirement}` is not a semver requirement: {error}")
    })?;
    let parsed = |playbook: &'a Playbook| Some((semver::Version::parse(&playbook.version).ok()?, playbook));
    let of_name = snapshot.playbooks.values().filter(|playbook| playbook.name == name).filter_map(parsed);
    of_name
        .filter(|(version, _)| wanted.matches(version))
        .max_by(|a, b| a.0.cmp(&b.0))
        .map(|(_, playbook)| playbook)
        .ok_or_else(|| {
            format!(
                "no version of it satisfies `{requirement}`; `nodemend playbook list` lists those that exist"
            )
        })
}
