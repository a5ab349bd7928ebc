//! `nodemend get guard`: the cluster-wide limits, and who holds a grant.

use std::fmt::Write as _;

use super::Query;
use crate::cli::CliError;
use crate::cli::output::{Field, age, count};

/// What is missing when there is no guard, and how to make one.
const NONE: &str = "\
there is no RepairGuard, so nothing disruptive starts
next: kubectl apply -f - <<END
apiVersion: nodemend.dev/v1alpha1
kind: RepairGuard
metadata: {name: cluster}
spec: {}
END";

/// The guard.
pub(super) fn text(query: &Query<'_>) -> Result<String, CliError> {
    let Some(guard) = &query.snapshot.guard else {
        let broken = query.snapshot.undecodable.contains_key("repairguard/cluster");
        return Err(if broken {
            crate::cli::select::missing(query.snapshot, "RepairGuard", "cluster")
        } else {
            CliError::Negative(NONE.to_owned())
        });
    };
    let budget = guard.budget.as_ref().map_or_else(
        || "none beside the pools' own".to_owned(),
        |budget| format!("at most {} nodes out of service", budget.max_unavailable),
    );
    let mut text = format!(
        "RepairGuard cluster\n  limit   {budget}\n  epoch   {} (rises with each controller that leads)\n",
        guard.epoch
    );
    if let Some(behind) = &guard.behind {
        let _ = writeln!(text, "  closed  {}: {}", behind.blocker().object, behind.blocker().next);
    }
    for field in &guard.unsupported {
        let _ = writeln!(text, "  closed  spec.{field} is not honoured yet, so nothing starts");
    }
    let _ = writeln!(text, "  granted {}", count(guard.grants.len(), "node"));
    if guard.grants.is_empty() {
        return Ok(text);
    }
    let rows = guard.grants.iter().map(|grant| {
        let remediation = query.snapshot.remediations.get(&grant.remediation);
        let run = remediation.map_or("unknown", |remediation| remediation.run.as_str());
        vec![
            Field::from(&grant.node),
            Field::from(&grant.pool),
            Field::from(run),
            Field::from(age(Some(grant.at), query.now)),
        ]
    });
    Ok(text + "\n" + &query.look.table(2, &["NODE", "POOL", "RUN", "FOR"], rows.collect()))
}
