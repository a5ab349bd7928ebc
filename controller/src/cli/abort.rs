//! `nodemend abort`: ends a run for good. Nodes under way are put back where their hosts were not changed.

use std::process::ExitCode;

use clap::Args;
use nodemend_core::snapshot::Verb;

use super::CliError;
use super::client::Connection;
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
    let already = append(&cluster, name, &operation, |run| {
        let mut operations = run.spec.0.operations.iter();
        let earlier = operations.find(|operation| operation.verb == Verb::Abort)?;
        Some(format!("run {name} was aborted already by {}: {}\n", earlier.by, earlier.reason))
    });
    let said = already.await?.unwrap_or_else(|| {
        format!(
            "run {name} is aborted: nothing more of it starts; `nodemend watch {name}` shows how it ends\n"
        )
    });
    print(&said)
}
