//! A world in miniature, and sagas that are cut off anywhere in it: nothing is done twice, nothing is left behind.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::actions::{
    Confirm, Cordon, Do, Drain, PackageInstall, PackagePrepare, Reboot, Uncordon, Verify, WaitReady,
};
use crate::blocker::Blocker;
use crate::cordon::CordonMark;
use crate::drain::{DrainProgress, RemainingPod};
use crate::finding::{CheckResult, CheckState, Evidence, Severity};
use crate::ids::{BootId, IntentId};
use crate::op::{Checked, HostJob, JobExit, JobState, Op, OpFailure, OpResult};
use crate::plan::PlannedNode;
use crate::playbook::{Phase, Step};
use crate::time::{Span, Time};

const TARGET: &str = "219-78.el7_9.9";

/// The host, the node object, and what etcd has of the saga.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of a small world")]
struct World {
    now: Time,
    stored: Journal,
    /// Lost in a crash.
    fresh: Option<IntentId>,
    /// Lost in a crash.
    answer: Option<OpResult>,
    jobs: BTreeMap<IntentId, JobExit>,
    voided: BTreeSet<IntentId>,
    installs: u32,
    reboots: u32,
    boots: u32,
    repaired: bool,
    unschedulable: bool,
    mark: Option<CordonMark>,
    pods: u32,
    stop: Option<Stop>,
    /// Effects that were sent, by name.
    sent: Vec<&'static str>,
    verification_fails: bool,
    budget_closed: bool,
}

/// What goes wrong around one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Luck {
    Fine,
    /// The controller dies before it asks what comes next.
    Crash,
    /// The operation is not sent.
    NotSent,
    /// The operation happens and its answer is lost.
    AnswerLost,
    /// The journal is written and the controller dies.
    CrashAfterWrite,
}

fn brief() -> Brief {
    let package = |prepare| -> Do {
        let (name, version, allow) = ("systemd".to_owned(), TARGET.to_owned(), Vec::new());
        if prepare {
            Do::PackagePrepare(PackagePrepare { name, version, allow })
        } else {
            Do::PackageInstall(PackageInstall { name, version, allow })
        }
    };
    let step =
        |name: &str, phase, action| Step { name: name.into(), phase, action, timeout: None, undo: None };
    let evidence = Evidence { check: "c".into(), fingerprint: "f".into(), message: "m".into(), since: None };
    Brief {
        remediation: "r-1".into(),
        uid: "uid-1".into(),
        run: "run".into(),
        run_uid: "run-uid".into(),
        pool: "web".into(),
        node: PlannedNode {
            name: "n".into(),
            uid: "n-uid".into(),
            provider_id: None,
            evidence: vec![evidence],
            batch: 0,
        },
        steps: vec![
            step("confirm", Phase::Prepare, Do::Confirm(Confirm {})),
            step("prepare", Phase::Prepare, package(true)),
            step("cordon", Phase::Disrupt, Do::Cordon(Cordon {})),
            step("drain", Phase::Disrupt, Do::Drain(Drain::default())),
            step("install", Phase::Repair, package(false)),
            step("reboot", Phase::Repair, Do::Reboot(Reboot { grace: Span::minutes(2) })),
            step("ready", Phase::Verify, Do::WaitReady(WaitReady { soak: Span::seconds(5) })),
            step("verify", Phase::Verify, Do::Verify(Verify::default())),
            step("uncordon", Phase::Release, Do::Uncordon(Uncordon {})),
        ],
        drain_rules: Vec::new(),
    }
}

fn failure(reason: &str, retryable: bool) -> OpFailure {
    OpFailure { reason: reason.into(), message: reason.into(), retryable }
}

impl World {
    fn new() -> Self {
        Self { pods: 3, now: Time(1_000_000), ..Self::default() }
    }

    fn boot_id(&self) -> BootId {
        BootId(format!("boot-{}", self.boots))
    }

    fn seen(&self) -> Observation {
        Observation {
            epoch: 1,
            node: NodeObservation::Live(NodeState {
                uid: "n-uid".into(),
                unschedulable: self.unschedulable,
                cordon: self.mark.clone(),
                ready: Some(true),
                ready_since: Some(Time(0)),
                boot_id: self.boot_id(),
            }),
            stop: self.stop.clone(),
            fresh: self.fresh.clone(),
            result: self.answer.clone(),
        }
    }

