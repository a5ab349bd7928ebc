//! `nodemend crds`, `install` and `version`: what needs no cluster.

use std::process::ExitCode;

use nodemend_api::{crds, install};

use super::CliError;
use super::output::print;

/// What to do with what `install` prints, and what is left to the operator.
pub(super) const EXAMPLES: &str = "\
Example:
  nodemend install | kubectl apply -f -
  nodemend playbook builtin | kubectl apply -f -

Nothing disruptive starts before there is a RepairGuard, which is left to you:
  kubectl apply -f - <<END
  apiVersion: nodemend.dev/v1alpha1
  kind: RepairGuard
  metadata: {name: cluster}
  spec: {}
  END";

/// Prints the kinds.
pub(super) fn crds() -> Result<ExitCode, CliError> {
    print(&crds::yaml()?)
}

/// Prints everything that a cluster needs for the controller.
pub(super) fn all() -> Result<ExitCode, CliError> {
    print(&install::yaml()?)
}

/// Prints the version.
pub(super) fn version() -> Result<ExitCode, CliError> {
    print(&format!("nodemend {} ({})\n", env!("CARGO_PKG_VERSION"), nodemend_api::GROUP))
}
