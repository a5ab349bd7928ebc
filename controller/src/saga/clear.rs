//! Whether a node may still begin, right before its first disruptive step: windows, pauses, marks of others, and gates.

use nodemend_core::actions::Do;
use nodemend_core::blocker::Blocker;
use nodemend_core::decide::{may_begin, plan_of};
use nodemend_core::playbook::Step;
use nodemend_core::rollout::{Asked, Gate, GateScope};
use nodemend_exec::preflight;

use super::Parts;
use super::drive::Look;
use crate::clock::now;
use crate::replicas::Others;

/// Everything that is in the way; empty if the node may begin.
pub(super) async fn clearance(parts: &Parts, look: &Look) -> Vec<Blocker> {
    let (mut blockers, gates) = known(parts, look);
    for (asked, gate) in gates {
        let answer = parts.gatekeeper.answer(&asked, &gate).await;
        if !answer.open {
            let next = format!("{}: {}; asked again until it is open", gate.describe(), answer.why);
            blockers.push(Blocker::new("GateClosed", format!("repairrun/{}", asked.run), next));
        }
    }
    if blockers.is_empty() {
        blockers = in_the_way_of_drain(parts, look).await;
    }
    if blockers.is_empty() {
        blockers.extend(own_node(parts, look).await);
    }
    blockers
}

/// What is in the way of a repair that would end this very process. The last Ready replica does not evict itself.
async fn own_node(parts: &Parts, look: &Look) -> Option<Blocker> {
    let node = &look.brief.node.name;
    let ends_us = |step: &Step| matches!(step.action, Do::Drain(_) | Do::Reboot(_));
    let is_own = parts.world.look().snapshot.own_node.as_ref() == Some(node);
    if !is_own || !look.brief.steps.iter().any(ends_us) {
        return None;
    }
    match parts.replicas.others().await {
        Others::NotAPod | Others::Ready => None,
        Others::None => {
            let next = "the controller itself runs here, and no other replica of it is Ready on another node to go on; \
                        run two of them (`replicas` of the chart)";
            Some(Blocker::new("LastReplica", format!("node/{node}"), next))
        }
    }
}

/// What a drain would run into, found out while the node still serves. What cannot be read is in the way too.
async fn in_the_way_of_drain(parts: &Parts, look: &Look) -> Vec<Blocker> {
    let drain = look.brief.steps.iter().find_map(|step| match &step.action {
        Do::Drain(drain) => Some(drain),
        _ => None,
    });
    let Some(drain) = drain else { return Vec::new() };
    let node = &look.brief.node.name;
    match preflight(&parts.client, node, drain, &look.brief.drain_rules).await {
        Ok(blockers) => blockers,
        Err(failure) => vec![Blocker::new(&failure.reason, format!("node/{node}"), failure.message)],
    }
}

/// What the watches know, and the gates that have to be asked for this node.
fn known(parts: &Parts, look: &Look) -> (Vec<Blocker>, Vec<(Asked, Gate)>) {
    let known = parts.world.look();
    let snapshot = &known.snapshot;
    let run = snapshot.runs.get(&look.brief.run).filter(|run| run.uid == look.brief.run_uid);
    let Some(run) = run else {
        let object = format!("repairrun/{}", look.brief.run);
        return (vec![Blocker::new("RunGone", object, "its run is not there")], Vec::new());
    };
    let node = &look.brief.node;
    let gates = plan_of(snapshot, run).map(|(header, _)| header.rollout.gates.clone()).unwrap_or_default();
    let of_node = gates.into_iter().enumerate().filter(|(_, gate)| gate.scope == GateScope::Node);
    let asked = |(index, gate)| {
        let asked = Asked {
            run: run.name.clone(),
            run_uid: run.uid.clone(),
            gate: index,
            batch: Some(node.batch),
            node: Some(node.name.clone()),
        };
        (asked, gate)
    };
    (may_begin(snapshot, run, node, now()), of_node.map(asked).collect())
}
