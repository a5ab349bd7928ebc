//! The status of each pool: how many nodes, how many of them well, what is in the way.

use kube::ResourceExt;
use nodemend_api::conditions::{READY, Wanted, set};
use nodemend_api::pool::{PoolCounts, RepairPool, RepairPoolStatus};
use nodemend_core::blocker::{Blocker, keep_since};
use nodemend_core::finding::CheckState;
use nodemend_core::orphan::{Verdict, orphan};
use nodemend_core::rollout::storm::{blind, hold_name};
use nodemend_core::snapshot::{Fleet, Node, PROBER, Pool, Snapshot};

use super::{Planner, PlannerError};
use crate::checks;
use crate::clock::now;
use crate::store::update_status;

impl Planner {
    pub(super) async fn pool_statuses(&self) -> Result<(), PlannerError> {
        let changed: Vec<(String, RepairPoolStatus)> = {
            let known = self.world.look();
            let pools = known.pools.values().filter_map(|pool| {
                let row = known.snapshot.pools.get(&pool.name_any())?;
                let wanted = status(&known.snapshot, pool, row);
                (pool.status.as_ref() != Some(&wanted)).then(|| (pool.name_any(), wanted))
            });
            pools.collect()
        };
        for (name, wanted) in changed {
            update_status(&self.client, &name, |pool: &mut RepairPool| {
                // Grants and storms have writers of their own: what is stored stays.
                let RepairPoolStatus { grants, starts, storm, .. } = pool.status.take().unwrap_or_default();
                let mut status = RepairPoolStatus { grants, starts, storm, ..wanted };
                self.sign(&mut status);
                pool.status = Some(status);
                true
            })
            .await?;
        }
        Ok(())
    }
}

fn status(snapshot: &Snapshot, pool: &RepairPool, row: &Pool) -> RepairPoolStatus {
    let stored = pool.status.clone().unwrap_or_default();
    let blockers = keep_since(&stored.blockers, blockers(snapshot, pool, row), now());
    let mut status = RepairPoolStatus {
        counts: counts(snapshot, row),
        observed_generation: pool.metadata.generation.unwrap_or_default(),
        blockers: blockers.into_iter().take(16).collect(),
        ..stored
    };
    let blocker = status.blockers.first();
    let wanted = Wanted {
        kind: READY,
        holds: Some(blocker.is_none()),
        reason: blocker.map_or("Watching", |b| &b.reason),
        message: blocker.map_or("its nodes are watched", |b| &b.next),
    };
    set(&mut status.conditions, wanted, pool.metadata.generation, now());
    status
}

fn counts(snapshot: &Snapshot, row: &Pool) -> PoolCounts {
    let fleet = Fleet::new(snapshot);
    let (area, nodes) = (fleet.area(row), fleet.members(&row.name));
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    PoolCounts {
        nodes: count(nodes.len()),
        ready: count(nodes.iter().filter(|node| node.ready() == Some(true)).count()),
        unavailable: count(area.unavailable.len()),
        in_flight: count(area.in_flight.len()),
        failing: count(nodes.iter().filter(|node| is_failing(snapshot, node)).count()),
    }
}

fn is_failing(snapshot: &Snapshot, node: &Node) -> bool {
    let report = snapshot.reports.get(&node.uid).and_then(|reports| reports.get(PROBER));
    report.is_some_and(|report| report.results.values().any(|result| result.state == CheckState::Fail))
}

fn blockers(snapshot: &Snapshot, pool: &RepairPool, row: &Pool) -> Vec<Blocker> {
    let mut blockers = Vec::new();
    let object = format!("repairpool/{}", row.name);
    if let Err(error) = checks::configs(pool) {
        blockers.push(Blocker::new("BadCheckConfig", &object, format!("spec.checkConfig: {error}")));
    }
    if !row.unsupported.is_empty() {
        let fields = row.unsupported.join(", ");
        blockers.push(Blocker::new(
            "NotHonouredYet",
            &object,
            format!("{fields}: not honoured by this version, so its runs wait"),
        ));
    }
    blockers.extend(storm(row));
    blockers.extend(snapshot.nodes_of(row).filter_map(|node| match orphan(snapshot, node)? {
        Verdict::Leave(told) => Some(told),
        Verdict::Lift(_) => None,
    }));
    if blind(snapshot) {
        let next = "no node of the cluster is Ready, so it may be the controller that is cut off; nothing starts until it sees one";
        blockers.push(Blocker::new("Blind", &object, next));
    }
    for node in snapshot.nodes_of(row).filter(|node| snapshot.pools_of(node).len() > 1) {
        let names: Vec<_> = snapshot.pools_of(node).into_iter().collect();
        let next = format!("selected by {}; left alone until one pool selects it", names.join(" and "));
        blockers.push(Blocker::new("TwoPools", format!("node/{}", node.name), next));
    }
    blockers
}

/// What a storm stops, unless a person lets repairs go on through it.
fn storm(row: &Pool) -> Option<Blocker> {
    let state = row.storm_state.as_ref().filter(|state| !state.overridden)?;
    let hold = hold_name(&row.name);
    let calm = state.calm_since.map_or_else(String::new, |since| format!(", calm since {since}"));
    let next = format!(
        "{}{calm}; lifted when it has been calm for {}, or by `nodemend release {hold}`",
        state.cause, row.storm.calm
    );
    Some(Blocker::new("Storm", format!("hold/{hold}"), next).since(state.since))
}
