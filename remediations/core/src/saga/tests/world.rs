//! A world in miniature: what etcd has of a saga, what its process knows, and what can go wrong around one look.

use super::host::Host;
use crate::actions::{
    Confirm, Cordon, Do, Drain, PackageInstall, PackagePrepare, Reboot, RestartService, Uncordon, Verify,
    WaitReady,
};
use crate::blocker::Blocker;
use crate::finding::Evidence;
use crate::ids::{Epoch, IntentId};
use crate::op::{Op, OpFailure, OpResult};
use crate::plan::PlannedNode;
use crate::playbook::{Phase, Step, Undo};
use crate::saga::{
    Brief, Journal, Mode, Next, NodeObservation, NodeState, Observation, Stop, awaits_clearance, next,
};
use crate::snapshot::Operation;
use crate::time::{Span, Time};

pub(super) const TARGET: &str = "219-78.el7_9.9";
/// What the host starts with.
pub(super) const BEFORE: &str = "219-62.el7";

/// The saga and all that it sees.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) now: Time,
    pub(super) brief: Brief,
    /// The journal in etcd.
    pub(super) stored: Journal,
    /// The epoch of the process that drives the saga.
    pub(super) epoch: Epoch,
    /// Lost in a crash.
    pub(super) fresh: Option<IntentId>,
    /// Lost in a crash.
    pub(super) answer: Option<OpResult>,
    pub(super) stop: Option<Stop>,
    /// What is in the way of the first disruptive step.
    pub(super) clearance: Vec<Blocker>,
    /// What people said of the node's steps.
    pub(super) resolutions: Vec<Operation>,
    pub(super) host: Host,
    /// Whether the node object is gone.
    pub(super) gone: bool,
    /// What the kubelet reports as boot, if it lags behind the host.
    pub(super) reported_boot: Option<String>,
}

/// What goes wrong around one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Luck {
    Fine,
    /// The controller dies before it asks what comes next; another starts, with a higher epoch.
    Crash,
    /// The operation is not sent.
    NotSent,
    /// The operation happens and its answer is lost.
    AnswerLost,
    /// The journal is not written.
    WriteLost,
    /// The journal is written and nobody hears of it.
    WriteUnheard,
}

fn step(name: &str, phase: Phase, action: Do) -> Step {
    Step { name: name.into(), phase, action, timeout: None, undo: None }
}

fn brief() -> Brief {
    let (name, version, allow) = ("systemd".to_owned(), TARGET.to_owned(), Vec::new());
    let prepare = PackagePrepare { name: name.clone(), version: version.clone(), allow: allow.clone() };
    Brief {
        remediation: "r-1".into(),
        uid: "uid-1".into(),
        run: "run".into(),
        run_uid: "run-uid".into(),
        pool: "web".into(),
        playbook: "upgrade-systemd".into(),
        node: planned(),
        steps: vec![
            step("confirm", Phase::Prepare, Do::Confirm(Confirm {})),
            step("prepare", Phase::Prepare, Do::PackagePrepare(prepare)),
            step("cordon", Phase::Disrupt, Do::Cordon(Cordon {})),
            step("drain", Phase::Disrupt, Do::Drain(Drain::default())),
            step("install", Phase::Repair, Do::PackageInstall(PackageInstall { name, version, allow })),
            step("reboot", Phase::Repair, Do::Reboot(Reboot { grace: Span::minutes(2) })),
            step("ready", Phase::Verify, Do::WaitReady(WaitReady { soak: Span::seconds(5) })),
            step("verify", Phase::Verify, Do::Verify(Verify::default())),
            step("uncordon", Phase::Release, Do::Uncordon(Uncordon {})),
        ],
        drain_rules: Vec::new(),
    }
}

fn planned() -> PlannedNode {
    let evidence = Evidence { check: "c".into(), fingerprint: "f".into(), message: "m".into(), since: None };
    PlannedNode {
        name: "n".into(),
        uid: "n-uid".into(),
        provider_id: None,
        evidence: vec![evidence],
        batch: 0,
    }
}

pub(super) fn failure(reason: &str, retryable: bool) -> OpFailure {
    OpFailure { reason: reason.into(), message: reason.into(), retryable }
}

pub(super) fn hold() -> Stop {
    Stop { blocker: Blocker::new("Hold", "hold/h", "held"), abort: false }
}

