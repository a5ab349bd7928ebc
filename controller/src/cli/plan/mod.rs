//! `nodemend plan`: what would be done, to which nodes, and what would hold it back. Nothing is written.

mod start;
mod text;

use std::process::ExitCode;

use clap::Args;
use nodemend_core::plan::build::{Draft, draft};
use nodemend_core::snapshot::{Fleet, RunRequest, Snapshot};
use nodemend_core::time::Time;

use super::CliError;
use super::client::Connection;
use super::output::{Look, print};
use super::select::{Asking, Selection};
use crate::clock::now;

pub(super) use start::Start;
pub(super) use text::{blockers, steps};

pub(super) const EXAMPLES: &str = "\
Examples:
  nodemend plan --policy old-systemd
  nodemend plan --pool web --check insp.version.systemd \\
      --playbook upgrade-systemd --set targetVersion=219-78.el7_9.9 --batch 1,25%
  nodemend plan --pool web --node web-3 --playbook drain-and-reboot@1.0.0";

/// Flags of `plan`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Flags {
    #[command(flatten)]
    selection: Selection,
}

/// Shows the plan.
pub(super) async fn run(connection: &Connection, flags: &Flags) -> Result<ExitCode, CliError> {
    let snapshot = connection.cluster().await?.snapshot().await?;
    let now = now();
    let request = flags.selection.request(&snapshot, Asking { start_before: now, ..Asking::default() })?;
    let plan = Plan::make(&snapshot, request, now)?;
    print(&plan.text(Look::of_stdout()))
}

/// A plan, and what the controller would do with it now.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    snapshot: &'a Snapshot,
    pub(super) request: RunRequest,
    pub(super) draft: Draft,
    pub(super) start: Start,
    now: Time,
}

impl<'a> Plan<'a> {
    /// Makes the plan that the controller would make.
    pub(super) fn make(snapshot: &'a Snapshot, request: RunRequest, now: Time) -> Result<Self, CliError> {
        let draft = draft(&Fleet::new(snapshot), &request, now)?;
        let start = Start::of(snapshot, &request, &draft, now)?;
        Ok(Self { snapshot, request, draft, start, now })
    }

    /// The plan for people.
    pub(super) fn text(&self, look: Look) -> String {
        text::plan(self, look)
    }
}

#[cfg(test)]
mod tests;
