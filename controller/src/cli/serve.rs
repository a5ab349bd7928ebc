//! `nodemend controller`: the service, with its log.

use std::io::IsTerminal;
use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

use super::CliError;
use super::client::Connection;
use crate::serve::{self, Options};

/// Runs the service until it is told to end.
pub(super) async fn run(connection: &Connection, options: Options) -> Result<ExitCode, CliError> {
    log();
    let config = connection.config().await?;
    // On the heap: everything that the service does is one future.
    Box::pin(serve::run(config, options)).await.map_err(|error| CliError::Service(Box::new(error)))?;
    Ok(ExitCode::SUCCESS)
}

/// Lines for people on a terminal, JSON for whatever collects logs elsewhere. `RUST_LOG` filters.
fn log() {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,kube_client=warn"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() { log.init() } else { log.json().flatten_event(true).init() }
}
