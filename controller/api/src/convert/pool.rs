//! RepairPool, RepairGuard and Hold as core sees them.

use nodemend_core::snapshot;

use super::{ConvertError, Identity};
use crate::access::Access;
use crate::guard::RepairGuard;
use crate::hold::Hold;
use crate::pool::{RepairPool, RepairPoolSpec};

impl TryFrom<&RepairPool> for snapshot::Pool {
    type Error = ConvertError;

    fn try_from(pool: &RepairPool) -> Result<Self, ConvertError> {
        let spec = &pool.spec;
        let status = pool.status.clone().unwrap_or_default();
        Ok(Self {
            name: Identity { kind: "RepairPool", meta: &pool.metadata }.name()?,
            selector: spec.node_selector.clone(),
            budget: spec.budget.clone(),
            approval: spec.approval,
            drain_rules: spec.drain.rules.clone(),
            repairable: spec.access.repair != Access::Nothing {},
            unsupported: unsupported(spec),
            deleting: pool.metadata.deletion_timestamp.is_some(),
            grants: status.grants,
            starts: status.starts,
            control_plane: spec.control_plane,
            require_change_ref: spec.require_change_ref,
        })
    }
}

fn unsupported(spec: &RepairPoolSpec) -> Vec<String> {
    let mut fields = Vec::new();
    fields.extend((!spec.windows.is_empty()).then_some("spec.windows"));
    fields.extend(spec.storm.as_ref().map(|_| "spec.storm"));
    fields.into_iter().map(str::to_owned).collect()
}

impl TryFrom<&RepairGuard> for snapshot::Guard {
    type Error = ConvertError;

    fn try_from(guard: &RepairGuard) -> Result<Self, ConvertError> {
        Identity { kind: "RepairGuard", meta: &guard.metadata }.name()?;
        let status = guard.status.clone().unwrap_or_default();
        Ok(Self {
            budget: guard.spec.budget.clone(),
            epoch: status.epoch,
            grants: status.grants,
            starts: status.starts,
            unsupported: Vec::new(),
        })
    }
}

impl TryFrom<&Hold> for snapshot::Hold {
    type Error = ConvertError;

    fn try_from(hold: &Hold) -> Result<Self, ConvertError> {
        let identity = Identity { kind: "Hold", meta: &hold.metadata };
        Ok(Self {
            name: identity.name()?,
            scope: hold.spec.scope.clone(),
            held_by: hold.spec.held_by.clone(),
            reason: hold.spec.reason.clone(),
            until: hold.spec.until,
            created: identity.created()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pool(spec: &serde_json::Value) -> RepairPool {
        serde_json::from_value(json!({
            "apiVersion": "nodemend.dev/v1alpha1", "kind": "RepairPool", "metadata": {"name": "web"}, "spec": spec,
        }))
        .unwrap()
    }

    #[test]
    fn fields_that_are_not_honoured_are_named() {
        let row = snapshot::Pool::try_from(&pool(&json!({
            "nodeSelector": {"matchLabels": {"pool": "web"}},
            "access": {"observe": {"none": {}}, "repair": {"none": {}}},
            "budget": {"maxUnavailable": "10%", "perZone": {"maxUnavailable": 1}, "rate": {"nodes": 5, "per": "1h"}},
            "windows": [{"start": "22:00", "duration": "4h"}],
            "storm": {"maxNotReady": "30%"},
        })))
        .unwrap();
        assert_eq!(row.unsupported, ["spec.windows", "spec.storm"]);
        assert!(!row.repairable);
    }

    #[test]
    fn a_plain_pool_has_nothing_unsupported_and_the_documented_defaults() {
        let access = json!({"ssh": {
            "user": "ops", "credentialsSecret": {"namespace": "nodemend-system", "name": "ssh"},
            "hostKeys": {"authorities": ["ssh-ed25519 AAAA"]},
        }});
        let pool = pool(&json!({
            "nodeSelector": {"matchLabels": {"pool": "web"}},
            "access": {"observe": access, "repair": access},
            "budget": {"maxUnavailable": 1},
        }));
        let row = snapshot::Pool::try_from(&pool).unwrap();
        assert_eq!((row.unsupported.len(), row.repairable), (0, true));
        assert_eq!(row.approval, snapshot::ApprovalFloor::FromMediumRisk);
        assert_eq!(pool.spec.observe_interval.to_string(), "10m");
        let Access::Ssh(ssh) = &pool.spec.access.repair else { panic!("not SSH") };
        assert_eq!((ssh.port, ssh.sudo, ssh.connect_timeout.to_string()), (22, true, "10s".to_owned()));
    }

    #[test]
    fn what_a_guard_granted_and_started_stays_known() {
        let guard: RepairGuard = serde_json::from_value(json!({
            "apiVersion": "nodemend.dev/v1alpha1", "kind": "RepairGuard", "metadata": {"name": "cluster"},
            "spec": {"budget": {"maxUnavailable": 1, "rate": {"nodes": 5, "per": "1h"}}},
            "status": {"epoch": 7, "starts": [{"at": "2026-01-31T22:00:00Z", "nodes": 2}]},
        }))
        .unwrap();
        let row = snapshot::Guard::try_from(&guard).unwrap();
        assert_eq!((row.epoch, row.starts.0[0].nodes), (7, 2));
    }
}
