//! Grants in the simulated cluster: Remediations as the shipped rules let live state have them, then guard, then pool.
//!
//! Each write stands alone, so that a schedule can cut a controller off between any two of them, or have another one
//! act there.

use std::collections::{BTreeMap, BTreeSet};

use super::course::{Course, Shape};
use super::life::{Repair, Stage};
use super::world::{Due, What, World};
use crate::budget::{Grant, Rate, Starts};
use crate::decide::{Lacking, allowed, lacking};
use crate::ids::{Epoch, RunUid, remediation_name};
use crate::plan::PlannedNode;
use crate::saga::{Mode, STOPPED};
use crate::snapshot::{Remediation, Run, is_granted};
use crate::time::Time;

/// Who writes, and how far it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Writer {
    /// The epoch that it took.
    pub epoch: Epoch,
    /// What its clock says.
    pub now: Time,
    /// After which write it is cut off.
    pub cut: Cut,
}

/// Where a controller is cut off while it grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cut {
    /// Nowhere.
    Never,
    /// After the Remediations were created.
    AfterRemediations,
    /// After the guard's grants were written.
    AfterGuard,
}

/// What is asked for, as [`crate::decide::Decision::Grant`] has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Name of the run.
    pub run: String,
    /// UID of the run.
    pub run_uid: RunUid,
    /// Name of the pool.
    pub pool: String,
    /// The nodes, with the page of each.
    pub nodes: Vec<(u32, PlannedNode)>,
}

impl World {
    /// Those of the nodes that live state allows, to this writer.
    pub fn allowed(&self, wanted: Wanted, writer: Writer) -> Wanted {
        let ours = self.snapshot.guard.as_ref().is_some_and(|guard| guard.epoch == writer.epoch);
        let run = self.snapshot.runs.get(&wanted.run);
        let run = run.filter(|run| ours && run.uid == wanted.run_uid && !run.deleting);
        let run = run.filter(|run| !run.status.phase.is_over());
        let nodes = run.map(|run| allowed(&self.snapshot, run, wanted.nodes, writer.now)).unwrap_or_default();
        Wanted { nodes, run: wanted.run, run_uid: wanted.run_uid, pool: wanted.pool }
    }

    /// Creates the Remediations; one that is there already stays as it is.
    pub fn create(&mut self, asked: &Wanted) {
        let header = self.snapshot.pages.get(&asked.run_uid).and_then(|pages| pages.get(&0)?.header.as_ref());
        let shape = header.map_or(Shape { cordons: true, reboots: true }, |header| Shape::of(&header.steps));
        for (_, node) in &asked.nodes {
            let name = remediation_name(&asked.run_uid, &node.uid);
            if self.snapshot.remediations.contains_key(&name) {
                continue;
            }
            let remediation = Remediation {
                deleting: false,
                name: name.clone(),
                uid: self.fresh("remediation"),
                run: asked.run.clone(),
                run_uid: asked.run_uid.clone(),
                pool: asked.pool.clone(),
                node: node.name.clone(),
                node_uid: node.uid.clone(),
                checks: node.checks().cloned().collect(),
                journal: None,
            };
            self.begin(&remediation, node, shape);
            self.snapshot.remediations.insert(name, remediation);
        }
    }

    fn begin(&mut self, remediation: &Remediation, node: &PlannedNode, shape: Shape) {
        let mut course = Course::draw(&self.settings, &node.uid, shape);
        course.fate = self.fates.get(&node.name).copied().unwrap_or(course.fate);
        let repair = Repair {
            node: node.name.clone(),
            node_uid: node.uid.clone(),
            run: remediation.run.clone(),
            run_uid: remediation.run_uid.clone(),
            pool: remediation.pool.clone(),
            planned: node.clone(),
            granted: false,
            deleting: false,
            stage: Stage::Waiting,
            until: Time(i64::MIN),
            course,
            shape,
            cordon: None,
        };
        self.repairs.insert(remediation.name.clone(), repair);
        self.lacking.insert(remediation.name.clone());
        self.join(&node.name);
    }

