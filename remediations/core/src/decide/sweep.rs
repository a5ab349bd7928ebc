//! Grants that can be given back.

use std::collections::BTreeMap;

use super::Decision;
use crate::budget::Grant;
use crate::snapshot::Snapshot;

/// Grants, of guard or pool, whose Remediation is over or is not known. The latter may be a cache that lags: the
/// planner releases them only after a live read. `Held` keeps its grant, and so does what cannot be decoded.
pub(super) fn sweep(snapshot: &Snapshot) -> Option<Decision> {
    let of_guard = snapshot.guard.iter().flat_map(|guard| &guard.grants);
    let of_pools = snapshot.pools.values().flat_map(|pool| &pool.grants);
    let over: BTreeMap<&str, &Grant> = of_guard
        .chain(of_pools)
        .filter(|grant| is_over(snapshot, &grant.remediation))
        .map(|grant| (grant.remediation.as_str(), grant))
        .collect();
    (!over.is_empty()).then(|| Decision::Release { grants: over.into_values().cloned().collect() })
}

fn is_over(snapshot: &Snapshot, remediation: &str) -> bool {
    match snapshot.remediations.get(remediation) {
        Some(known) => known.is_finished(),
        None => !snapshot.undecodable.contains_key(&format!("remediation/{remediation}")),
    }
}
