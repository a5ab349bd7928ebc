//! What the parts of one round of decisions share: what is known, what there is room for, and what was decided.

use super::Decision;
use crate::blocker::{Blocker, keep_since};
use crate::budget::room::Rooms;
use crate::plan::{Header, PlannedNode};
use crate::snapshot::{Fleet, Run, RunPhase, RunStatus, Snapshot};
use crate::time::Time;

/// One round.
pub(super) struct Round<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) fleet: &'a Fleet<'a>,
    pub(super) now: Time,
    /// What one run is granted counts for the next one.
    pub(super) rooms: Rooms<'a>,
    pub(super) decisions: Vec<Decision>,
    /// The earliest time at which something that is waited for goes by itself.
    look_again: Option<Time>,
}

impl<'a> Round<'a> {
    pub(super) fn new(fleet: &'a Fleet<'a>, now: Time) -> Self {
        let rooms = Rooms::new(fleet, now);
        Self { snapshot: fleet.snapshot, fleet, now, rooms, decisions: Vec::new(), look_again: None }
    }

    /// Has the next round begin no later than when the first of these goes by itself.
    pub(super) fn wait_for(&mut self, blockers: &[Blocker]) {
        let times = blockers.iter().filter_map(|blocker| blocker.until).filter(|until| *until > self.now);
        self.look_again = times.chain(self.look_again).min();
    }

    /// A decision to write the status of `run`, if it is not the one that is written.
    pub(super) fn write(&mut self, run: &Run, mut status: RunStatus, blockers: Vec<Blocker>) {
        let blockers = distinct(blockers);
        self.wait_for(&blockers);
        status.blockers = keep_since(&run.status.blockers, blockers, self.now);
        status.message = status.message.map(|message| message.chars().take(1024).collect());
        let counts = &status.counts;
        let begun = counts.in_flight + counts.held + counts.repaired + counts.cleared + counts.failed > 0;
        if begun && status.started_at.is_none() {
            status.started_at = Some(self.now);
            status.phase = if status.phase == RunPhase::Planned { RunPhase::Running } else { status.phase };
        }
        if status.phase.is_over() && status.finished_at.is_none() {
            status.finished_at = Some(self.now);
            status.blockers.clear();
        }
        if status != run.status {
            self.decisions.push(Decision::RunStatus { run: run.name.clone(), status: Box::new(status) });
        }
    }

    pub(super) fn into_decisions(mut self) -> Vec<Decision> {
        self.decisions.extend(self.look_again.map(|at| Decision::LookAgain { at }));
        self.decisions
    }
}

/// The header and the nodes of a run's plan, with the page of each; `None` while pages are missing.
pub fn plan_of<'a>(snapshot: &'a Snapshot, run: &Run) -> Option<(&'a Header, Vec<(u32, &'a PlannedNode)>)> {
    let plan = run.status.plan.as_ref()?;
    let pages = snapshot.pages.get(&run.uid)?;
    if pages.len() != plan.page_digests.len() {
        return None;
    }
    let header = pages.get(&0)?.header.as_ref()?;
    let nodes = pages.iter().flat_map(|(index, page)| page.nodes.iter().map(move |node| (*index, node)));
    Some((header, nodes.collect()))
}

/// Each thing that is waited for once, at most sixteen of them, so that a status stays small.
fn distinct(blockers: Vec<Blocker>) -> Vec<Blocker> {
    let mut distinct: Vec<Blocker> = Vec::new();
    for blocker in blockers {
        if distinct.len() < 16 && !distinct.iter().any(|known| known.is_about(&blocker)) {
            distinct.push(blocker);
        }
    }
    distinct
}
