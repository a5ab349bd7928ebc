//! The host and its node object: they do what an operation asks, as the executors do.

use std::collections::{BTreeMap, BTreeSet};

use super::world::{BEFORE, TARGET, failure};
use crate::blocker::Blocker;
use crate::cordon::CordonMark;
use crate::drain::{DrainProgress, RemainingPod};
use crate::finding::{CheckResult, CheckState, Severity};
use crate::ids::{BootId, Epoch, IntentId};
use crate::op::{Checked, HostJob, JobExit, JobState, Launch, Op, OpFailure, OpResult, Probe};
use crate::saga::{Journal, StepState};
use crate::time::{Span, Time};

/// One job, as the host remembers it.
#[derive(Debug, Clone)]
struct Job {
    started: Time,
    takes: Span,
    boot: BootId,
    code: i32,
    report: BTreeMap<String, String>,
}

/// The machine, its node object and its pods.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of a small world")]
pub(super) struct Host {
    jobs: BTreeMap<IntentId, Job>,
    pub(super) voided: BTreeSet<IntentId>,
    pub(super) epoch: Epoch,
    pub(super) installs: u32,
    /// What the package database names, and what runs since the last restart.
    pub(super) installed: String,
    pub(super) running: String,
    /// Transactions that went back to the version before.
    pub(super) put_back: u32,
    /// Whether the repository has lost the version before.
    pub(super) version_is_gone: bool,
    /// Whether the transaction ends half way: something was changed, and it is not what was wanted.
    pub(super) install_fails: bool,
    /// Whether a restart does not happen.
    pub(super) reboot_fails: bool,
    pub(super) reboots: u32,
    pub(super) boots: u32,
    pub(super) repaired: bool,
    pub(super) unschedulable: bool,
    pub(super) mark: Option<CordonMark>,
    pub(super) told: bool,
    pub(super) pods: u32,
    /// Effects that were sent, by name.
    pub(super) sent: Vec<&'static str>,
    pub(super) verification_fails: bool,
    pub(super) budget_closed: bool,
    pub(super) annotating_is_forbidden: bool,
    pub(super) uncordoning_is_forbidden: bool,
    pub(super) cordoning_is_forbidden: bool,
    /// What the host answers to every login, if it lets nobody in.
    pub(super) closed: Option<OpFailure>,
    /// Whether a job leaves no exit record.
    pub(super) loses_jobs: bool,
    pub(super) install_takes: Span,
    pub(super) restarts: u32,
    pub(super) restart_takes: Span,
    /// Whether PID 1 hangs, so that no service can be restarted.
    pub(super) pid1_hangs: bool,
}

impl Host {
    pub(super) fn new() -> Self {
        Self { pods: 3, installed: BEFORE.into(), running: BEFORE.into(), ..Self::default() }
    }

    pub(super) fn boot_id(&self) -> BootId {
        BootId(format!("boot-{}", self.boots))
    }

    pub(super) fn perform(&mut self, op: &Op, stored: &Journal, now: Time) -> OpResult {
        match op {
            Op::Check(_) | Op::Launch(_) | Op::Probe(_) if self.closed.is_some() => {
                OpResult::NotDone(self.closed.clone().unwrap())
            }
            Op::Check(_) => self.check(now),
            Op::Launch(launch) => self.launch(launch, stored, now),
            Op::Probe(probe) => self.probe(probe, now),
            Op::Cordon(mark) => {
                assert_eq!(stored.cordon.as_ref(), Some(mark), "a cordon without its intent in etcd");
                self.cordon(mark)
            }
            Op::Uncordon(mark) => self.uncordon(mark),
            Op::Annotate(_) if self.annotating_is_forbidden => OpResult::NotDone(failure("Forbidden", false)),
            Op::Annotate(_) => {
                self.told = true;
                OpResult::Annotated
            }
            Op::Drain(_) => self.drain(),
        }
    }

    fn check(&self, now: Time) -> OpResult {
        let passes = self.repaired && !self.verification_fails;
        let result = CheckResult {
            check: "c".into(),
            state: if passes { CheckState::Pass } else { CheckState::Fail },
            severity: Severity::Error,
            message: "m".into(),
            observed: BTreeMap::new(),
            fingerprint: "f".into(),
            failing_since: None,
            observed_at: now,
        };
        OpResult::Checked(Checked {
            results: vec![result],
            boot_id: Some(self.boot_id()),
            pid1_silent: Some(false),
            runtime_silent: Some(false),
        })
    }

    fn cordon(&mut self, mark: &CordonMark) -> OpResult {
        if self.cordoning_is_forbidden {
            return OpResult::NotDone(failure("Forbidden", false));
        }
        if let Some(found) = &self.mark {
            let same = (&found.remediation, &found.run_uid) == (&mark.remediation, &mark.run_uid);
            return match (same, self.unschedulable) {
                (false, _) => OpResult::NotDone(failure("CordonedByAnother", false)),
                (true, false) => OpResult::NotDone(failure("UncordonedByAnother", false)),
                (true, true) => OpResult::Cordoned(found.clone()),
            };
        }
        self.sent.push("cordon");
        let mark = CordonMark { was_unschedulable: self.unschedulable, ..mark.clone() };
        (self.unschedulable, self.told, self.mark) = (true, true, Some(mark.clone()));
        OpResult::Cordoned(mark)
    }

