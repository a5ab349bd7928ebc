//! One machine, by the rules of the program on the host: an intent starts once, a lower epoch is refused, a look can void.

use std::collections::{BTreeMap, BTreeSet};

use nodemend_core::finding::{CheckResult, CheckState, Severity};
use nodemend_core::ids::{Epoch, IntentId, NodeName};
use nodemend_core::op::{Checked, HostJob, JobExit, JobState, Launch, OpFailure, OpResult, Probe};

use super::bug::Bug;
use super::invariant::Invariant;
use super::setting::{NOW, TARGET, boot};

/// What a job does to the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Work {
    /// A package transaction.
    Install,
    /// A restart.
    Reboot,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Progress {
    /// On record; its process has not begun and may still find itself voided.
    Accepted,
    /// At work.
    Running,
    /// Over, with an exit record or the restart that it asked for.
    Exited,
    /// Cut off by a restart that it did not ask for.
    Lost,
}

/// One job, as the host remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Job {
    work: Work,
    epoch: Epoch,
    boots: u8,
    progress: Progress,
}

/// The machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Host {
    /// The highest epoch that it has seen.
    pub epoch: Epoch,
    /// Jobs by intent.
    pub jobs: BTreeMap<IntentId, Job>,
    /// Intents that never start.
    pub voided: BTreeSet<IntentId>,
    /// How often it was started since the beginning.
    pub boots: u8,
    /// Package transactions that were begun.
    pub installs: u8,
    /// Restarts that were begun.
    pub reboots: u8,
    /// Whether the fault is gone.
    pub repaired: bool,
    /// Whether it answers nothing any more.
    pub down: bool,
}

impl Host {
    /// The verb `launch`.
    pub fn launch(&mut self, launch: &Launch, bug: Bug) -> OpResult {
        if let Some(fenced) = self.fenced(launch.epoch, bug) {
            return fenced;
        }
        if self.voided.contains(&launch.intent) {
            return OpResult::NotDone(failure("Voided", true));
        }
        let work = match launch.job {
            HostJob::Reboot(_) => Work::Reboot,
            _ => Work::Install,
        };
        let boots = self.boots;
        let job = Job { work, epoch: launch.epoch, boots, progress: Progress::Accepted };
        self.jobs.entry(launch.intent.clone()).or_insert(job);
        OpResult::Launched
    }

    /// The verb `probe`.
    pub fn probe(&mut self, probe: &Probe, name: &NodeName, bug: Bug) -> OpResult {
        if let Some(fenced) = self.fenced(probe.epoch, bug) {
            return fenced;
        }
        let job = self.jobs.get(&probe.intent).filter(|job| job.progress != Progress::Accepted);
        let Some(job) = job else {
            if probe.void_unstarted && bug != Bug::ProbeDoesNotVoid {
                self.voided.insert(probe.intent.clone());
            }
            return OpResult::Job(JobState::NotStarted { voided: probe.void_unstarted });
        };
        OpResult::Job(match job.progress {
            Progress::Running | Progress::Accepted => JobState::Running { seconds: 1 },
            Progress::Lost => JobState::Lost { boot_id: Some(boot(name, self.boots)) },
            Progress::Exited => JobState::Exited(JobExit {
                code: (job.work == Work::Install).then_some(0),
                boot_id_before: boot(name, job.boots),
                boot_id_now: boot(name, self.boots),
                report: BTreeMap::from([("installed".to_owned(), TARGET.to_owned())]),
                output: String::new(),
            }),
        })
    }

    /// What a check of the host says.
    pub fn check(&self, name: &NodeName) -> OpResult {
        let result = CheckResult {
            check: "c".into(),
            state: if self.repaired { CheckState::Pass } else { CheckState::Fail },
            severity: Severity::Error,
            message: String::new(),
            observed: BTreeMap::new(),
            fingerprint: "f".into(),
            failing_since: None,
            observed_at: NOW,
        };
        let boot_id = Some(boot(name, self.boots));
        OpResult::Checked(Checked { results: vec![result], boot_id, pid1_silent: Some(false) })
    }

    fn fenced(&mut self, epoch: Epoch, bug: Bug) -> Option<OpResult> {
        let fenced = epoch < self.epoch && bug != Bug::NoFence;
        self.epoch = self.epoch.max(epoch);
        fenced.then(|| OpResult::NotDone(failure("Fenced", false)))
    }

    /// The jobs that have something left to do.
    pub fn at_work(&self) -> impl Iterator<Item = &IntentId> {
        let open = |job: &Job| matches!(job.progress, Progress::Accepted | Progress::Running);
        self.jobs.iter().filter(move |(_, job)| open(job) && !self.down).map(|(intent, _)| intent)
    }

    /// Whether a job is on record whose process has not begun.
    pub fn has_not_begun(&self, intent: &IntentId) -> bool {
        self.jobs.get(intent).is_some_and(|job| job.progress == Progress::Accepted)
    }

    /// Whether a job is at work, so that the machine may fail to come back from it.
    pub fn is_busy(&self) -> bool {
        self.jobs.values().any(|job| job.progress == Progress::Running)
    }

    /// A job goes on by one step. What is wrong with that, if it is a beginning that must not be.
    pub fn work(&mut self, intent: &IntentId, bug: Bug) -> Option<Invariant> {
        let job = self.jobs.get(intent)?.clone();
        match (job.progress, job.work) {
            (Progress::Accepted, _) => return self.begin(intent, &job, bug),
            (Progress::Running, Work::Install) => {
                self.repaired = true;
                self.advance(intent, Progress::Exited);
            }
            (Progress::Running, Work::Reboot) => self.restart(intent),
            _ => {}
        }
        None
    }

    /// Under the lock: a voided intent, a later epoch or another boot, and the job does nothing.
    fn begin(&mut self, intent: &IntentId, job: &Job, bug: Bug) -> Option<Invariant> {
        let fenced = job.epoch < self.epoch;
        if self.voided.contains(intent) || job.boots != self.boots || (fenced && bug != Bug::NoFence) {
            self.voided.insert(intent.clone());
            self.jobs.remove(intent);
            return None;
        }
        let count = match job.work {
            Work::Install => &mut self.installs,
            Work::Reboot => &mut self.reboots,
        };
        *count += 1;
        let twice = *count > 1;
        self.advance(intent, Progress::Running);
        if twice {
            return Some(Invariant::OncePerNode);
        }
        fenced.then_some(Invariant::FencesHold)
    }

    fn restart(&mut self, intent: &IntentId) {
        self.boots += 1;
        for job in self.jobs.values_mut().filter(|job| job.progress == Progress::Running) {
            job.progress = Progress::Lost;
        }
        self.advance(intent, Progress::Exited);
    }

    fn advance(&mut self, intent: &IntentId, progress: Progress) {
        if let Some(job) = self.jobs.get_mut(intent) {
            job.progress = progress;
        }
    }
}

/// A failure with this reason.
pub fn failure(reason: &str, retryable: bool) -> OpFailure {
    OpFailure { reason: reason.to_owned(), message: String::new(), retryable }
}
