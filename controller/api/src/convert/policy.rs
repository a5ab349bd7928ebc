//! RepairPolicy as core sees it.

use nodemend_core::snapshot;

use super::{ConvertError, Identity};
use crate::policy::RepairPolicy;

impl TryFrom<&RepairPolicy> for snapshot::Policy {
    type Error = ConvertError;

    fn try_from(policy: &RepairPolicy) -> Result<Self, ConvertError> {
        let spec = policy.spec.clone();
        Ok(Self {
            name: Identity { kind: "RepairPolicy", meta: &policy.metadata }.name()?,
            unsupported: Vec::new(),
            mode: spec.mode,
            pools: spec.pools,
            findings: spec.matches.findings,
            conditions: spec.matches.conditions,
            playbook: spec.playbook,
            escalation: spec.escalation,
            parameters: spec.parameters,
            priority: spec.priority,
            approval: spec.approval,
            rollout: spec.rollout,
            limits: spec.limits,
            recurrence: spec.recurrence,
            change_ref: spec.change_ref,
            require_change_ref: spec.require_change_ref,
            start_within: spec.start_within,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nodemend_core::snapshot::PolicyMode;
    use serde_json::json;

    fn policy(extra: &serde_json::Value) -> RepairPolicy {
        let mut spec = json!({
            "match": {"findings": [{"check": "insp.version.systemd"}]},
            "pools": ["web"],
            "playbook": {"name": "upgrade-systemd", "version": "^1.0"},
        });
        for (key, value) in extra.as_object().unwrap() {
            spec[key] = value.clone();
        }
        serde_json::from_value(json!({
            "apiVersion": "nodemend.dev/v1alpha1", "kind": "RepairPolicy", "metadata": {"name": "old"}, "spec": spec,
        }))
        .unwrap()
    }

    #[test]
    fn a_policy_observes_unless_told_otherwise() {
        let policy = policy(&json!({}));
        let row = snapshot::Policy::try_from(&policy).unwrap();
        assert_eq!((row.mode, row.unsupported.len()), (PolicyMode::Observe, 0));
        assert_eq!(row.findings[0].sources, ["prober"]);
        assert_eq!(policy.spec.start_within.to_string(), "1d");
    }

    #[test]
    fn limits_have_defaults_and_nothing_of_a_rollout_is_left_out() {
        let policy = policy(&json!({
            "rollout": {
                "canary": {"nodes": 1, "soak": "10m"}, "soak": "1m", "maxFailures": "5%",
                "gates": [{"scope": "Node", "webhook": {"url": "https://gate.example"}}],
                "growth": {"exponential": {"first": 1, "factor": 2}},
            },
            "escalation": [{"afterFailures": 2, "playbook": {"name": "drain-and-reboot", "version": "^1"}}],
            "recurrence": {"maxRepairs": 3, "within": "24h"},
            "limits": {"coolDown": "1m"},
        }));
        let row = snapshot::Policy::try_from(&policy).unwrap();
        assert_eq!((row.limits.cool_down.to_string().as_str(), row.limits.max_attempts), ("1m", 3));
        assert_eq!(row.limits.node_cool_down.to_string(), "30m");
        assert_eq!((row.escalation.len(), row.recurrence.is_some()), (1, true));
        assert_eq!(row.rollout, policy.spec.rollout);
        assert_eq!(row.at_rung(1).0.name, "drain-and-reboot");
    }

    #[test]
    fn how_long_a_run_may_wait_for_its_start_is_the_policys_to_say() {
        let row = snapshot::Policy::try_from(&policy(&json!({ "startWithin": "1h" }))).unwrap();
        assert_eq!((row.start_within.to_string(), row.unsupported.len()), ("1h".to_owned(), 0));
    }
}
