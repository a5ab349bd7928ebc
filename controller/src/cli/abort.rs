//! `nodemend abort`: ends a run for good. Nodes under way are put back where their hosts were not changed.

use std::process::ExitCode;

use clap::Args;
use kube::ResourceExt;
use nodemend_api::run::RepairRun;
use nodemend_core::snapshot::Verb;

use super::CliError;
use super::client::{Cluster, Connection};
use super::operation::{append, operation};
use super::output::print;

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
    let operation = operation(Verb::Abort, cluster.user().await?, flags.reason);
    let name = &flags.run;
    let already = append(&cluster, name, &operation, earlier);
    let said = already.await?.unwrap_or_else(|| {
        format!(
            "run {name} is aborted: nothing more of it starts; `nodemend watch {name}` shows how it ends\n"
        )
    });
    print(&said)
}

/// Has `by` end a run, unless that was asked before, or it has ended meanwhile.
pub(super) async fn end(cluster: &Cluster, run: &str, by: &str, reason: &str) -> Result<(), CliError> {
    let operation = operation(Verb::Abort, by.to_owned(), reason.to_owned());
    match append(cluster, run, &operation, earlier).await {
        Ok(_) | Err(CliError::Negative(_) | CliError::NotFound { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Who aborted the run before, in words.
fn earlier(run: &RepairRun) -> Option<String> {
    let earlier = run.spec.0.operations.iter().find(|operation| operation.verb == Verb::Abort)?;
    Some(format!("run {} was aborted already by {}: {}\n", run.name_any(), earlier.by, earlier.reason))
}
