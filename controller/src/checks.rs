//! Reading a host and judging it: facts over SSH, then the checks of the catalogue on them.

use nodemend_api::pool::RepairPool;
use nodemend_core::facts::{Facts, Pid1, Runtime};
use nodemend_core::finding::CheckResult;
use nodemend_core::ids::CheckId;
use nodemend_core::op::{Checked, OpFailure, OpResult};
use nodemend_diagnosis::{CheckConfigs, ConfigError, facts, registry};
use nodemend_exec::{FactsRequest, Performer, Target};

use crate::clock::now;

/// What one reading of a host gave.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    /// What is known of the host.
    pub(crate) facts: Facts,
    /// One result per check.
    pub(crate) results: Vec<CheckResult>,
}

/// The settings of the pool's checks; one that nothing would honour is an error.
pub(crate) fn configs(pool: &RepairPool) -> Result<CheckConfigs, ConfigError> {
    CheckConfigs::new(pool.spec.check_config.clone())
}

/// Every check there is.
pub(crate) fn every() -> Vec<CheckId> {
    registry::all().map(|check| CheckId::from(check.id())).collect()
}

/// Reads the host in one connection and runs `checks` on what it said.
pub(crate) async fn read(
    performer: &Performer,
    target: &Target,
    configs: &CheckConfigs,
    checks: &[CheckId],
) -> Result<Reading, OpFailure> {
    // All packages that any check looks at, so that a report always has the whole summary.
    let packages = registry::packages(&every()).into_iter().map(str::to_owned).collect();
    let raw = performer.read_facts(target, &FactsRequest { packages }).await?;
    let facts = facts::parse(&raw.0, now());
    let results = registry::run(checks, &facts, configs, target.node_uid.as_str(), now());
    Ok(Reading { facts, results })
}

/// The answer to `Op::Check`.
pub(crate) async fn perform(
    performer: &Performer,
    target: &Target,
    pool: &RepairPool,
    checks: &[CheckId],
) -> OpResult {
    let configs = match configs(pool) {
        Ok(configs) => configs,
        Err(error) => {
            let message = format!("spec.checkConfig: {error}");
            return OpResult::NotDone(OpFailure {
                reason: "BadCheckConfig".into(),
                message,
                retryable: false,
            });
        }
    };
    match read(performer, target, &configs, checks).await {
        Ok(Reading { facts, results }) => OpResult::Checked(Checked {
            results,
            boot_id: facts.boot_id.clone(),
            pid1_silent: facts.pid1.map(|pid1| pid1 == Pid1::Silent),
            runtime_silent: facts.runtime.map(|runtime| runtime == Runtime::Silent),
        }),
        Err(failure) => OpResult::NotDone(failure),
    }
}
