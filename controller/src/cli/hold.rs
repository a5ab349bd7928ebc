//! `nodemend stop` and `nodemend pause`: Holds, made.

mod release;
mod scope;

use std::fmt::Debug;
use std::process::ExitCode;

use clap::Args;
use kube::api::{ListParams, PostParams};
use kube::{Api, Resource, ResourceExt};
use nodemend_api::hold::{Hold, HoldSpec};
use nodemend_api::playbook::Playbook;
use nodemend_api::policy::RepairPolicy;
use nodemend_api::pool::RepairPool;
use nodemend_api::run::RepairRun;
use nodemend_core::snapshot::{HoldLevel, HoldScope};
use nodemend_core::time::{Span, Time};
use serde::de::DeserializeOwned;

use super::CliError;
use super::client::{Cluster, Connection};
use super::error::Asked;
use super::get::scope as in_words;
use super::output::print;
use crate::clock::now;
use scope::{Scope, as_flags, prefix};

pub(super) use release::{Release, Resume, release, resume};

/// After the help of `stop`.
pub(super) const STOP_EXAMPLES: &str = "\
Examples:
  nodemend stop --cluster --reason 'incident 4711'
  nodemend stop --pool web --reason 'Black Friday' --until 48h
  nodemend stop --node web-3 --reason 'being looked at by hand'
  nodemend stop --playbook upgrade-systemd --pool web --reason 'bad build'

Steps that run on a host are awaited; no further step starts. Nodes whose host was not changed go
back to service, the others are held. `nodemend release HOLD` lets it all go on.";

/// After the help of `pause`.
pub(super) const PAUSE_EXAMPLES: &str = "\
Examples:
  nodemend pause --pool web --reason 'release at noon' --until 3h
  nodemend pause --cluster --reason 'on-call is at lunch'

Nodes under way are finished; no other node starts. `nodemend resume` with the same scope lets it go
on. To stop nodes under way as well, between two steps: `nodemend stop`.";

/// Flags of `stop` and `pause`.
#[derive(Debug, Args)]
pub(super) struct Make {
    #[command(flatten)]
    scope: Scope,
    /// Why; others will read it
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Until when: a length of time (2h) or a time (2026-01-31T22:00:00Z); without it until it is released
    #[arg(long, value_name = "TIME", value_parser = until)]
    until: Option<Time>,
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
pub(super) async fn make(
    connection: &Connection,
    flags: Make,
    level: HoldLevel,
) -> Result<ExitCode, CliError> {
    let cluster = connection.cluster().await?;
    let scope = flags.scope.scope().ok_or_else(|| CliError::Usage("say what to stop".to_owned()))?;
    exists(&cluster, &scope).await?;
    let (held_by, message) = (cluster.user().await?, None);
    let spec = HoldSpec { scope, held_by, reason: flags.reason, message, level, until: flags.until };
    let mut hold = Hold::new("", spec);
    hold.metadata.name = None;
    hold.metadata.generate_name = Some(prefix(&hold.spec.scope));
    let api: Api<Hold> = Api::all(cluster.client.clone());
    let asked = Asked { verb: "create", kind: "Hold", name: None };
    let made =
        api.create(&PostParams::default(), &hold).await.map_err(|error| cluster.failed(asked, &error))?;
    print(&created(&made.name_any(), &made.spec))
}

/// What was made, what it does and what takes it back.
fn created(name: &str, spec: &HoldSpec) -> String {
    let what = in_words(&spec.scope);
    let end = spec.until.map_or_else(String::new, |until| format!(" until {until}"));
    let (done, back) = match spec.level {
        HoldLevel::Stop => ("stopped", format!("nodemend release {name}")),
        HoldLevel::Pause => ("paused", format!("nodemend resume {}", as_flags(&spec.scope))),
    };
    format!("hold/{name} created: {what} is {done}{end}\n`{back}` lets it go on\n")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_says_how_it_is_taken_back() {
        let spec = |level| HoldSpec {
            scope: HoldScope::Playbook { name: "upgrade-systemd".into(), pool: "web".into() },
            held_by: "ann".into(),
            reason: "freeze".into(),
            message: None,
            level,
            until: None,
        };
        let told = created("h", &spec(HoldLevel::Pause));
        assert!(
            told.contains(
                "in pool web is paused\n`nodemend resume --playbook upgrade-systemd --pool web` lets"
            )
        );
        assert!(
            created("h", &spec(HoldLevel::Stop)).contains("is stopped\n`nodemend release h` lets it go on")
        );
    }

    #[test]
    fn the_end_of_a_hold_is_a_span_or_a_time_ahead() {
        assert_eq!(until("2h").unwrap().0 % 1000, 0);
        assert_eq!(until("2100-01-31T22:00:00Z").unwrap().to_string(), "2100-01-31T22:00:00Z");
        assert!(until("2001-01-31T22:00:00Z").unwrap_err().contains("has passed"));
        assert!(until("tomorrow").unwrap_err().contains("such as 2h"));
    }
}
