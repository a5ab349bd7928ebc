//! `nodemend resolve`: says what became of a step of a held node that the controller cannot know.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use kube::Api;
use kube::api::ListParams;
use nodemend_api::remediation::Remediation;
use nodemend_core::saga::{Journal, Mode, is_resolvable};
use nodemend_core::snapshot::{Resolution, Verb};

use super::CliError;
use super::client::{Cluster, Connection};
use super::error::Asked;
use super::operation::{append, operation};
use super::output::print;

/// Flags of `resolve`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  nodemend resolve old-systemd-1f2e3d4c --node web-3 --step install --as succeeded --reason 'rpm -q says so'
  nodemend resolve old-systemd-1f2e3d4c --node web-3 --step install --as failed --reason 'half installed'

A step with an end that nobody knows: `succeeded` goes on with the next step, `failed` undoes what was
changed, or leaves the node held where nothing can be undone. A step whose undo failed: `succeeded` says
that it was put back by hand, `failed` tries the undo again. Holds stand until they are released.")]
pub(super) struct Flags {
    /// The run
    #[arg(value_name = "RUN")]
    run: String,
    /// The node that is held
    #[arg(long, value_name = "NODE")]
    node: String,
    /// The step of which nobody knows, or whose undo failed
    #[arg(long, value_name = "STEP")]
    step: String,
    /// What became of it
    #[arg(long = "as", value_name = "OUTCOME")]
    outcome: Outcome,
    /// How you know; kept in the run and in the journal
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// What a person may say.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Outcome {
    /// What it is for holds
    Succeeded,
    /// It does not
    Failed,
}

impl From<Outcome> for Resolution {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Succeeded => Self::Succeeded,
            Outcome::Failed => Self::Failed,
        }
    }
}

/// Adds the operation to the run, if the node waits for it.
pub(super) async fn run(connection: &Connection, flags: Flags) -> Result<ExitCode, CliError> {
    let cluster = connection.cluster().await?;
    let Flags { run, node, step, outcome, reason } = flags;
    let journal = journal(&cluster, &run, &node).await?;
    if let Some(objection) = objection(journal.as_ref(), &run, &node, &step) {
        return Err(CliError::Negative(objection));
    }
    let mut operation = operation(Verb::Resolve, cluster.user().await?, reason);
    operation.target = Some(node.as_str().into());
    (operation.step, operation.outcome) = (Some(step.clone()), Some(outcome.into()));
    append(&cluster, &run, &operation, |_| None).await?;
    let said = format!("{outcome:?}").to_lowercase();
    print(&format!(
        "step {step} of node {node} counts as {said}; `nodemend watch {run}` shows how it goes on\n"
    ))
}

/// The journal of the run's repair of a node.
async fn journal(cluster: &Cluster, run: &str, node: &str) -> Result<Option<Journal>, CliError> {
    let api: Api<Remediation> = Api::all(cluster.client.clone());
    let listed = api.list(&ListParams::default()).await;
    let remediations = listed.map_err(|error| cluster.failed(Asked::list("Remediation"), &error))?;
    let is_it = |remediation: &Remediation| {
        remediation.spec.run == run
            && remediation.spec.repairs.iter().any(|repair| repair.node.name.as_str() == node)
    };
    let found = remediations.items.into_iter().find(is_it);
    Ok(found.and_then(|remediation| Some(remediation.status?.journal)))
}

/// Why there is nothing to say of this step; `None` if the node waits for it.
fn objection(journal: Option<&Journal>, run: &str, node: &str, step: &str) -> Option<String> {
    let Some(journal) = journal else {
        return Some(format!(
            "run {run} has begun no repair of node {node}; `nodemend get run {run}` shows those it has"
        ));
    };
    let steps = &journal.steps;
    let Some(record) = journal.step(step) else {
        let names: Vec<_> = steps.iter().map(|step| step.name.as_str()).collect();
        return Some(format!("the repair of node {node} has no step {step}; it has {}", names.join(", ")));
    };
    if journal.mode != Mode::Held {
        return Some(format!(
            "node {node} is not held, it is {:?}: only what a held node waits for can be said",
            journal.mode
        ));
    }
    if is_resolvable(record.state) {
        return None;
    }
    let open = steps.iter().find(|step| is_resolvable(step.state));
    let instead = open.map_or_else(
        || format!("`nodemend explain {node}` says what the node waits for"),
        |open| format!("the node waits for step {}, which is {:?}", open.name, open.state),
    );
    Some(format!("step {step} of node {node} is {:?}, which is known; {instead}", record.state))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nodemend_core::playbook::Phase;
    use nodemend_core::saga::{StepRecord, StepState};

    fn held(state: StepState) -> Journal {
        let step = |name, state| StepRecord { state, ..StepRecord::new(name, Phase::Repair) };
        let steps = vec![step("install", state), step("reboot", StepState::Pending)];
        Journal { mode: Mode::Held, steps, ..Journal::default() }
    }

    #[test]
    fn only_what_a_held_node_waits_for_can_be_said() {
        let says = |journal: Option<&Journal>, step: &str| objection(journal, "r", "n", step);
        for state in [StepState::Indeterminate, StepState::UndoFailed] {
            let journal = held(state);
            assert_eq!(says(Some(&journal), "install"), None);
            let other = says(Some(&journal), "reboot").unwrap();
            assert!(other.contains(&format!("waits for step install, which is {state:?}")), "{other}");
            assert!(says(Some(&journal), "no").unwrap().contains("it has install, reboot"));
            let moving = Journal { mode: Mode::Undoing, ..journal };
            assert!(says(Some(&moving), "install").unwrap().contains("not held, it is Undoing"));
        }
        assert!(
            says(Some(&held(StepState::Failed)), "install").unwrap().contains("is Failed, which is known")
        );
        assert!(says(None, "install").unwrap().contains("has begun no repair of node n"));
    }
}
