//! The operator's tool: every subcommand of `nodemend`.
//!
//! Each file is one command: what it asks of the cluster, and the pure functions that turn the answer into text. What
//! is shown comes from core's own decisions on a [`nodemend_core::snapshot::Snapshot`], so that the tool can never say
//! anything else than what the controller would do.

mod args;
mod client;
mod error;
mod install;
mod output;
mod playbook;
mod serve;

use std::process::ExitCode;

pub use args::{Cli, command};
pub use error::CliError;

use args::Command;

/// Carries one command out. The exit status is 0 for yes, 1 for a negative answer; errors carry their own.
pub async fn run(cli: Cli) -> Result<ExitCode, CliError> {
    let connection = cli.connection;
    match cli.command {
        Command::Controller(options) => serve::run(&connection, options).await,
        Command::Crds => install::crds(),
        Command::Install => install::all(),
        Command::Playbook(command) => playbook::run(&connection, command).await,
        Command::Version => install::version(),
    }
}
