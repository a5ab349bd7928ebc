//! RepairRun and Remediation as core sees them. A PlanPage's spec holds core's page as it is.

use nodemend_core::snapshot;

use super::{ConvertError, Identity};
use crate::remediation::Remediation;
use crate::run::RepairRun;

impl TryFrom<&RepairRun> for snapshot::Run {
    type Error = ConvertError;

    fn try_from(run: &RepairRun) -> Result<Self, ConvertError> {
        let identity = Identity { kind: "RepairRun", meta: &run.metadata };
        Ok(Self {
            name: identity.name()?,
            uid: identity.uid()?.into(),
            created: identity.created()?,
            deleting: run.metadata.deletion_timestamp.is_some(),
            finalized: run.metadata.finalizers.iter().flatten().any(|name| name == crate::FINALIZER),
            request: run.spec.0.clone(),
            status: run.status.as_ref().map(|status| status.run.clone()).unwrap_or_default(),
        })
    }
}

impl TryFrom<&Remediation> for snapshot::Remediation {
    type Error = ConvertError;

    fn try_from(remediation: &Remediation) -> Result<Self, ConvertError> {
        let identity = Identity { kind: "Remediation", meta: &remediation.metadata };
        let spec = &remediation.spec;
        let [repair] = spec.repairs.as_slice() else {
            return Err(ConvertError::Unusable {
                kind: identity.kind,
                name: identity.name()?,
                field: "spec.repairs".to_owned(),
                problem: format!("has {} entries: this version understands exactly one", spec.repairs.len()),
            });
        };
        Ok(Self {
            name: identity.name()?,
            uid: identity.uid()?,
            run: spec.run.clone(),
            run_uid: spec.run_uid.clone(),
            pool: spec.pool.clone(),
            node: repair.node.name.clone(),
            node_uid: repair.node.uid.clone(),
            deleting: remediation.metadata.deletion_timestamp.is_some(),
            checks: repair.node.checks().cloned().collect(),
            journal: remediation.status.as_ref().map(|status| status.journal.clone()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nodemend_core::saga::{Journal, Mode};
    use nodemend_core::snapshot::{RunPhase, RunStatus};
    use serde_json::json;

    use crate::remediation::RemediationStatus;
    use crate::run::RepairRunStatus;

    fn remediation(repairs: usize) -> Remediation {
        let repair = json!({"node": {"name": "n1", "uid": "u1", "batch": 0}});
        serde_json::from_value(json!({
            "apiVersion": "nodemend.dev/v1alpha1", "kind": "Remediation",
            "metadata": {"name": "r-1", "uid": "ru1"},
            "spec": {
                "run": "old", "runUID": "run1", "pool": "web", "planDigest": "sha256:a", "pageDigest": "sha256:b",
                "pageIndex": 1, "repairs": vec![repair; repairs],
            },
        }))
        .unwrap()
    }

    #[test]
    fn a_remediation_without_status_has_not_begun() {
        let mut object = remediation(1);
        assert_eq!(snapshot::Remediation::try_from(&object).unwrap().journal, None);
        let journal = Journal { epoch: 7, mode: Mode::Held, ..Journal::default() };
        object.status = Some(RemediationStatus { journal: journal.clone(), ..RemediationStatus::default() });
        let read: Remediation = serde_json::from_value(serde_json::to_value(&object).unwrap()).unwrap();
        assert_eq!(snapshot::Remediation::try_from(&read).unwrap().journal, Some(journal));
    }

    #[test]
    fn several_repairs_in_one_remediation_are_refused() {
        let error = snapshot::Remediation::try_from(&remediation(2)).unwrap_err().to_string();
        assert!(error.starts_with("Remediation/r-1: spec.repairs has 2 entries"), "{error}");
    }

    #[test]
    fn a_mode_that_is_not_known_is_an_error_and_not_a_fresh_start() {
        let mut object = serde_json::to_value(remediation(1)).unwrap();
        object["status"] = json!({"epoch": 1, "mode": "Sideways", "steps": []});
        assert!(serde_json::from_value::<Remediation>(object).is_err());
    }

    #[test]
    fn what_a_run_asks_and_its_status_survive_the_way_through_an_object() {
        let object = json!({
            "apiVersion": "nodemend.dev/v1alpha1", "kind": "RepairRun",
            "metadata": {"name": "old", "uid": "run1", "creationTimestamp": "2026-01-31T22:00:00Z"},
            "spec": {
                "pool": "web", "playbook": "upgrade-systemd", "version": "1.0.0", "requestedBy": "policy:old",
                "startBefore": "2026-02-01T22:00:00Z", "nodes": {"policy": {"name": "old"}},
            },
        });
        let mut run: RepairRun = serde_json::from_value(object).unwrap();
        let status = RunStatus { phase: RunPhase::Running, batch: 2, ..RunStatus::default() };
        run.status = Some(RepairRunStatus { run: status.clone(), conditions: Vec::new() });
        let read: RepairRun = serde_json::from_value(serde_json::to_value(&run).unwrap()).unwrap();
        let row = snapshot::Run::try_from(&read).unwrap();
        assert_eq!((row.status, row.request), (status, run.spec.0));
        assert_eq!((row.created.to_string().as_str(), row.deleting), ("2026-01-31T22:00:00Z", false));
    }
}
