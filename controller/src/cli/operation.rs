//! Operations on a run that has begun: appended to its spec, on the resourceVersion that was read.

use kube::Api;
use kube::api::{Patch, PatchParams};
use nodemend_api::run::RepairRun;
use nodemend_core::ids::short_hash;
use nodemend_core::snapshot::{Operation, Verb};
use serde_json::json;

use super::CliError;
use super::client::Cluster;
use super::error::Asked;
use crate::clock::now;

/// The controller writes the run too: how often a write that it came before is tried again.
const TRIES: u32 = 5;

/// An operation by this user, which is about the whole run until more is said of it.
pub(super) fn operation(verb: Verb, by: String, reason: String) -> Operation {
    let word = format!("{verb:?}").to_lowercase();
    let id = format!("{word}-{}", &short_hash(&[&by, &reason, &now().to_string()])[..8]);
    Operation { id, verb, target: None, step: None, outcome: None, reason, by }
}

/// Adds an operation to a run. What `superfluous` says of the run as it is makes that needless, and is the answer then.
pub(super) async fn append(
    cluster: &Cluster,
    run: &str,
    operation: &Operation,
    superfluous: impl Fn(&RepairRun) -> Option<String>,
) -> Result<Option<String>, CliError> {
    for _ in 1..TRIES {
        match try_append(cluster, run, operation, &superfluous).await {
            Err(CliError::Refused { message, .. }) if message.contains("the object has been modified") => {}
            other => return other,
        }
    }
    try_append(cluster, run, operation, &superfluous).await
}

async fn try_append(
    cluster: &Cluster,
    name: &str,
    operation: &Operation,
    superfluous: &impl Fn(&RepairRun) -> Option<String>,
) -> Result<Option<String>, CliError> {
    let api: Api<RepairRun> = Api::all(cluster.client.clone());
    let run =
        api.get(name).await.map_err(|error| cluster.failed(Asked::of("get", "RepairRun", name), &error))?;
    let phase = run.status.as_ref().map(|status| status.run.phase).unwrap_or_default();
    if phase.is_over() {
        return Err(CliError::Negative(format!("run {name} is over already: {phase:?}")));
    }
    if let Some(said) = superfluous(&run) {
        return Ok(Some(said));
    }
    let mut operations = run.spec.0.operations.clone();
    operations.push(operation.clone());
    let patch = json!({
        "metadata": {"resourceVersion": run.metadata.resource_version},
        "spec": {"operations": operations},
    });
    let patched = api.patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await;
    patched.map_err(|error| cluster.failed(Asked::of("patch", "RepairRun", name), &error))?;
    Ok(None)
}
