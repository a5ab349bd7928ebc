//! What each automatic policy does next: say what matches, and make a run when there is something to repair.

use super::Decision;
use super::gates::policy_of;
use crate::blocker::{Blocker, keep_since};
use crate::ids::short_hash;
use crate::matching::match_policy;
use crate::playbook::Playbook;
use crate::snapshot::{NodeSelection, Policy, PolicyMode, Pool, Run, RunPhase, RunRequest, Snapshot};
use crate::time::Time;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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

pub(super) fn policies(snapshot: &Snapshot, now: Time) -> Vec<Decision> {
    let mut policies: Vec<_> = snapshot.policies.values().collect();
    policies.sort_by_key(|policy| (std::cmp::Reverse(policy.priority), &policy.name));
    policies.into_iter().flat_map(|policy| one_policy(snapshot, policy, now)).collect()
}

fn one_policy(snapshot: &Snapshot, policy: &Policy, now: Time) -> Vec<Decision> {
    let mut status = PolicyStatus::default();
    let mut decisions = Vec::new();
    for name in &policy.pools {
        let Some(pool) = snapshot.pools.get(name) else {
            let object = format!("repairpool/{name}");
            status.blockers.push(Blocker::new(
                "PoolNotFound",
                object,
                "no such pool; correct spec.pools or create it",
            ));
            continue;
        };
        let matched = snapshot
            .nodes_of(pool)
            .filter(|node| match_policy(snapshot, policy, node, now).matched())
            .count();
        status.matched += u32::try_from(matched).unwrap_or(u32::MAX);
        match next_run(snapshot, policy, pool, matched, now) {
            Ok(create) => decisions.extend(create),
            Err(blocker) => status.blockers.push(blocker),
        }
    }
    status.last_run = runs_of(snapshot, policy).max_by_key(|run| run.created).map(|run| run.name.clone());
    let known = snapshot.policy_status.get(&policy.name).cloned().unwrap_or_default();
    status.blockers = keep_since(&known.blockers, status.blockers, now);
    if status != known {
        decisions.push(Decision::PolicyStatus { policy: policy.name.clone(), status: Box::new(status) });
    }
    decisions
}

fn runs_of<'a>(snapshot: &'a Snapshot, policy: &'a Policy) -> impl Iterator<Item = &'a Run> {
    snapshot.runs.values().filter(|run| policy_of(run) == Some(&policy.name))
}

/// A run for the policy in this pool, if there is something to repair and nothing speaks against it.
fn next_run(
    snapshot: &Snapshot,
    policy: &Policy,
    pool: &Pool,
    matched: usize,
    now: Time,
) -> Result<Option<Decision>, Blocker> {
    if policy.mode == PolicyMode::Observe || matched == 0 {
        return Ok(None);
    }
    let last = runs_of(snapshot, policy)
        .filter(|run| run.request.pool == pool.name)
        .max_by_key(|run| (run.created, &run.uid));
    match last {
        Some(run) if !run.status.phase.is_over() => return Ok(None),
        Some(run) => cooled_down(policy, run, now)?,
        None => {}
    }
    // Nodes that are busy, held or excluded make no run.
    let request = request(snapshot, policy, pool, now)?;
    let draft = crate::plan::build::draft(snapshot, &request, now);
    let draft = draft.map_err(|error| {
        Blocker::new("CannotPlan", format!("repairpool/{}", pool.name), error.to_string())
    })?;
    if draft.nodes.is_empty() {
        return Ok(None);
    }
    // Derived from what was last: the same decision made twice makes the same name, and the second is refused.
    let previous = last.map_or("first", |run| run.uid.as_str());
    let suffix = &short_hash(&[&policy.name, &pool.name, previous])[..8];
    let stem: String = policy.name.chars().take(200).collect();
    // A name may be cut at a dot, and none of its labels may end in one or in a dash.
    let name = format!("{}-{suffix}", stem.trim_end_matches(['.', '-']));
    Ok(Some(Decision::CreateRun { name, policy: policy.name.clone(), request: Box::new(request) }))
}

fn cooled_down(policy: &Policy, last: &Run, now: Time) -> Result<(), Blocker> {
    let object = format!("repairrun/{}", last.name);
    if last.status.phase == RunPhase::Aborted {
        let next = "the last run was aborted by a person; delete it to let the policy go on";
        return Err(Blocker::new("LastRunAborted", object, next));
    }
    let ready = last.status.finished_at.unwrap_or(last.created).after(policy.limits.cool_down);
    if now < ready {
        return Err(Blocker::new(
            "CoolDown",
            object,
            format!("limits.coolDown after the last run: goes on at {ready}"),
        ));
    }
    Ok(())
}

fn request(snapshot: &Snapshot, policy: &Policy, pool: &Pool, now: Time) -> Result<RunRequest, Blocker> {
    let playbook = newest(snapshot, &policy.playbook, &policy.version)
        .map_err(|next| Blocker::new("PlaybookNotFound", format!("playbook/{}", policy.playbook), next))?;
    Ok(RunRequest {
        pool: pool.name.clone(),
        playbook: playbook.name.clone(),
        version: playbook.version.clone(),
        parameters: policy.parameters.clone(),
        nodes: NodeSelection::Policy { name: policy.name.clone() },
        rollout: policy.rollout.clone(),
        requested_by: format!("policy:{}", policy.name),
        start_before: now.after(policy.start_within),
        change_ref: None,
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
