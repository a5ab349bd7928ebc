//! `nodemend uninstall`: ends every run, gives nodes back, takes Holds and policies away, and leaves nothing that hangs.
//!
//! Policies go first, for they would make further runs; Holds go last, for until then they keep safe what is under way.
//! While the controller is there it ends its runs itself, as after `nodemend abort`. When it is gone, what it left is put
//! in order here: by the marks on the nodes and by the journals, never by guessing.

mod leave;
mod todo;
mod wait;

use std::fmt::Debug;
use std::process::ExitCode;

use clap::Args;
use kube::api::DeleteParams;
use kube::{Api, Resource};
use nodemend_api::crds;
use nodemend_api::hold::Hold;
use nodemend_api::install;
use nodemend_api::policy::RepairPolicy;
use nodemend_core::time::Span;
use serde::de::DeserializeOwned;

use super::CliError;
use super::client::{Cluster, Connection};
use super::confirm::confirm;
use super::error::Asked;
use super::output::print;
use leave::Nodes;
use todo::Todo;
use wait::Ended;

/// After the help.
pub(super) const EXAMPLES: &str = "\
Examples:
  nodemend uninstall
  nodemend uninstall --yes --patience 30s && helm uninstall nodemend --namespace nodemend-system

Works also when the controller is gone already. Exit status 1: nodes are left cordoned for a person.";

/// Flags of `uninstall`.
#[derive(Debug, Args)]
pub(super) struct Flags {
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// After how long without a sign of life the controller is taken for gone
    #[arg(long, value_name = "TIME", default_value = "2m")]
    patience: Span,
    /// The namespace that the controller runs in
    #[arg(long, value_name = "NAME", default_value = install::NAMESPACE)]
    namespace: String,
}

/// Shows what it will do, does it, and says what is left.
pub(super) async fn run(connection: &Connection, flags: &Flags) -> Result<ExitCode, CliError> {
    let cluster = connection.cluster().await?;
    let todo = Todo::of(&cluster.snapshot().await?);
    print(&todo.text())?;
    confirm("End Nodemend in this cluster?", flags.yes)?;
    for policy in &todo.policies {
        delete::<RepairPolicy>(&cluster, policy).await?;
    }
    let ended = wait::until_over(&cluster, &flags.namespace, flags.patience).await?;
    if ended == Ended::Abandoned {
        print("the controller is gone: what it left is put in order here\n")?;
    }
    let snapshot = cluster.snapshot().await?;
    let nodes = leave::give_back(&cluster, &snapshot, ended).await?;
    if ended == Ended::Abandoned {
        leave::take_finalizers_off(&cluster).await?;
    }
    for hold in snapshot.holds.keys() {
        delete::<Hold>(&cluster, hold).await?;
    }
    print(&told(&nodes, snapshot.holds.len(), &flags.namespace))?;
    Ok(if nodes.left.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

async fn delete<K>(cluster: &Cluster, name: &str) -> Result<(), CliError>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let api: Api<K> = Api::all(cluster.client.clone());
    match api.delete(name, &DeleteParams::default()).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(cluster.failed(Asked::of("delete", &K::kind(&()), name), &error)),
    }
}

/// What was done, and what is left for the operator.
fn told(nodes: &Nodes, holds: usize, namespace: &str) -> String {
    let mut text = String::from("\nNo run is under way, no policy is left.\n");
    if holds > 0 {
        text.push_str(&format!("{} deleted.\n", super::output::count(holds, "Hold")));
    }
    for (node, why) in &nodes.given_back {
        text.push_str(&format!("node {node}: its cordon is lifted; {why}\n"));
    }
    for (node, next) in &nodes.left {
        text.push_str(&format!("node {node}: LEFT CORDONED; {next}\n"));
    }
    let kinds: Vec<_> = crds::all().into_iter().filter_map(|crd| crd.metadata.name).collect();
    text.push_str(&format!(
        "\nWhat is left is yours to take away, in this order; nothing of it hangs:\n  \
         helm uninstall nodemend --namespace {namespace}     # or however the controller was started\n  \
         kubectl delete crd {}\n  \
         kubectl delete namespace {namespace}\n\
         Hosts keep small records in /var/lib/nodemend.\n",
        kinds.join(" ")
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_said() {
        let nodes = Nodes {
            given_back: vec![("web-1".into(), "nothing was begun".into())],
            left: vec![("web-2".into(), "look at it".into())],
        };
        let text = told(&nodes, 1, "elsewhere");
        assert!(text.contains("1 Hold deleted") && text.contains("web-1: its cordon is lifted"), "{text}");
        assert!(text.contains("web-2: LEFT CORDONED; look at it"), "{text}");
        assert!(text.contains("--namespace elsewhere") && text.contains("repairruns.nodemend.dev"), "{text}");
    }
}