    fn uncordon(&mut self, mark: &CordonMark) -> OpResult {
        if self.uncordoning_is_forbidden {
            return OpResult::NotDone(failure("Forbidden", false));
        }
        match &self.mark {
            Some(found) if found.remediation != mark.remediation => {
                return OpResult::NotDone(failure("CordonedByAnother", false));
            }
            Some(found) => {
                self.unschedulable &= found.was_unschedulable;
                (self.mark, self.told) = (None, false);
            }
            None => self.told = false,
        }
        OpResult::Uncordoned
    }

    fn drain(&mut self) -> OpResult {
        if !self.unschedulable {
            return OpResult::NotDone(failure("NotCordoned", false));
        }
        self.sent.push("drain");
        let mut progress = DrainProgress::default();
        if self.budget_closed {
            progress.blockers = vec![Blocker::new("PodDisruptionBudget", "pdb/shop/never", "allows none")];
        } else {
            self.pods = self.pods.saturating_sub(1);
        }
        progress.remaining_total = self.pods;
        let pod = |n| RemainingPod { name: format!("shop/p{n}"), grace_ends: None };
        progress.remaining = (0..self.pods).map(pod).collect();
        OpResult::Drained(progress)
    }

    /// Whether the host obeys a later controller; remembers the highest that it has seen.
    fn fenced(&mut self, epoch: Epoch) -> Option<OpResult> {
        let fenced = epoch < self.epoch;
        self.epoch = self.epoch.max(epoch);
        fenced.then(|| OpResult::NotDone(failure("Fenced", false)))
    }

    fn launch(&mut self, launch: &Launch, stored: &Journal, now: Time) -> OpResult {
        let started = |step: &crate::saga::StepRecord| match step.state {
            StepState::Started => step.intent.as_ref() == Some(&launch.intent),
            StepState::UndoStarted => step.undo.as_ref().is_some_and(|undo| undo.intent == launch.intent),
            _ => false,
        };
        assert!(stored.steps.iter().any(started), "an effect without its intent in etcd");
        if let Some(fenced) = self.fenced(launch.epoch) {
            return fenced;
        }
        if self.voided.contains(&launch.intent) {
            return OpResult::NotDone(failure("Voided", true));
        }
        if !self.jobs.contains_key(&launch.intent) {
            let job = self.begin(&launch.job, now);
            self.jobs.insert(launch.intent.clone(), job);
        }
        OpResult::Launched
    }

    fn begin(&mut self, job: &HostJob, now: Time) -> Job {
        let boot = self.boot_id();
        let mut begun = Job { started: now, takes: Span(0), boot, code: 0, report: BTreeMap::new() };
        match job {
            HostJob::PackagePrepare(_) => {
                self.sent.push("prepare");
                begun.report.insert("before".to_owned(), self.installed.clone());
            }
            HostJob::PackageInstall(package) => self.bring_package_to(&package.version, &mut begun),
            HostJob::Reboot(_) => self.reboot(&mut begun),
            HostJob::RestartService(_) => self.restart_service(&mut begun),
        }
        begun
    }

    /// One transaction, there or back.
    fn bring_package_to(&mut self, version: &str, job: &mut Job) {
        assert!(self.unschedulable && self.pods == 0, "the host is changed on a node that serves");
        let there = version == TARGET;
        self.sent.push(if there { "install" } else { "undo" });
        job.takes = self.install_takes;
        if self.installed == version {
            job.report.insert("already".to_owned(), "true".to_owned());
        } else if !there && self.version_is_gone {
            job.code = 1;
            job.report.insert("reason".to_owned(), "NoSuchVersion".to_owned());
        } else if there {
            self.installs += 1;
            (self.repaired, job.code) = (!self.install_fails, i32::from(self.install_fails));
            self.installed = if self.install_fails { "half".to_owned() } else { version.to_owned() };
        } else {
            (self.put_back, self.repaired) = (self.put_back + 1, false);
            version.clone_into(&mut self.installed);
        }
        job.report.insert("installed".to_owned(), self.installed.clone());
    }

    fn reboot(&mut self, job: &mut Job) {
        self.sent.push("reboot");
        if self.reboot_fails {
            job.code = 1;
            return;
        }
        (self.reboots, self.boots) = (self.reboots + 1, self.boots + 1);
        self.running.clone_from(&self.installed);
    }

    fn restart_service(&mut self, job: &mut Job) {
        self.sent.push("restart");
        job.takes = self.restart_takes;
        let report = if self.pid1_hangs {
            job.code = 1;
            vec![("reason", "ManagerSilent"), ("message", "PID 1 hangs")]
        } else {
            (self.restarts, self.repaired) = (self.restarts + 1, true);
            vec![("active", "active"), ("pid-before", "7"), ("pid-after", "8")]
        };
        job.report = report.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    }

    fn probe(&mut self, probe: &Probe, now: Time) -> OpResult {
        if let Some(fenced) = self.fenced(probe.epoch) {
            return fenced;
        }
        OpResult::Job(match self.jobs.get(&probe.intent) {
            None => {
                self.voided.insert(probe.intent.clone());
                JobState::NotStarted { voided: true }
            }
            Some(job) if now.since(job.started) < job.takes => JobState::Running { seconds: 1 },
            Some(_) if self.loses_jobs => JobState::Lost { boot_id: Some(self.boot_id()) },
            Some(job) => JobState::Exited(JobExit {
                code: Some(job.code),
                boot_id_before: job.boot.clone(),
                boot_id_now: self.boot_id(),
                report: job.report.clone(),
                output: String::new(),
            }),
        })
    }
}
