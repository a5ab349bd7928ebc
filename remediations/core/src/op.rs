//! The closed set of operations: everything that this program can do to the world.
//!
//! Core decides which operation comes next; `nodemend-exec` performs it. Nothing else touches a node.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cordon::CordonMark;
use crate::drain::{DrainProgress, DrainRequest};
use crate::finding::CheckResult;
use crate::ids::{BootId, CheckId, Epoch, IntentId};
use crate::time::Span;

/// One operation on one node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Op {
    /// Read the host's facts and evaluate checks on them. No effect.
    Check(CheckRequest),
    /// Start a job on the host, detached, under an intent id.
    Launch(Launch),
    /// Look at a job on the host. No effect, unless `void_unstarted`: then an intent id that has not started never will.
    Probe(Probe),
    /// Cordon the node and mark the cordon as ours.
    Cordon(CordonMark),
    /// Put `spec.unschedulable` back to what it was and take our marks away; only a cordon of ours.
    Uncordon(CordonMark),
    /// Write on the node what a person must know about it.
    Annotate(Annotate),
    /// One round of a drain: evict what may go, and look at what is left.
    Drain(DrainRequest),
}

/// Which checks to evaluate, on fresh facts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckRequest {
    /// The checks; may be empty, then only the facts are read.
    pub checks: Vec<CheckId>,
}

/// A job to start on the host.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Launch {
    /// The job's identity; a host starts each at most once.
    pub intent: IntentId,
    /// The writer's own epoch; a host refuses one below the highest that it has seen.
    pub epoch: Epoch,
    /// What to do.
    pub job: HostJob,
}

/// A look at a job on the host.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// The job's identity.
    pub intent: IntentId,
    /// The writer's own epoch.
    pub epoch: Epoch,
    /// If the job has not started, make sure that it never will. Only then does `NotStarted` count.
    pub void_unstarted: bool,
}

/// What a host can be told to do: each is one `case` of the fixed program on the host.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HostJob {
    /// Resolve, download and test a package transaction; changes nothing but caches.
    PackagePrepare(PackageTransaction),
    /// Perform the package transaction.
    PackageInstall(PackageTransaction),
    /// Write file systems out and restart the machine.
    Reboot(RebootJob),
    /// Restart one unit of systemd.
    RestartService(ServiceJob),
}

/// One package at one version: an upgrade or a downgrade, whichever leads there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PackageTransaction {
    /// Package name.
    pub name: String,
    /// `[epoch:]version-release` to end with.
    pub version: String,
    /// Further packages that the transaction may touch; any other fails Prepare. Shell patterns are not honoured.
    pub allow: Vec<String>,
}

/// How to restart a machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RebootJob {
    /// How long an orderly shutdown may take before the restart is forced. A PID 1 that does not answer is
    /// not asked: file systems are written out and the restart is forced at once.
    pub grace: Span,
}

/// Which service to restart.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceJob {
    /// The unit, such as `kubelet.service`.
    pub unit: String,
    /// How long systemd may take to stop and start it. A PID 1 that does not answer is not asked at all.
    pub limit: Span,
}

/// Marks for a person who finds the node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Annotate {
    /// What happened.
    pub message: String,
    /// How to go on.
    pub next: String,
}

/// What became of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OpResult {
    /// The host was read. `boot_id` and `pid1_silent` come from the same facts.
    Checked(Checked),
    /// The job was started, or had been under this very intent id.
    Launched,
    /// What a look at a job found.
    Job(JobState),
    /// The cordon stands and is marked as ours; the mark as it is on the node (ours from before a restart, maybe).
    Cordoned(CordonMark),
    /// Our cordon is gone, or was not there.
    Uncordoned,
    /// The marks are on the node.
    Annotated,
    /// What one round of a drain found.
    Drained(DrainProgress),
    /// The operation did not happen and may be tried again, or never will.
    NotDone(OpFailure),
    /// Nobody knows whether it happened: to be looked into, never repeated blindly.
    Unknown(OpFailure),
}

/// Results of checks on fresh facts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    /// One result per check asked for.
    pub results: Vec<CheckResult>,
    /// The host's boot id, when it could be read.
    pub boot_id: Option<BootId>,
    /// Whether PID 1 did not answer within its time; `None` when unknown.
    pub pid1_silent: Option<bool>,
    /// Whether the container runtime did not answer within its time; `None` when unknown.
    pub runtime_silent: Option<bool>,
}

/// What a look at a job found.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum JobState {
    /// It has not started; `voided` says that it never will.
    NotStarted {
        /// The host will refuse this intent id from now on.
        voided: bool,
    },
    /// It runs.
    Running {
        /// Whole seconds since it started, by the host's clock.
        seconds: u64,
    },
    /// It is over and left an exit record, or was ended by the restart that it asked for.
    Exited(JobExit),
    /// It is over without an exit record: killed, or cut off by a restart of the machine that it did not ask for.
    Lost {
        /// The host's boot id now.
        boot_id: Option<BootId>,
    },
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobExit {
    /// Exit status; `None` for a job that ended with the machine's restart.
    pub code: Option<i32>,
    /// The boot id under which the job was started.
    pub boot_id_before: BootId,
    /// The boot id now.
    pub boot_id_now: BootId,
    /// What the job reported, by name (`installed`, `transaction`, `forced`, …).
    pub report: BTreeMap<String, String>,
    /// The end of its output, capped; data, never interpreted.
    pub output: String,
}

/// Why an operation did not happen, or may not have.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpFailure {
    /// A CamelCase word for programs: `HostKeyUnknown`, `ConnectionRefused`, `TimedOut`, `Fenced`, `Forbidden`, …
    pub reason: String,
    /// What happened, naming the object.
    pub message: String,
    /// Whether trying again can help without a person's hand.
    pub retryable: bool,
}

impl Op {
    /// Whether the operation changes anything: such an operation needs fresh live checks before it is sent.
    pub const fn is_effect(&self) -> bool {
        !matches!(self, Self::Check(_) | Self::Probe(_))
    }

    /// Whether it only gives a node back or tells people about it: such an operation is never blocked.
    pub const fn is_release(&self) -> bool {
        matches!(self, Self::Uncordon(_) | Self::Annotate(_))
    }
}
