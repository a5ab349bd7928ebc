//! `nodemend release` and `nodemend resume`: Holds, taken away.

use std::process::ExitCode;

use clap::Args;
use kube::api::{DeleteParams, Preconditions};
use kube::{Api, ResourceExt};
use nodemend_api::hold::Hold;
use nodemend_core::snapshot::{self, HoldLevel, HoldScope, Snapshot};
use nodemend_core::time::Time;

use super::scope::{Scope, overlap};
use crate::cli::CliError;
use crate::cli::client::{Cluster, Connection};
use crate::cli::confirm::confirm;
use crate::cli::error::Asked;
use crate::cli::get::{scope as in_words, why};
use crate::cli::output::{count, print};
use crate::clock::now;

/// Flags of `release`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  nodemend get holds\n  nodemend release pool-web-x7k2p\n  nodemend release --all"
)]
pub(in crate::cli) struct Release {
    /// The Holds
    #[arg(value_name = "HOLD", required_unless_present = "all")]
    holds: Vec<String>,
    /// Every Hold there is, whoever made it
    #[arg(long, conflicts_with = "holds")]
    all: bool,
    /// Do not ask (with --all)
    #[arg(short, long)]
    yes: bool,
}

/// Flags of `resume`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  nodemend resume --pool web\n\nOnly what `nodemend pause` made with the same scope; other Holds are released by name."
)]
pub(in crate::cli) struct Resume {
    #[command(flatten)]
    scope: Scope,
}

/// Deletes Holds, and says what stays stopped all the same.
pub(in crate::cli) async fn release(connection: &Connection, flags: Release) -> Result<ExitCode, CliError> {
    let cluster = connection.cluster().await?;
    let snapshot = cluster.snapshot().await?;
    let names = if flags.all { all(&snapshot) } else { flags.holds };
    if names.is_empty() {
        return print("there is no Hold to release\n");
    }
    if flags.all {
        confirm(&format!("Release {}, whoever made them?", count(names.len(), "Hold")), flags.yes)?;
    }
    delete_all(&cluster, &snapshot, &names).await
}

/// Deletes the Holds that pause exactly this scope.
pub(in crate::cli) async fn resume(connection: &Connection, flags: &Resume) -> Result<ExitCode, CliError> {
    let cluster = connection.cluster().await?;
    let snapshot = cluster.snapshot().await?;
    let scope = flags.scope.scope().ok_or_else(|| CliError::Usage("say what to resume".to_owned()))?;
    let names = paused(&snapshot, &scope);
    if names.is_empty() {
        let what = in_words(&scope);
        return Err(CliError::Negative(format!(
            "nothing pauses {what}; `nodemend get holds` lists what is held, `nodemend release HOLD` lets it go on"
        )));
    }
    delete_all(&cluster, &snapshot, &names).await
}

/// The names of the Holds that pause this scope.
fn paused(snapshot: &Snapshot, scope: &HoldScope) -> Vec<String> {
    let pauses = |hold: &&snapshot::Hold| hold.level == HoldLevel::Pause && hold.scope == *scope;
    snapshot.holds.values().filter(pauses).map(|hold| hold.name.clone()).collect()
}

async fn delete_all(cluster: &Cluster, snapshot: &Snapshot, names: &[String]) -> Result<ExitCode, CliError> {
    for name in names {
        delete(cluster, name).await?;
        print(&released(snapshot, name, names))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The names of all Holds. One that cannot be decoded stops things as well.
fn all(snapshot: &Snapshot) -> Vec<String> {
    let undecodable = snapshot.undecodable.keys().filter_map(|object| object.strip_prefix("hold/"));
    snapshot.holds.keys().cloned().chain(undecodable.map(str::to_owned)).collect()
}

async fn delete(cluster: &Cluster, name: &str) -> Result<(), CliError> {
    let api: Api<Hold> = Api::all(cluster.client.clone());
    let uid = api
        .get_metadata(name)
        .await
        .map_err(|error| cluster.failed(Asked::of("get", "Hold", name), &error))?
        .uid();
    let params = DeleteParams {
        preconditions: Some(Preconditions { uid, resource_version: None }),
        ..DeleteParams::default()
    };
    let deleted = api.delete(name, &params).await;
    deleted.map(drop).map_err(|error| cluster.failed(Asked::of("delete", "Hold", name), &error))
}

/// What a Hold stopped, and the Holds that keep something of that stopped. Those in `going` are on their way out.
fn released(snapshot: &Snapshot, name: &str, going: &[String]) -> String {
    let Some(hold) = snapshot.holds.get(name) else {
        return format!("hold/{name} released: what it stopped could not be decoded\n");
    };
    let others = snapshot.holds.values().filter(|hold| !going.contains(&hold.name) && in_force(hold, now()));
    let touching = others.filter(|other| overlap(snapshot, &hold.scope, &other.scope));
    let touching = touching.map(|other| format!("  still stopped by hold/{}: {}\n", other.name, told(other)));
    format!("hold/{name} released: it stopped {}\n{}", told(hold), touching.collect::<String>())
}

fn told(hold: &snapshot::Hold) -> String {
    format!("{} (held by {}: {})", in_words(&hold.scope), hold.held_by, why(hold))
}

fn in_force(hold: &snapshot::Hold, now: Time) -> bool {
    hold.until.is_none_or(|until| until > now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::world;

    #[test]
    fn releasing_one_hold_names_those_that_stand() {
        let world = world();
        let text = released(&world, "pool-web-1", &["pool-web-1".to_owned()]);
        assert_eq!(
            text,
            "hold/pool-web-1 released: it stopped pool web (held by ann: freeze)\n  \
             still stopped by hold/node-web-2: node web-2 (held by bob: disk)\n"
        );
        let both = ["pool-web-1".to_owned(), "node-web-2".to_owned()];
        assert!(!released(&world, "pool-web-1", &both).contains("still"));
    }

    #[test]
    fn only_what_pauses_exactly_this_is_resumed() {
        let mut world = world();
        let scope = HoldScope::Pool { name: "web".into() };
        assert!(paused(&world, &scope).is_empty(), "pool-web-1 stops it");
        world.holds.get_mut("pool-web-1").unwrap().level = HoldLevel::Pause;
        assert_eq!(paused(&world, &scope), ["pool-web-1"]);
        assert!(paused(&world, &HoldScope::Cluster {}).is_empty());
    }
}
