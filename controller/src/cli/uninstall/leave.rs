//! Putting in order what is left: cordons of ours by their marks and journals, finalizers that nobody will take off.

use std::fmt::Debug;

use kube::api::PartialObjectMeta;
use kube::{Resource, ResourceExt};
use nodemend_api::remediation::Remediation;
use nodemend_api::run::RepairRun;
use nodemend_core::op::OpResult;
use nodemend_core::orphan::{Verdict, abandoned, orphan};
use nodemend_core::playbook::Step;
use nodemend_core::snapshot::{Node, Snapshot};
use nodemend_exec::lift;
use serde::de::DeserializeOwned;

use super::wait::{Ended, finalized};
use crate::cli::CliError;
use crate::cli::client::Cluster;
use crate::cli::error::Asked;
use crate::finalizer;
use crate::store::StoreError;

/// How often finalizers are tried anew when somebody else wrote the object in between.
const TRIES: u32 = 5;

/// What became of the nodes that carried a cordon of ours, and why.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Nodes {
    pub(super) given_back: Vec<(String, String)>,
    pub(super) left: Vec<(String, String)>,
}

/// Lifts the cordons of ours that hide nothing; the others are left to a person.
pub(super) async fn give_back(
    cluster: &Cluster,
    snapshot: &Snapshot,
    ended: Ended,
) -> Result<Nodes, CliError> {
    let mut nodes = Nodes::default();
    for node in snapshot.nodes.values() {
        let Some(mark) = &node.cordon else { continue };
        let name = node.name.0.clone();
        match verdict(snapshot, node, ended) {
            Some(Verdict::Lift(why)) => match lift(&cluster.client, &node.name, &node.uid, mark).await {
                OpResult::Uncordoned => nodes.given_back.push((name, why)),
                OpResult::NotDone(failure) | OpResult::Unknown(failure) => {
                    nodes.left.push((name, failure.message));
                }
                _ => nodes.left.push((name, "its cordon could not be lifted".to_owned())),
            },
            Some(Verdict::Leave(blocker)) => nodes.left.push((name, blocker.next)),
            None => nodes.left.push((name.clone(), left_to_a_person(&name))),
        }
    }
    Ok(nodes)
}

/// What to do about a node's cordon now that nothing more will be done about it.
fn verdict(snapshot: &Snapshot, node: &Node, ended: Ended) -> Option<Verdict> {
    let mark = node.cordon.as_ref()?;
    let unfinished = snapshot.remediations.get(&mark.remediation).filter(|row| !row.is_finished());
    match unfinished.filter(|_| ended == Ended::Abandoned) {
        Some(row) => {
            let header = snapshot.pages.get(&row.run_uid).and_then(|pages| pages.get(&0)?.header.as_ref());
            abandoned(node, row, header.map(|header| -> &[Step] { &header.steps }))
        }
        None => orphan(snapshot, node),
    }
}

/// A repair that was held and has ended leaves its words on the node.
fn left_to_a_person(node: &str) -> String {
    format!(
        "its repair was held for a person: `kubectl describe node {node}` says what happened and how to go on"
    )
}

/// Takes our finalizer off everything, so that no deletion waits for a controller that is gone.
pub(super) async fn take_finalizers_off(cluster: &Cluster) -> Result<(), CliError> {
    off::<Remediation>(cluster).await?;
    off::<RepairRun>(cluster).await
}

async fn off<K>(cluster: &Cluster) -> Result<(), CliError>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    for attempt in 1..=TRIES {
        let mut conflict = false;
        for object in finalized::<K>(cluster).await? {
            match finalizer::take_off::<PartialObjectMeta<K>>(&cluster.client, &object).await {
                Ok(()) => {}
                Err(StoreError::Conflict { .. }) if attempt < TRIES => conflict = true,
                Err(error) => return Err(failed::<K>(cluster, &object.name_any(), error)),
            }
        }
        if !conflict {
            return Ok(());
        }
    }
    Ok(())
}

fn failed<K: Resource<DynamicType = ()>>(cluster: &Cluster, name: &str, error: StoreError) -> CliError {
    let kind = K::kind(&());
    match error {
        StoreError::Request { source, .. } => cluster.failed(Asked::of("patch", &kind, name), &source),
        conflict @ StoreError::Conflict { .. } => {
            let object = format!("{}/{name}", kind.to_lowercase());
            CliError::Refused { object, message: format!("{conflict}, again and again; try again") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nodemend_core::cordon::CordonMark;
    use nodemend_core::saga::{Journal, Mode};
    use nodemend_core::time::Time;

    use crate::cli::testing;

    /// The world in which the repair of `web-2` has cordoned its node and is drained, and not begun on the host.
    fn draining() -> Snapshot {
        let mut world = testing::world();
        let row = world.remediations.values_mut().find(|row| row.node.0 == "web-2").unwrap();
        let mark = CordonMark {
            remediation: row.name.clone(),
            run: row.run.clone(),
            run_uid: row.run_uid.clone(),
            since: Time(1),
            was_unschedulable: false,
            changes_host: true,
        };
        let steps = world.pages[&row.run_uid][&0].header.as_ref().unwrap().steps.clone();
        row.journal = Some(Journal { mode: Mode::Forward, ..Journal::new(&steps, 1, Time(1)) });
        world.nodes.get_mut(&"web-2".into()).unwrap().cordon = Some(Box::new(mark));
        world
    }

    #[test]
    fn what_is_under_way_is_its_controllers_while_that_lives() {
        let world = draining();
        let node = &world.nodes[&"web-2".into()];
        assert_eq!(verdict(&world, node, Ended::InOrder), None);
        assert!(matches!(verdict(&world, node, Ended::Abandoned), Some(Verdict::Lift(_))));
    }

    #[test]
    fn a_plan_that_is_gone_leaves_the_node_to_a_person() {
        let mut world = draining();
        world.pages.clear();
        let node = &world.nodes[&"web-2".into()];
        assert!(matches!(verdict(&world, node, Ended::Abandoned), Some(Verdict::Leave(_))));
    }
}
