//! `nodemend abort`: ends a run for good. Nodes under way are put back where their hosts were not changed.

use std::process::ExitCode;

use clap::Args;
use kube::Api;
use kube::api::{Patch, PatchParams};
use nodemend_api::run::RepairRun;
use nodemend_core::ids::short_hash;
use nodemend_core::snapshot::{Operation, Verb};
use serde_json::{Value, json};

use super::CliError;
use super::client::{Cluster, Connection};
use super::error::Asked;
use super::output::print;
use crate::clock::now;

/// The controller writes the run too: how often a write that it came before is tried again.
const TRIES: u32 = 5;

/// Flags of `abort`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  nodemend abort old-systemd-1f2e3d4c --reason 'wrong build'\n\n`nodemend stop --run RUN` stops it in a way that can be taken back."
)]
pub(super) struct Flags {
    /// The run
    #[arg(value_name = "RUN")]
    run: String,
    /// Why; kept in the run
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Adds the operation to the run.
pub(super) async fn run(connection: &Connection, flags: Flags) -> Result<ExitCode, CliError> {
    let cluster = connection.cluster().await?;
    let by = cluster.user().await?;
    let operation = operation(&by, &flags.reason);
    let name = &flags.run;
    match add(&cluster, name, &operation).await? {
        Some(earlier) => {
            print(&format!("run {name} was aborted already by {}: {}\n", earlier.by, earlier.reason))
        }
        None => print(&format!(
            "run {name} is aborted: nothing more of it starts; `nodemend watch {name}` shows how it ends\n"
        )),
    }
}

/// Has `by` end a run, unless that was asked before, or it has ended meanwhile.
pub(super) async fn end(cluster: &Cluster, run: &str, by: &str, reason: &str) -> Result<(), CliError> {
    match add(cluster, run, &operation(by, reason)).await {
        Ok(_) | Err(CliError::Negative(_) | CliError::NotFound { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn operation(by: &str, reason: &str) -> Value {
    let id = format!("abort-{}", &short_hash(&[by, reason, &now().to_string()])[..8]);
    json!({"id": id, "verb": Verb::Abort, "reason": reason, "by": by})
}

/// Adds the operation; the one that was there before, if there was.
async fn add(cluster: &Cluster, run: &str, operation: &Value) -> Result<Option<Operation>, CliError> {
    for _ in 1..TRIES {
        match append(cluster, run, operation).await {
            Err(CliError::Refused { message, .. }) if message.contains("the object has been modified") => {}
            other => return other,
        }
    }
    append(cluster, run, operation).await
}

async fn append(cluster: &Cluster, name: &str, operation: &Value) -> Result<Option<Operation>, CliError> {
    let api: Api<RepairRun> = Api::all(cluster.client.clone());
    let run =
        api.get(name).await.map_err(|error| cluster.failed(Asked::of("get", "RepairRun", name), &error))?;
    let phase = run.status.as_ref().map(|status| status.run.phase).unwrap_or_default();
    if phase.is_over() {
        return Err(CliError::Negative(format!("run {name} is over already: {phase:?}")));
    }
    if let Some(earlier) = run.spec.0.operations.iter().find(|operation| operation.verb == Verb::Abort) {
        return Ok(Some(earlier.clone()));
    }
    let mut operations =
        run.spec.0.operations.iter().map(serde_json::to_value).collect::<Result<Vec<_>, _>>()?;
    operations.push(operation.clone());
    let patch = json!({
        "metadata": {"resourceVersion": run.metadata.resource_version},
        "spec": {"operations": operations},
    });
    let patched = api.patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await;
    patched.map_err(|error| cluster.failed(Asked::of("patch", "RepairRun", name), &error))?;
    Ok(None)
}