    /// Writes the grants that unfinished Remediations lack, of whomever they are, as far as there is room for them.
    pub fn complete_grants(&mut self, writer: Writer) {
        let ours = self.snapshot.guard.as_ref().is_some_and(|guard| guard.epoch == writer.epoch);
        if self.lacking.is_empty() || !ours || writer.cut == Cut::AfterRemediations {
            return;
        }
        self.see_grants();
        let wanted = self.wanted(writer.now);
        if let Some(guard) = &mut self.snapshot.guard {
            let rate = guard.budget.as_ref().and_then(|budget| budget.rate.as_ref());
            add_missing(&mut guard.grants, &mut guard.starts, rate, &wanted, writer.now);
        }
        if writer.cut == Cut::AfterGuard {
            return;
        }
        let mut by_pool: BTreeMap<&str, Vec<Grant>> = BTreeMap::new();
        for grant in &wanted {
            by_pool.entry(&grant.pool).or_default().push(grant.clone());
        }
        for (name, wanted) in by_pool {
            if let Some(pool) = self.snapshot.pools.get_mut(name) {
                add_missing(
                    &mut pool.grants,
                    &mut pool.starts,
                    pool.budget.rate.as_ref(),
                    &wanted,
                    writer.now,
                );
            }
        }
        self.see_grants();
    }

    /// Repairs begin once both of their grants stand, whichever write brought the second one.
    fn see_grants(&mut self) {
        let all = &self.snapshot;
        let of_guard = all.guard.as_ref().map(|guard| names(&guard.grants)).unwrap_or_default();
        let of_pools: BTreeMap<&str, BTreeSet<&str>> =
            all.pools.iter().map(|(name, pool)| (name.as_str(), names(&pool.grants))).collect();
        let stands = |name: &&String| {
            let pool = all.remediations.get(*name).and_then(|r| of_pools.get(r.pool.as_str()));
            of_guard.contains(name.as_str()) && pool.is_some_and(|pool| pool.contains(name.as_str()))
        };
        let granted: Vec<String> = self.lacking.iter().filter(stands).cloned().collect();
        for name in granted {
            self.granted(&name);
        }
    }

    /// The grants that there is room for; what may never have one is taken away.
    fn wanted(&mut self, now: Time) -> Vec<Grant> {
        // Live reads leave out runs that are over.
        let (over, open) = std::mem::take(&mut self.snapshot.runs)
            .into_iter()
            .partition(|(_, run): &(String, Run)| run.status.phase.is_over());
        self.snapshot.runs = open;
        let answers = lacking(&self.snapshot, now);
        self.snapshot.runs.extend::<BTreeMap<_, _>>(over);
        let mut wanted = Vec::new();
        for (name, answer) in answers {
            match answer {
                Lacking::Complete => wanted.extend(self.grant_of(&name, now)),
                Lacking::Wait => {}
                Lacking::Withdraw(_) => {
                    if let Some(repair) = self.repairs.get_mut(&name) {
                        repair.deleting = true;
                        self.queue.push(self.now, Due::Repair(name));
                    }
                }
            }
        }
        wanted
    }

    fn granted(&mut self, name: &str) {
        self.lacking.remove(name);
        if let Some(repair) = self.repairs.get_mut(name) {
            repair.granted = true;
            let node = self.snapshot.nodes.get(&repair.node).filter(|node| node.uid == repair.node_uid);
            let available = node.is_some_and(crate::snapshot::Node::is_available);
            self.tell(name, What::Granted { available });
            self.queue.push(self.now, Due::Repair(name.to_owned()));
        }
    }

