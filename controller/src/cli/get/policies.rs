//! `nodemend get policies`: what each repairs, how many nodes match, and why it makes no run if it does not.

use nodemend_core::matching::match_policy;
use nodemend_core::snapshot::{Policy, PolicyMode};

use super::Query;
use crate::cli::output::{Field, Tone, toned};

/// One line per policy.
pub(super) fn table(query: &Query<'_>) -> String {
    let policies = query.snapshot.policies.values().filter(|policy| {
        query.wants(&policy.name) && query.wants_pool(policy.pools.iter().map(String::as_str))
    });
    let headers = ["POLICY", "MODE", "POOLS", "PLAYBOOK", "MATCHED", "LAST RUN", "BLOCKED BY"];
    let rows = policies.map(|policy| row(query, policy)).collect();
    query.table(&headers, rows, "no RepairPolicy: repairs are started by hand (nodemend run)")
}

fn row(query: &Query<'_>, policy: &Policy) -> Vec<Field> {
    let matched = matched(query, policy);
    let tone = if policy.mode == PolicyMode::Enforce { Tone::Plain } else { Tone::Dim };
    vec![
        Field::from(&policy.name),
        toned(format!("{:?}", policy.mode), tone),
        Field::from(policy.pools.join(", ")),
        Field::from(format!("{} {}", policy.playbook.name, policy.playbook.version)),
        toned(matched, if matched > 0 { Tone::Careful } else { Tone::Plain }),
        Field::from(last_run(query, policy)),
        toned(blocked(query, policy), Tone::Careful),
    ]
}

fn matched(query: &Query<'_>, policy: &Policy) -> usize {
    let pools = policy.pools.iter().filter_map(|pool| query.snapshot.pools.get(pool));
    let nodes = pools.flat_map(|pool| query.snapshot.nodes_of(pool));
    nodes.filter(|node| match_policy(query.snapshot, policy, node, query.now).matched()).count()
}

fn last_run(query: &Query<'_>, policy: &Policy) -> String {
    let status = query.snapshot.policy_status.get(&policy.name);
    let Some(name) = status.and_then(|status| status.last_run.as_ref()) else { return String::new() };
    match query.snapshot.runs.get(name) {
        Some(run) => format!("{name} ({:?})", run.status.phase),
        None => format!("{name} (deleted)"),
    }
}

fn blocked(query: &Query<'_>, policy: &Policy) -> String {
    let status = query.snapshot.policy_status.get(&policy.name);
    let blockers = status.map_or(&[][..], |status| &status.blockers);
    let told = blockers.iter().map(|blocker| format!("{}: {}", blocker.object, blocker.next));
    let unsupported = policy.unsupported.iter().map(|field| format!("{field} is not honoured yet"));
    told.chain(unsupported).collect::<Vec<_>>().join("; ")
}