pub(super) fn abort() -> Stop {
    Stop { blocker: Blocker::new("Aborted", "repairrun/run", "aborted"), abort: true }
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            now: Time(1_000_000),
            brief: brief(),
            stored: Journal::default(),
            epoch: 1,
            fresh: None,
            answer: None,
            stop: None,
            clearance: Vec::new(),
            resolutions: Vec::new(),
            host: Host::new(),
            gone: false,
            reported_boot: None,
        }
    }

    /// The saga of a playbook that says of each step that it is put back.
    pub(super) fn undoable() -> Self {
        let mut world = Self::new();
        for step in world.brief.steps.iter_mut().filter(|step| step.action.action().disruptive()) {
            step.undo = Some(Undo::Restore);
        }
        world
    }

    /// The saga of a service that is restarted, without a cordon or with one around it.
    pub(super) fn of_service(cordoned: bool) -> Self {
        let unit = "kubelet.service".to_owned();
        let mut steps = vec![
            step("confirm", Phase::Prepare, Do::Confirm(Confirm {})),
            step(
                "restart",
                Phase::Repair,
                Do::RestartService(RestartService { unit, limit: Span::minutes(4) }),
            ),
            step("ready", Phase::Verify, Do::WaitReady(WaitReady { soak: Span::seconds(5) })),
            step("verify", Phase::Verify, Do::Verify(Verify::default())),
        ];
        if cordoned {
            steps.insert(1, step("cordon", Phase::Disrupt, Do::Cordon(Cordon {})));
            steps.push(step("uncordon", Phase::Release, Do::Uncordon(Uncordon {})));
        }
        let mut world = Self::new();
        world.brief.steps = steps;
        world
    }

    pub(super) fn seen(&self) -> Observation {
        Observation {
            epoch: self.epoch,
            node: if self.gone { NodeObservation::Absent } else { NodeObservation::Live(self.node()) },
            stop: self.stop.clone(),
            clearance: Some(self.clearance.clone()),
            resolutions: self.resolutions.clone(),
            fresh: self.fresh.clone(),
            result: self.answer.clone(),
        }
    }

    fn node(&self) -> NodeState {
        NodeState {
            uid: "n-uid".into(),
            unschedulable: self.host.unschedulable,
            cordon: self.host.mark.clone(),
            told: self.host.told,
            ready: Some(true),
            ready_since: Some(Time(0)),
            boot_id: self.reported_boot.as_deref().map_or_else(|| self.host.boot_id(), Into::into),
        }
    }

    /// One look, and what comes of it. False once it is over.
    pub(super) fn look(&mut self, luck: Luck) -> bool {
        if luck == Luck::Crash {
            (self.fresh, self.answer) = (None, None);
            self.epoch += 1;
        }
        match next(&self.brief, &self.stored, &self.seen(), self.now) {
            Next::Finish => return false,
            Next::Write(journal) => self.write(*journal, luck),
            Next::Do(op) => self.send(&op, luck),
            Next::Wait { after, note } => {
                if let Some(journal) = note.filter(|_| luck != Luck::WriteLost) {
                    self.stored = *journal;
                }
                (self.fresh, self.answer) = (None, None);
                self.now = self.now.after(after);
            }
        }
        self.now = self.now.after(Span(100));
        true
    }

    fn write(&mut self, journal: Journal, luck: Luck) {
        (self.answer, self.fresh) = (None, None);
        if luck == Luck::WriteLost {
            return;
        }
        assert_eq!(journal.epoch, self.epoch, "every write carries the writer's own epoch");
        let (old, new) = (self.stored.intent().cloned(), journal.intent().cloned());
        self.stored = journal;
        self.fresh = new.filter(|_| luck != Luck::WriteUnheard).filter(|new| old.as_ref() != Some(new));
    }

    fn send(&mut self, op: &Op, luck: Luck) {
        if luck == Luck::NotSent {
            self.answer = Some(OpResult::NotDone(failure("ConnectionRefused", true)));
            return;
        }
        let answer = self.host.perform(op, &self.stored, self.now);
        self.answer = Some(match (luck, op) {
            (Luck::AnswerLost, Op::Probe(_) | Op::Check(_)) => OpResult::NotDone(failure("TimedOut", true)),
            (Luck::AnswerLost, _) => OpResult::Unknown(failure("TimedOut", true)),
            _ => answer,
        });
    }

    /// Looks until it is over or held; bad luck first.
    pub(super) fn run(&mut self, luck: &[Luck]) {
        let mut luck = luck.iter().copied();
        for _ in 0..5000 {
            if !self.look(luck.next().unwrap_or(Luck::Fine)) || self.stored.mode == Mode::Held {
                return;
            }
        }
        panic!("does not come to an end: {:?}", self.stored);
    }

    /// Looks until the effect `name` has been sent.
    pub(super) fn run_to(&mut self, name: &str) {
        for _ in 0..5000 {
            if self.host.sent.last() == Some(&name) {
                return;
            }
            self.look(Luck::Fine);
        }
        panic!("{name} is never sent: {:?}", self.stored);
    }

    /// Looks until nothing but clearance is missing for the first disruptive step.
    pub(super) fn run_to_clearance(&mut self) {
        for _ in 0..5000 {
            if awaits_clearance(&self.brief, &self.stored) {
                return;
            }
            self.look(Luck::Fine);
        }
        panic!("never comes to its first disruptive step: {:?}", self.stored);
    }

    /// How it ended, and the word for why.
    pub(super) fn end(&self) -> (Mode, Option<crate::saga::Outcome>, &str) {
        (self.stored.mode, self.stored.outcome, self.stored.reason.as_deref().unwrap_or_default())
    }
}