    fn grant_of(&self, name: &str, now: Time) -> Option<Grant> {
        let remediation = self.snapshot.remediations.get(name)?;
        let zone = self.snapshot.nodes.get(&remediation.node).map(|node| node.zone().to_owned());
        Some(Grant {
            remediation: name.to_owned(),
            node_uid: remediation.node_uid.clone(),
            node: remediation.node.0.clone(),
            zone: zone.filter(|zone| !zone.is_empty()),
            pool: remediation.pool.clone(),
            run_uid: remediation.run_uid.clone(),
            at: now,
        })
    }

    /// Gives grants back, pool first, of Remediations that live state shows as over or absent.
    pub fn release(&mut self, grants: &[Grant]) {
        let live = &self.snapshot.remediations;
        let over = |name: &str| live.get(name).is_none_or(Remediation::is_finished);
        let names = grants.iter().map(|grant| grant.remediation.as_str()).filter(|name| over(name));
        let names: BTreeSet<String> = names.map(str::to_owned).collect();
        let of_pools: BTreeSet<&str> = grants.iter().map(|grant| grant.pool.as_str()).collect();
        for name in of_pools {
            if let Some(pool) = self.snapshot.pools.get_mut(name) {
                pool.grants.retain(|grant| !names.contains(&grant.remediation));
            }
        }
        if let Some(guard) = &mut self.snapshot.guard {
            guard.grants.retain(|grant| !names.contains(&grant.remediation));
        }
    }

    /// Takes over the unfinished repairs that the world begins with, as far as their journals say where they are.
    pub(super) fn adopt(&mut self) {
        let unfinished: Vec<Remediation> =
            self.snapshot.remediations.values().filter(|r| !r.is_finished()).cloned().collect();
        for remediation in unfinished {
            let node = self.planned(&remediation);
            self.begin(&remediation, &node, Shape { cordons: true, reboots: true });
            let granted = is_granted(&self.snapshot, &remediation.name, &remediation.pool);
            let journal = remediation.journal.clone().unwrap_or_default();
            if granted {
                self.lacking.remove(&remediation.name);
            }
            if let Some(repair) = self.repairs.get_mut(&remediation.name) {
                repair.granted = granted;
                repair.cordon = journal.cordon.map(|mark| mark.was_unschedulable);
                repair.until = self.now.after(repair.course.repair);
                repair.stage = match (journal.mode, repair.cordon) {
                    (Mode::Held | Mode::Holding, _) => {
                        Stage::Held { by_stop: journal.reason.as_deref() == Some(STOPPED) }
                    }
                    (_, Some(_)) => Stage::Repairing,
                    (_, None) => Stage::Waiting,
                };
                let at = if repair.stage == Stage::Repairing { repair.until } else { self.now };
                self.queue.push(at, Due::Repair(remediation.name.clone()));
            }
        }
    }

    fn planned(&self, remediation: &Remediation) -> PlannedNode {
        let pages = self.snapshot.pages.get(&remediation.run_uid).into_iter().flatten();
        let planned = pages.flat_map(|(_, page)| &page.nodes).find(|node| node.uid == remediation.node_uid);
        planned.cloned().unwrap_or_else(|| PlannedNode {
            name: remediation.node.clone(),
            uid: remediation.node_uid.clone(),
            provider_id: None,
            evidence: Vec::new(),
            batch: 0,
        })
    }
}

/// The Remediations that hold these grants.
fn names(grants: &[Grant]) -> BTreeSet<&str> {
    grants.iter().map(|grant| grant.remediation.as_str()).collect()
}

fn add_missing(
    grants: &mut Vec<Grant>,
    starts: &mut Starts,
    rate: Option<&Rate>,
    wanted: &[Grant],
    now: Time,
) {
    let known = names(grants);
    let missing = wanted.iter().filter(|grant| !known.contains(grant.remediation.as_str()));
    let missing: Vec<Grant> = missing.cloned().collect();
    let before = grants.len();
    grants.extend(missing);
    if grants.len() > before {
        starts.note(u32::try_from(grants.len() - before).unwrap_or(u32::MAX), rate, now);
    }
}
