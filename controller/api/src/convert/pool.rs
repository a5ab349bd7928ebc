//! RepairPool, RepairGuard and Hold as core sees them.

use nodemend_core::snapshot;

use super::{ConvertError, Identity};
use crate::access::Access;
use crate::guard::RepairGuard;
use crate::hold::Hold;
use crate::pool::RepairPool;

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
            unsupported: Vec::new(),
            deleting: pool.metadata.deletion_timestamp.is_some(),
            grants: status.grants,
            starts: status.starts,
            control_plane: spec.control_plane,
            require_change_ref: spec.require_change_ref,
            windows: spec.windows.clone(),
            storm: spec.storm.clone().unwrap_or_default(),
            storm_state: status.storm,
        })
    }
}

impl TryFrom<&RepairGuard> for snapshot::Guard {
    type Error = ConvertError;

    fn try_from(guard: &RepairGuard) -> Result<Self, ConvertError> {
        Identity { kind: "RepairGuard", meta: &guard.metadata }.name()?;
        let status = guard.status.clone().unwrap_or_default();
        Ok(Self {
            budget: guard.spec.budget.clone(),
            epoch: status.epoch,
            behind: status.behind,
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
            message: hold.spec.message.clone(),
            level: hold.spec.level,
            until: hold.spec.until,
            created: identity.created()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nodemend_core::rollout::storm::Breaker;
    use nodemend_core::snapshot::HoldLevel;
    use nodemend_core::time::Span;
    use serde_json::json;

    fn pool(spec: &serde_json::Value) -> RepairPool {
        serde_json::from_value(json!({
            "apiVersion": "nodemend.dev/v1alpha1", "kind": "RepairPool", "metadata": {"name": "web"}, "spec": spec,
        }))
        .unwrap()
    }

    #[test]
    fn a_pool_without_access_is_not_repairable() {
        let row = snapshot::Pool::try_from(&pool(&json!({
            "nodeSelector": {"matchLabels": {"pool": "web"}},
            "access": {"observe": {"none": {}}, "repair": {"none": {}}},
            "budget": {"maxUnavailable": "10%", "perZone": {"maxUnavailable": 1}, "rate": {"nodes": 5, "per": "1h"}},
        })))
        .unwrap();
        assert_eq!(row.unsupported.len(), 0);
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
    fn windows_and_the_storm_breaker_are_taken_and_the_breaker_is_on_without_being_written() {
        let mut spec = json!({
            "nodeSelector": {"matchLabels": {"pool": "web"}},
            "access": {"observe": {"none": {}}, "repair": {"none": {}}},
            "budget": {"maxUnavailable": 1},
        });
        let row = |spec: &serde_json::Value| snapshot::Pool::try_from(&pool(spec)).unwrap();
        assert_eq!((row(&spec).windows.len(), row(&spec).storm), (0, Breaker::default()));
        spec["windows"] = json!([{"days": ["Sat"], "start": "22:00", "duration": "4h"}]);
        spec["storm"] = json!({"calm": "20m", "admitChecks": ["insp.version.systemd"]});
        let row = row(&spec);
        assert_eq!(
            (row.windows[0].time_zone.as_str(), row.windows[0].duration),
            ("UTC", Some(Span::minutes(240)))
        );
        let written = Breaker {
            calm: Span::minutes(20),
            admit_checks: vec!["insp.version.systemd".into()],
            ..Breaker::default()
        };
        assert_eq!(row.storm, written, "what is not written keeps its default");
        assert_eq!(
            (Breaker::default().max_not_ready.to_string().as_str(), Breaker::default().at_least),
            ("30%", 3)
        );
    }

    #[test]
    fn a_hold_stops_unless_it_says_that_it_pauses() {
        let hold = |level: &serde_json::Value| -> snapshot::Hold {
            let mut object = json!({
                "apiVersion": "nodemend.dev/v1alpha1", "kind": "Hold",
                "metadata": {"name": "h", "creationTimestamp": "2026-01-31T22:00:00Z"},
                "spec": {"scope": {"cluster": {}}, "heldBy": "ann", "reason": "freeze"},
            });
            if !level.is_null() {
                object["spec"]["level"] = level.clone();
            }
            (&serde_json::from_value::<Hold>(object).unwrap()).try_into().unwrap()
        };
        assert_eq!(hold(&json!(null)).level, HoldLevel::Stop);
        assert_eq!(hold(&json!("Pause")).level, HoldLevel::Pause);
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
