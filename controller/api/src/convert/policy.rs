//! RepairPolicy as core sees it.

use nodemend_core::plan::Rollout;
use nodemend_core::snapshot;

use super::{ConvertError, Identity};
use crate::policy::{RepairPolicy, RepairPolicySpec};

impl TryFrom<&RepairPolicy> for snapshot::Policy {
    type Error = ConvertError;

    fn try_from(policy: &RepairPolicy) -> Result<Self, ConvertError> {
        let spec = policy.spec.clone();
        Ok(Self {
            name: Identity { kind: "RepairPolicy", meta: &policy.metadata }.name()?,
            unsupported: unsupported(&spec),
            mode: spec.mode,
            pools: spec.pools,
            findings: spec.matches.findings,
            conditions: spec.matches.conditions,
            playbook: spec.playbook.name,
            version: spec.playbook.version,
            parameters: spec.parameters,
            priority: spec.priority,
            approval: spec.approval,
            rollout: spec.rollout,
            limits: spec.limits,
            start_within: spec.start_within,
        })
    }
}

fn unsupported(spec: &RepairPolicySpec) -> Vec<String> {
    let mut fields = rollout_fields(&spec.rollout);
    fields.extend((!spec.escalation.is_empty()).then_some("spec.escalation"));
    fields.extend(spec.recurrence.as_ref().map(|_| "spec.recurrence"));
    fields.into_iter().map(str::to_owned).collect()
}

fn rollout_fields(rollout: &Rollout) -> Vec<&'static str> {
    let set = [
        (rollout.canary.is_some(), "spec.rollout.canary"),
        (rollout.soak.is_some(), "spec.rollout.soak"),
        (!rollout.gates.is_empty(), "spec.rollout.gates"),
    ];
    set.into_iter().filter_map(|(set, field)| set.then_some(field)).collect()
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
    fn fields_that_are_not_honoured_are_named() {
        let row = snapshot::Policy::try_from(&policy(&json!({
            "rollout": {
                "canary": {"nodes": 1, "soak": "10m"}, "soak": "1m",
                "gates": [{"webhook": {"url": "https://gate.example"}}],
            },
            "escalation": [{"afterFailures": 2, "playbook": {"name": "drain-and-reboot", "version": "^1"}}],
            "recurrence": {"maxRepairs": 3, "within": "24h"},
        })))
        .unwrap();
        let rollout = ["spec.rollout.canary", "spec.rollout.soak", "spec.rollout.gates"];
        assert_eq!(row.unsupported[..3], rollout);
        assert_eq!(row.unsupported[3..], ["spec.escalation", "spec.recurrence"]);
    }

    #[test]
    fn how_long_a_run_may_wait_for_its_start_is_the_policys_to_say() {
        let row = snapshot::Policy::try_from(&policy(&json!({ "startWithin": "1h" }))).unwrap();
        assert_eq!((row.start_within.to_string(), row.unsupported.len()), ("1h".to_owned(), 0));
    }
}
