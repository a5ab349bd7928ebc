//! What the planner does with each decision, on the objects of the simulated cluster.

use super::grants::{Cut, Wanted, Writer};
use super::world::World;
use crate::decide::{Decision, is_remembered};
use crate::ids::RunUid;
use crate::plan::page::Sealed;
use crate::rollout::storm::{HoldChange, Turn, blind, cause, hold_name, is_storm, turn};
use crate::rollout::{Answer, Asked};
use crate::snapshot::{PlanSummary, Remediation, Run, RunPhase, RunRequest, RunStatus};
use crate::time::Time;

impl World {
    /// Carries a decision out as the writer whose epoch the guard has, cut off nowhere.
    pub fn carry_out(&mut self, decision: Decision) {
        let writer = self.leader();
        self.carry_out_as(decision, writer);
    }

    /// The writer whose epoch the guard has.
    pub fn leader(&self) -> Writer {
        let epoch = self.snapshot.guard.as_ref().map_or(0, |guard| guard.epoch);
        Writer { epoch, now: self.now, cut: Cut::Never }
    }

    /// Carries a decision out as `writer`.
    pub fn carry_out_as(&mut self, decision: Decision, writer: Writer) {
        match decision {
            Decision::CreateRun { name, request, .. } => self.create_run(&name, *request),
            Decision::WritePlan { run, run_uid, sealed } => self.write_plan(&run, &run_uid, *sealed),
            Decision::RunStatus { run, status } => self.run_status(&run, *status),
            Decision::PolicyStatus { policy, status } => {
                self.snapshot.policy_status.insert(policy, *status);
            }
            Decision::Grant { run, run_uid, pool, nodes } => {
                let allowed = self.allowed(Wanted { run, run_uid, pool, nodes }, writer);
                self.create(&allowed);
                self.complete_grants(writer);
            }
            Decision::Release { grants } => self.release(&grants),
            Decision::Ask { asked, .. } => self.answer(asked),
            Decision::Storm { pool, turn } => self.storm(&pool, &turn, writer.now),
            // Kept by whoever makes the rounds; and nobody takes Remediations away behind a simulated controller's back.
            Decision::LookAgain { .. } | Decision::Orphan { .. } => {}
        }
    }

    /// The turn of a storm, decided anew from live state.
    fn storm(&mut self, name: &str, proposed: &Turn, now: Time) {
        let hold = hold_name(name);
        let standing = self.snapshot.holds.get(&hold).filter(|hold| is_storm(hold));
        let Some(pool) = self.snapshot.pools.get(name) else {
            if standing.is_some() {
                self.snapshot.holds.remove(&hold);
                self.wake();
            }
            return;
        };
        let lifts = proposed.hold == HoldChange::Lift;
        if lifts && blind(&self.snapshot) {
            return;
        }
        let Some(turn) = turn(pool, standing, cause(&self.snapshot, pool, now), now) else { return };
        match turn.hold {
            HoldChange::Lift if !lifts => return,
            // Somebody else's Hold of that name stays.
            HoldChange::Make(_) if self.snapshot.holds.contains_key(&hold) => return,
            HoldChange::Make(made) => {
                self.snapshot.holds.insert(hold, *made);
            }
            HoldChange::Lift => {
                self.snapshot.holds.remove(&hold);
            }
            HoldChange::Keep => {}
        }
        if let Some(pool) = self.snapshot.pools.get_mut(name) {
            pool.storm_state = turn.state;
        }
        self.wake();
    }

    /// Gates answer at once, and all the same.
    fn answer(&mut self, asked: Asked) {
        let (open, at) = (!self.gates_closed, self.now);
        let why = if open { "open" } else { "closed" }.to_owned();
        self.snapshot.answers.insert(asked, Answer { open, why, at });
    }

    /// Creates a run; a name that is taken already is refused.
    pub fn create_run(&mut self, name: &str, request: RunRequest) {
        if self.snapshot.runs.contains_key(name) {
            return;
        }
        let run = Run {
            name: name.to_owned(),
            uid: self.fresh("run").into(),
            created: self.now,
            deleting: false,
            finalized: false,
            request,
            status: RunStatus::default(),
        };
        self.snapshot.runs.insert(name.to_owned(), run);
    }

    fn write_plan(&mut self, name: &str, uid: &RunUid, sealed: Sealed) {
        let now = self.now;
        let Some(run) = self.snapshot.runs.get_mut(name).filter(|run| run.uid == *uid && !run.deleting)
        else {
            return;
        };
        // A plan is written once; a second one that is the same changes nothing.
        if run.status.plan.is_some() {
            return;
        }
        let nodes = sealed.pages.iter().flat_map(|page| &page.nodes);
        let plan = PlanSummary {
            digest: sealed.digest,
            page_digests: sealed.page_digests,
            nodes: u32::try_from(nodes.clone().count()).unwrap_or(u32::MAX),
            batches: nodes.map(|node| node.batch + 1).max().unwrap_or_default(),
            planned_at: now,
        };
        run.finalized = true;
        run.status = RunStatus { phase: RunPhase::Planned, plan: Some(plan), ..RunStatus::default() };
        self.snapshot.pages.insert(uid.clone(), (0..).zip(sealed.pages).collect());
    }

    fn run_status(&mut self, name: &str, status: RunStatus) {
        if let Some(run) = self.snapshot.runs.get_mut(name) {
            run.status = status.after(&run.status);
        }
        // What is to be deleted goes once its end is remembered.
        let all = &self.snapshot;
        let goes = |r: &&Remediation| r.deleting && r.is_finished() && is_remembered(all, r);
        let gone: Vec<String> = all.remediations.values().filter(goes).map(|r| r.name.clone()).collect();
        for name in gone {
            self.snapshot.remediations.remove(&name);
        }
    }

    /// Runs that are being deleted go once nothing of them is under way, and take what they own along.
    pub fn collect_garbage(&mut self) {
        let all = &self.snapshot;
        let at_rest = |run: &Run| all.remediations_of(&run.uid).all(Remediation::is_finished);
        let gone = all.runs.values().filter(|run| run.deleting);
        let gone = gone.filter(|run| !run.finalized || (run.status.phase.is_over() && at_rest(run)));
        let gone: Vec<(String, RunUid)> = gone.map(|run| (run.name.clone(), run.uid.clone())).collect();
        for (name, uid) in gone {
            self.snapshot.runs.remove(&name);
            self.snapshot.pages.remove(&uid);
            self.snapshot.remediations.retain(|_, remediation| remediation.run_uid != uid);
        }
    }
}
