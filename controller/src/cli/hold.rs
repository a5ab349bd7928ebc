//! `nodemend stop` and `nodemend release`: Holds, made and taken away.

mod scope;

use std::fmt::Debug;
use std::process::ExitCode;

use clap::Args;
use kube::api::{DeleteParams, ListParams, PostParams, Preconditions};
use kube::{Api, Resource, ResourceExt};
use nodemend_api::hold::{Hold, HoldSpec};
use nodemend_api::playbook::Playbook;
use nodemend_api::policy::RepairPolicy;
use nodemend_api::pool::RepairPool;
use nodemend_api::run::RepairRun;
use nodemend_core::snapshot::{self, HoldLevel, HoldScope, Snapshot};
use nodemend_core::time::{Span, Time};
use serde::de::DeserializeOwned;

use super::CliError;
use super::client::{Cluster, Connection};
use super::confirm::confirm;
use super::error::Asked;
use super::get::scope as in_words;
use super::output::{count, print};
use crate::clock::now;
use scope::{Scope, overlap, prefix};

const STOP_EXAMPLES: &str = "\
Examples:
  nodemend stop --cluster --reason 'incident 4711'
  nodemend stop --pool web --reason 'Black Friday' --until 48h
  nodemend stop --node web-3 --reason 'being looked at by hand'
  nodemend stop --playbook upgrade-systemd --pool web --reason 'bad build'

Steps that run on a host are awaited; no further step starts. Nodes whose host was not changed go
back to service, the others are held. `nodemend release HOLD` lets it all go on.";

/// Flags of `stop`.
#[derive(Debug, Args)]
#[command(after_help = STOP_EXAMPLES)]
pub(super) struct Stop {
    #[command(flatten)]
    scope: Scope,
    /// Why; others will read it
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Until when: a length of time (2h) or a time (2026-01-31T22:00:00Z); without it until it is released
    #[arg(long, value_name = "TIME", value_parser = until)]
    until: Option<Time>,
}

/// Flags of `release`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  nodemend get holds\n  nodemend release pool-web-x7k2p\n  nodemend release --all"
)]
pub(super) struct Release {
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

/// Nobody stops anything to the millisecond.
const fn whole_seconds(time: Time) -> Time {
    Time(time.0 - time.0.rem_euclid(1000))
}

fn until(text: &str) -> Result<Time, String> {
    if let Ok(span) = text.parse::<Span>() {
        return Ok(whole_seconds(now().after(span)));
    }
    let time =
        text.parse::<Time>().map_err(|_| "want a length of time such as 2h, or 2026-01-31T22:00:00Z")?;
    if time > now() { Ok(time) } else { Err(format!("{time} has passed already")) }
}

/// Makes a Hold.
pub(super) async fn stop(connection: &Connection, flags: Stop) -> Result<ExitCode, CliError> {
    let cluster = connection.cluster().await?;
    let scope = flags.scope.scope().ok_or_else(|| CliError::Usage("say what to stop".to_owned()))?;
    exists(&cluster, &scope).await?;
    let level = HoldLevel::Stop;
    let (held_by, message) = (cluster.user().await?, None);
    let spec = HoldSpec { scope, held_by, reason: flags.reason, message, level, until: flags.until };
    let mut hold = Hold::new("", spec);
    hold.metadata.name = None;
    hold.metadata.generate_name = Some(prefix(&hold.spec.scope));
    let api: Api<Hold> = Api::all(cluster.client.clone());
    let asked = Asked { verb: "create", kind: "Hold", name: None };
    let made =
        api.create(&PostParams::default(), &hold).await.map_err(|error| cluster.failed(asked, &error))?;
    let (name, what) = (made.name_any(), in_words(&made.spec.scope));
    let end = made.spec.until.map_or_else(String::new, |until| format!(" until {until}"));
    print(&format!("hold/{name} created: {what} is stopped{end}\n`nodemend release {name}` lets it go on\n"))
}

/// A Hold on a misspelt name would stop nothing.
async fn exists(cluster: &Cluster, scope: &HoldScope) -> Result<(), CliError> {
    match scope {
        HoldScope::Cluster {} => Ok(()),
        HoldScope::Pool { name } => there::<RepairPool>(cluster, name).await,
        HoldScope::Playbook { name, pool } => {
            there::<RepairPool>(cluster, pool).await?;
            playbook_exists(cluster, name).await
        }
        HoldScope::Policy { name } => there::<RepairPolicy>(cluster, name).await,
        HoldScope::Run { name } => there::<RepairRun>(cluster, name).await,
        HoldScope::Node { name } => there::<k8s_openapi::api::core::v1::Node>(cluster, name).await,
    }
}

/// Whether any version of the playbook is installed.
async fn playbook_exists(cluster: &Cluster, name: &str) -> Result<(), CliError> {
    let api: Api<Playbook> = Api::all(cluster.client.clone());
    match api.list(&ListParams::default()).await {
        Ok(list) if list.items.iter().any(|playbook| playbook.spec.0.name == name) => Ok(()),
        Ok(_) => Err(CliError::not_found("Playbook", name)),
        Err(kube::Error::Api(status)) if status.code == 403 => Ok(()),
        Err(error) => Err(cluster.failed(Asked::list("Playbook"), &error)),
    }
}

async fn there<K>(cluster: &Cluster, name: &str) -> Result<(), CliError>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let api: Api<K> = Api::all_with(cluster.client.clone(), &());
    match api.get_metadata(name).await {
        Ok(_) => Ok(()),
        // Who may stop things but not read them can still stop them.
        Err(kube::Error::Api(status)) if status.code == 403 => Ok(()),
        Err(error) => Err(cluster.failed(Asked::of("get", &K::kind(&()), name), &error)),
    }
}

/// Deletes Holds, and says what stays stopped all the same.
pub(super) async fn release(connection: &Connection, flags: Release) -> Result<ExitCode, CliError> {
    let cluster = connection.cluster().await?;
    let snapshot = cluster.snapshot().await?;
    let names = if flags.all { all(&snapshot) } else { flags.holds };
    if names.is_empty() {
        return print("there is no Hold to release\n");
    }
    if flags.all {
        confirm(&format!("Release {}, whoever made them?", count(names.len(), "Hold")), flags.yes)?;
    }
    for name in &names {
        delete(&cluster, name).await?;
        print(&released(&snapshot, name, &names))?;
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
    format!("{} (held by {}: {})", in_words(&hold.scope), hold.held_by, hold.reason)
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
    fn the_end_of_a_hold_is_a_span_or_a_time_ahead() {
        assert_eq!(until("2h").unwrap().0 % 1000, 0);
        assert_eq!(until("2100-01-31T22:00:00Z").unwrap().to_string(), "2100-01-31T22:00:00Z");
        assert!(until("2001-01-31T22:00:00Z").unwrap_err().contains("has passed"));
        assert!(until("tomorrow").unwrap_err().contains("such as 2h"));
    }
}
