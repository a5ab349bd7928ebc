//! Grants that can be given back.

use std::collections::BTreeMap;

use super::Decision;
use crate::budget::Grant;
use crate::snapshot::Snapshot;

/// Grants, of guard or pool, whose Remediation is over or is not known. The latter may be a cache that lags: the
/// planner releases them only after a live read. `Held` keeps its grant.
pub(super) fn sweep(snapshot: &Snapshot) -> Option<Decision> {
    let of_guard = snapshot.guard.iter().flat_map(|guard| &guard.grants);
    let of_pools = snapshot.pools.values().flat_map(|pool| &pool.grants);
    let over: BTreeMap<&str, &Grant> = of_guard
        .chain(of_pools)
        .filter(|grant| {
            snapshot
                .remediations
                .get(&grant.remediation)
                .is_none_or(super::super::snapshot::Remediation::is_finished)
        })
        .map(|grant| (grant.remediation.as_str(), grant))
        .collect();
    (!over.is_empty()).then(|| Decision::Release { grants: over.into_values().cloned().collect() })
}
