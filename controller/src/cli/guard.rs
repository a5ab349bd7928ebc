//! `nodemend guard`: what a person does to the RepairGuard by hand.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use kube::Api;
use kube::api::PostParams;
use nodemend_api::conditions::{READY, STALLED, Wanted, set};
use nodemend_api::guard::{GUARD_NAME, RepairGuard, RepairGuardStatus};
use nodemend_core::ids::Epoch;

use super::CliError;
use super::client::Connection;
use super::confirm::confirm;
use super::error::Asked;
use super::output::print;
use crate::clock::now;

/// What can be done.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Let repairs go on after a restored backup: raise the epoch to what the hosts obey
    RaiseEpoch(Flags),
}

/// Flags of `guard raise-epoch`.
#[derive(Debug, Args)]
#[command(
    after_help = "Before: compare runs and nodes, and abort what was done already after the backup was taken.\n\nExample:\n  nodemend guard raise-epoch"
)]
pub(super) struct Flags {
    /// The epoch; without it the one of the host that is named in the guard's status
    #[arg(long, value_name = "EPOCH")]
    to: Option<Epoch>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// Carries the command out.
pub(super) async fn run(connection: &Connection, command: Command) -> Result<ExitCode, CliError> {
    let Command::RaiseEpoch(flags) = command;
    let cluster = connection.cluster().await?;
    let api: Api<RepairGuard> = Api::all(cluster.client.clone());
    let asked = |verb| Asked::of(verb, "RepairGuard", GUARD_NAME);
    let mut guard = api.get(GUARD_NAME).await.map_err(|error| cluster.failed(asked("get"), &error))?;
    let generation = guard.metadata.generation;
    let status = guard.status.get_or_insert_default();
    let epoch = wanted(status, flags.to)?;
    let question = format!("Raise the epoch from {} to {epoch}, and let repairs go on?", status.epoch);
    confirm(&question, flags.yes)?;
    raise(status, epoch, generation);
    // On the version that was read: what a controller wrote in between has to be looked at first.
    let written = api.replace_status(GUARD_NAME, &PostParams::default(), &guard).await;
    written.map_err(|error| cluster.failed(asked("update"), &error))?;
    print(&format!(
        "the epoch is {epoch}: the controller ends, and goes on with a higher one when it is started again\n"
    ))
}

/// The epoch to raise to: what is asked for, or what the host that is ahead obeys.
fn wanted(status: &RepairGuardStatus, to: Option<Epoch>) -> Result<Epoch, CliError> {
    let ahead = status.behind.as_ref().map(|behind| behind.epoch);
    let Some(epoch) = to.or(ahead) else {
        let message = "no host is known to be ahead of the RepairGuard; --to EPOCH raises it all the same";
        return Err(CliError::Negative(message.to_owned()));
    };
    if epoch < status.epoch.max(ahead.unwrap_or(0)) {
        let highest = status.epoch.max(ahead.unwrap_or(0));
        return Err(CliError::Usage(format!("--to {epoch} is too low: {highest} is known already")));
    }
    Ok(epoch)
}

fn raise(status: &mut RepairGuardStatus, epoch: Epoch, generation: Option<i64>) {
    status.epoch = epoch;
    status.behind = None;
    for (kind, holds) in [(READY, true), (STALLED, false)] {
        let wanted = Wanted { kind, holds: Some(holds), reason: "Raised", message: "by hand" };
        set(&mut status.conditions, wanted, generation, now());
    }
}

#[cfg(test)]
mod tests {
    use nodemend_core::snapshot::Behind;
    use nodemend_core::time::Time;

    use super::*;

    fn status(epoch: Epoch, behind: Option<Epoch>) -> RepairGuardStatus {
        let behind = behind.map(|epoch| Behind { node: "web-1".into(), epoch, since: Time(0) });
        RepairGuardStatus { epoch, behind, ..RepairGuardStatus::default() }
    }

    #[test]
    fn it_is_raised_to_what_the_host_obeys_and_never_lowered() {
        assert_eq!(wanted(&status(3, Some(9)), None).unwrap(), 9);
        assert_eq!(wanted(&status(3, None), Some(5)).unwrap(), 5);
        assert!(wanted(&status(3, Some(9)), Some(8)).is_err(), "the host would still be ahead");
        assert!(wanted(&status(3, None), Some(2)).is_err());
        assert!(wanted(&status(3, None), None).is_err());
    }

    #[test]
    fn what_was_in_the_way_is_gone_then() {
        let mut status = status(3, Some(9));
        raise(&mut status, 9, Some(1));
        assert_eq!((status.epoch, status.behind), (9, None));
        assert!(status.conditions.iter().any(|c| c.type_ == READY && c.status == "True"));
    }
}
