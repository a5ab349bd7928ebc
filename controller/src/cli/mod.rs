//! The operator's tool: every subcommand of `nodemend`.
//!
//! Each file is one command: what it asks of the cluster, and the pure functions that turn the answer into text. What
//! is shown comes from core's own decisions on a [`nodemend_core::snapshot::Snapshot`], so that the tool can never say
//! anything else than what the controller would do.

mod abort;
mod args;
mod client;
mod confirm;
mod error;
mod explain;
mod get;
mod guard;
mod hold;
mod install;
mod operation;
mod output;
mod plan;
mod playbook;
mod repair;
mod resolve;
mod run;
mod select;
mod serve;
mod simulate;
#[cfg(test)]
mod testing;
mod uninstall;
mod watch;

use std::process::ExitCode;

pub use args::{Cli, command};
pub use error::CliError;
use nodemend_core::snapshot::HoldLevel;

use args::Command;

/// Carries one command out. The exit status is 0 for yes, 1 for a negative answer; errors carry their own.
pub async fn run(cli: Cli) -> Result<ExitCode, CliError> {
    let connection = cli.connection;
    match cli.command {
        Command::Controller(options) => Box::pin(serve::run(&connection, options)).await,
        Command::Crds => install::crds(),
        Command::Install => install::all(),
        Command::Plan(flags) => plan::run(&connection, &flags).await,
        Command::Run(flags) => run::run(&connection, flags).await,
        Command::Watch(flags) => watch::run(&connection, &flags).await,
        Command::Simulate(flags) => simulate::run(&connection, &flags).await,
        Command::Explain(flags) => explain::run(&connection, &flags).await,
        Command::Stop(flags) => hold::make(&connection, flags, HoldLevel::Stop).await,
        Command::Pause(flags) => hold::make(&connection, flags, HoldLevel::Pause).await,
        Command::Resume(flags) => hold::resume(&connection, &flags).await,
        Command::Release(flags) => hold::release(&connection, flags).await,
        Command::Abort(flags) => abort::run(&connection, flags).await,
        Command::Resolve(flags) => resolve::run(&connection, flags).await,
        Command::Get(flags) => get::run(&connection, &flags).await,
        Command::Guard(command) => guard::run(&connection, command).await,
        Command::Playbook(command) => playbook::run(&connection, command).await,
        Command::Uninstall(flags) => uninstall::run(&connection, &flags).await,
        Command::Version => install::version(),
    }
}