    /// One question to `next`, and what comes of it. False once it is over.
    fn step(&mut self, brief: &Brief, luck: Luck) -> bool {
        if luck == Luck::Crash {
            (self.fresh, self.answer) = (None, None);
        }
        let next = next(brief, &self.stored, &self.seen(), self.now);
        match next {
            Next::Finish => return false,
            Next::Write(journal) => self.write(*journal, luck),
            Next::Do(op) => self.send(&op, luck),
            Next::Wait { after, note } => {
                if let Some(journal) = note {
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
        let intent = |j: &Journal| j.current().and_then(|i| j.steps.get(i)).and_then(|s| s.intent.clone());
        let (old, new) = (intent(&self.stored), intent(&journal));
        self.stored = journal;
        self.answer = None;
        self.fresh = if luck == Luck::CrashAfterWrite || old == new { None } else { new };
    }

    fn send(&mut self, op: &Op, luck: Luck) {
        if luck == Luck::NotSent {
            self.answer = Some(OpResult::NotDone(failure("ConnectionRefused", true)));
            return;
        }
        let answer = self.perform(op);
        self.answer = Some(match (luck, op) {
            (Luck::AnswerLost, Op::Probe(_) | Op::Check(_)) => OpResult::NotDone(failure("TimedOut", true)),
            (Luck::AnswerLost, _) => OpResult::Unknown(failure("TimedOut", true)),
            _ => answer,
        });
    }

    fn perform(&mut self, op: &Op) -> OpResult {
        match op {
            Op::Check(_) => self.check(),
            Op::Launch(launch) => self.launch(&launch.intent, &launch.job),
            Op::Probe(probe) => OpResult::Job(self.probe(&probe.intent)),
            Op::Cordon(mark) => {
                self.sent.push("cordon");
                if self.mark.is_none() {
                    self.mark = Some(CordonMark { was_unschedulable: self.unschedulable, ..mark.clone() });
                    self.unschedulable = true;
                }
                OpResult::Cordoned(self.mark.clone().unwrap())
            }
            Op::Uncordon(_) => {
                if let Some(mark) = self.mark.take() {
                    self.unschedulable = mark.was_unschedulable;
                }
                OpResult::Uncordoned
            }
            Op::Annotate(_) => OpResult::Annotated,
            Op::Drain(_) => self.drain(),
        }
    }

    fn check(&self) -> OpResult {
        let state =
            if self.repaired && !self.verification_fails { CheckState::Pass } else { CheckState::Fail };
        let result = CheckResult {
            check: "c".into(),
            state,
            severity: Severity::Error,
            message: "m".into(),
            observed: BTreeMap::new(),
            fingerprint: "f".into(),
            failing_since: None,
            observed_at: self.now,
        };
        OpResult::Checked(Checked {
            results: vec![result],
            boot_id: Some(self.boot_id()),
            pid1_silent: Some(false),
        })
    }

    fn launch(&mut self, intent: &IntentId, job: &HostJob) -> OpResult {
        let written = self.stored.steps.iter().any(|step| step.intent.as_ref() == Some(intent));
        assert!(written, "an effect without its intent in etcd");
        if self.voided.contains(intent) {
            return OpResult::NotDone(failure("Voided", true));
        }
        if self.jobs.contains_key(intent) {
            return OpResult::Launched;
        }
        let before = self.boot_id();
        let mut report = BTreeMap::new();
        match job {
            HostJob::PackagePrepare(_) => self.sent.push("prepare"),
            HostJob::PackageInstall(_) => {
                self.sent.push("install");
                assert!(self.unschedulable && self.pods == 0, "the host is changed on a node that serves");
                (self.installs, self.repaired) = (self.installs + 1, true);
                report.insert("installed".to_owned(), TARGET.to_owned());
            }
            HostJob::Reboot(_) => {
                self.sent.push("reboot");
                (self.reboots, self.boots) = (self.reboots + 1, self.boots + 1);
            }
        }
        let exit = JobExit {
            code: Some(0),
            boot_id_before: before.clone(),
            boot_id_now: before,
            report,
            output: String::new(),
        };
        self.jobs.insert(intent.clone(), exit);
        OpResult::Launched
    }

    fn probe(&mut self, intent: &IntentId) -> JobState {
        if let Some(exit) = self.jobs.get(intent) {
            return JobState::Exited(JobExit { boot_id_now: self.boot_id(), ..exit.clone() });
        }
        self.voided.insert(intent.clone());
        JobState::NotStarted { voided: true }
    }

    fn drain(&mut self) -> OpResult {
        self.sent.push("drain");
        let mut progress = DrainProgress::default();
        if self.budget_closed {
            progress.blockers = vec![Blocker::new("PodDisruptionBudget", "pdb/shop/never", "allows none")];
        } else {
            self.pods = self.pods.saturating_sub(1);
        }
        progress.remaining_total = self.pods;
        progress.remaining =
            (0..self.pods).map(|n| RemainingPod { name: format!("p{n}"), grace_ends: None }).collect();
        OpResult::Drained(progress)
    }

    fn run(&mut self, luck: &[Luck]) {
        let brief = brief();
        let mut luck = luck.iter().copied();
        for _ in 0..3000 {
            if !self.step(&brief, luck.next().unwrap_or(Luck::Fine)) || self.stored.mode == Mode::Held {
                return;
            }
        }
        panic!("does not come to an end: {:?}", self.stored);
    }
}

fn luck() -> impl Strategy<Value = Vec<Luck>> {
    let one = prop_oneof![
        6 => Just(Luck::Fine),
        2 => Just(Luck::Crash),
        1 => Just(Luck::NotSent),
        1 => Just(Luck::AnswerLost),
        1 => Just(Luck::CrashAfterWrite),
    ];
    prop::collection::vec(one, 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// SAFETY 1: whatever is lost, and however often the controller dies.
    #[test]
    fn nothing_happens_twice_and_nothing_is_left_behind(luck in luck(), cordoned_before: bool) {
        let mut world = World::new();
        world.unschedulable = cordoned_before;
        world.run(&luck);
        prop_assert!(world.installs <= 1 && world.reboots <= 1, "{:?}", world.sent);
        match world.stored.outcome {
            Some(Outcome::Repaired) => prop_assert!(world.repaired && world.reboots == 1),
            // Bad luck may exhaust the attempts at a job; never silently.
            Some(Outcome::Failed) => prop_assert!(world.installs == 0),
            _ => prop_assert_eq!(world.stored.mode, Mode::Held),
        }
        if world.stored.is_finished() {
            prop_assert_eq!(world.unschedulable, cordoned_before, "left as it was found");
            prop_assert!(world.mark.is_none());
        }
    }

    /// SAFETY 12: after a stop is seen nothing but giving back happens, and lifting it lets the repair end.
    #[test]
    fn a_stop_at_any_moment_starts_nothing_more(steps in 0_usize..60) {
        let (mut world, brief) = (World::new(), brief());
        for _ in 0..steps {
            world.step(&brief, Luck::Fine);
        }
        let over = world.stored.is_finished();
        world.stop = Some(Stop { blocker: Blocker::new("Hold", "hold/h", "held"), abort: false });
        let sent = world.sent.len();
        for _ in 0..60 {
            world.step(&brief, Luck::Fine);
        }
        prop_assert_eq!(world.sent.len(), sent, "{:?}", &world.sent);
        // A repair whose last step was over may be called so.
        let all_done = world.stored.current().is_none();
        prop_assert!(over || all_done || !world.stored.is_finished());
        let changed = world.installs > 0;
        prop_assert!(over || changed || world.mark.is_none(), "an unchanged host is given back");
        world.stop = None;
        for _ in 0..400 {
            world.step(&brief, Luck::Fine);
        }
        prop_assert_eq!(world.stored.outcome, Some(Outcome::Repaired));
        prop_assert!(world.installs == 1 && world.reboots == 1 && !world.unschedulable);
    }
}

#[test]
fn a_repair_without_mishap() {
    let mut world = World::new();
    world.run(&[]);
    assert_eq!(world.stored.outcome, Some(Outcome::Repaired));
    assert_eq!(world.sent, ["prepare", "cordon", "drain", "drain", "drain", "install", "reboot"]);
}

#[test]
fn a_budget_that_never_allows_is_named_and_the_cordon_lifted() {
    let mut world = World { budget_closed: true, ..World::new() };
    world.run(&[]);
    assert_eq!(world.stored.outcome, Some(Outcome::Failed));
    assert_eq!(world.stored.reason.as_deref(), Some("PodDisruptionBudget"));
    assert!(world.stored.message.unwrap().contains("pdb/shop/never"));
    assert!(!world.unschedulable && world.installs == 0);
}

#[test]
fn a_failed_verification_holds_the_node_and_says_how_to_go_on() {
    let mut world = World { verification_fails: true, ..World::new() };
    world.run(&[]);
    assert_eq!((world.stored.mode, world.stored.reason.as_deref()), (Mode::Held, Some("VerificationFailed")));
    assert!(world.unschedulable, "stays cordoned");
    assert!(world.stored.blockers[0].next.contains("kubectl uncordon n"), "{:?}", world.stored.blockers);
}

#[test]
fn a_finding_that_has_gone_is_cleared_untouched() {
    let mut world = World { repaired: true, ..World::new() };
    world.run(&[]);
    assert_eq!((world.stored.outcome, world.sent.len()), (Some(Outcome::Cleared), 0));
}

#[test]
fn a_cordon_lifted_by_somebody_else_is_a_takeover() {
    let (mut world, brief) = (World { budget_closed: true, ..World::new() }, brief());
    while world.sent.last() != Some(&"drain") {
        world.step(&brief, Luck::Fine);
    }
    (world.unschedulable, world.mark) = (false, None);
    world.run(&[]);
    assert_eq!((world.stored.mode, world.stored.reason.as_deref()), (Mode::Held, Some("HumanTakeover")));
    assert!(!world.unschedulable, "hands off");
}

#[test]
fn an_abort_gives_an_unchanged_node_back_for_good() {
    let (mut world, brief) = (World { budget_closed: true, ..World::new() }, brief());
    while world.sent.last() != Some(&"drain") {
        world.step(&brief, Luck::Fine);
    }
    world.stop = Some(Stop { blocker: Blocker::new("Aborted", "repairrun/run", "aborted"), abort: true });
    world.run(&[]);
    assert_eq!((world.stored.outcome, world.unschedulable), (Some(Outcome::Skipped), false));
}

#[test]
fn a_journal_of_a_later_epoch_is_left_alone() {
    let mut world = World::new();
    world.stored.epoch = 2;
    assert!(matches!(next(&brief(), &world.stored, &world.seen(), world.now), Next::Wait { note: None, .. }));
}

#[test]
fn another_machine_under_the_same_name_is_not_touched() {
    let world = World::new();
    let mut brief = brief();
    brief.node.uid = "older".into();
    let Next::Write(journal) = next(&brief, &world.stored, &world.seen(), world.now) else { panic!() };
    assert_eq!(journal.outcome, Some(Outcome::Replaced));
}

#[test]
fn a_machine_that_goes_down_and_lets_nobody_in_is_looked_at_again() {
    let (mut world, brief) = (World::new(), brief());
    while world.sent.last() != Some(&"reboot") {
        world.step(&brief, Luck::Fine);
    }
    // Twice in a row: the looks after the launch find a closed door.
    for _ in 0..2 {
        world.step(&brief, Luck::Fine);
        world.answer = Some(OpResult::NotDone(failure("AuthenticationFailed", false)));
        world.fresh = None;
    }
    world.run(&[]);
    assert_eq!((world.stored.outcome, world.reboots), (Some(Outcome::Repaired), 1));
}

#[test]
fn a_held_node_is_ended_by_a_person_and_left_as_it_is() {
    let mut world = World { verification_fails: true, ..World::new() };
    world.run(&[]);
    assert_eq!(world.stored.mode, Mode::Held);
    world.stop =
        Some(Stop { blocker: Blocker::new("Deleted", "remediation/r-1", "is being deleted"), abort: true });
    assert!(world.step(&brief(), Luck::Fine));
    assert_eq!(world.stored.outcome, Some(Outcome::Failed));
    assert!(world.unschedulable && world.mark.is_some(), "still counts as unavailable");
}

#[test]
fn time_spent_held_does_not_count_against_a_step() {
    let (mut world, brief) = (World::new(), brief());
    while world.stored.step("ready").is_none_or(|step| step.state != StepState::Started) {
        world.step(&brief, Luck::Fine);
    }
    world.stop = Some(Stop { blocker: Blocker::new("Hold", "hold/h", "held"), abort: false });
    while world.stored.mode != Mode::Held {
        world.step(&brief, Luck::Fine);
    }
    world.now = world.now.after(Span::minutes(60));
    world.stop = None;
    for _ in 0..100 {
        world.step(&brief, Luck::Fine);
    }
    assert_eq!(world.stored.outcome, Some(Outcome::Repaired));
}
