//! `nodemend run`: starts a repair by hand, after showing what it will do.

use std::process::ExitCode;

use clap::Args;
use kube::api::PostParams;
use kube::{Api, ResourceExt};
use nodemend_api::run::{RepairRun, RepairRunSpec};
use nodemend_core::time::Span;

use super::CliError;
use super::client::{Cluster, Connection};
use super::confirm::confirm;
use super::error::Asked;
use super::output::{Look, count, print};
use super::plan::Plan;
use super::select::{Asking, Selection};
use super::watch;
use crate::clock::now;

const EXAMPLES: &str = "\
Examples:
  nodemend run --policy old-systemd --watch
  nodemend run --pool web --check node.systemd-dbus --playbook drain-and-reboot --yes
  nodemend run --pool web --node web-3 --playbook drain-and-reboot --change-ref CHG-1234

An empty selection creates nothing. A run that the controller sees first after --start-within
expires and does nothing.
Exit status with --watch: as of `nodemend watch`.";

/// Longest prefix of a generated name: the API server adds five characters, and pages add to it.
const NAME_PREFIX: usize = 200;

/// Flags of `run`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Flags {
    #[command(flatten)]
    selection: Selection,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Have the controller write its plan, and start nothing
    #[arg(long)]
    plan_only: bool,
    /// A change ticket or the like, kept in the run
    #[arg(long, value_name = "TEXT")]
    change_ref: Option<String>,
    /// How soon the controller has to see it; later it expires
    #[arg(long, value_name = "TIME", default_value = "1h")]
    start_within: Span,
    /// Look on until it is over
    #[arg(short, long)]
    watch: bool,
    /// The run's name; without it one is made up
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// Plans, asks, and creates the run.
pub(super) async fn run(connection: &Connection, flags: Flags) -> Result<ExitCode, CliError> {
    let cluster = connection.cluster().await?;
    let snapshot = cluster.snapshot().await?;
    let now = now();
    let asking = Asking {
        requested_by: cluster.user().await?,
        start_before: now.after(flags.start_within),
        change_ref: flags.change_ref.clone(),
        plan_only: flags.plan_only,
    };
    let plan = Plan::make(&snapshot, flags.selection.request(&snapshot, asking)?, now)?;
    print(&plan.text(Look::of_stdout()))?;
    if plan.draft.nodes.is_empty() {
        return print("\nNothing was created: no node needs it.\n");
    }
    let nodes = count(plan.draft.nodes.len(), "node");
    if !flags.plan_only {
        confirm(&format!("Repair {nodes} of pool {}?", plan.request.pool), flags.yes)?;
    }
    let name = create(&cluster, &flags, &plan).await?;
    print(&format!("\nrepairrun/{name} created; `nodemend watch {name}` looks on\n"))?;
    if flags.watch {
        return watch::follow(connection, &cluster, &name, None).await;
    }
    Ok(ExitCode::SUCCESS)
}

async fn create(cluster: &Cluster, flags: &Flags, plan: &Plan<'_>) -> Result<String, CliError> {
    let mut run =
        RepairRun::new(flags.name.as_deref().unwrap_or_default(), RepairRunSpec(plan.request.clone()));
    if flags.name.is_none() {
        let prefix = format!("{}-{}", plan.request.pool, plan.request.playbook);
        run.metadata.name = None;
        run.metadata.generate_name =
            Some(format!("{}-", prefix.chars().take(NAME_PREFIX).collect::<String>()));
    }
    let api: Api<RepairRun> = Api::all(cluster.client.clone());
    let asked = Asked { verb: "create", kind: "RepairRun", name: flags.name.as_deref() };
    let created = api.create(&PostParams::default(), &run).await;
    Ok(created.map_err(|error| cluster.failed(asked, &error))?.name_any())
}
