//! What a step can do. One file per action: its parameters, its operations, how an answer is read, how it is undone.
//!
//! To add an action: write its file, add a variant to [`Do`] and a line to [`Do::action`]. If it runs something
//! new on the host, [`crate::op::HostJob`] and the program on the host get one `case` each.

mod confirm;
mod cordon;
mod drain;
mod job;
mod package;
mod reboot;
mod service;
mod uncordon;
mod undo;
mod verify;
mod wait;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::blocker::Blocker;
use crate::ids::{Epoch, IntentId};
use crate::op::{HostJob, Op, OpFailure, OpResult, Probe};
use crate::playbook::Phase;
use crate::saga::{Brief, Journal, NodeState};
use crate::time::{Span, Time};

pub use confirm::Confirm;
pub use cordon::Cordon;
pub use drain::Drain;
pub use package::{PackageInstall, PackagePrepare};
pub use reboot::Reboot;
pub use service::RestartService;
pub use uncordon::Uncordon;
pub(crate) use uncordon::is_not_ours;
pub use undo::{DoneStep, Undoing};
pub use verify::Verify;
pub use wait::WaitReady;

/// What a step does; exactly one member.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Do {
    /// Look again whether the finding is still there.
    Confirm(Confirm),
    /// Resolve, download and test a package transaction.
    PackagePrepare(PackagePrepare),
    /// Keep new pods away.
    Cordon(Cordon),
    /// Let the pods go.
    Drain(Drain),
    /// Bring a package to a version.
    PackageInstall(PackageInstall),
    /// Restart the machine.
    Reboot(Reboot),
    /// Restart a service of the host.
    RestartService(RestartService),
    /// Wait until the kubelet says Ready, for a while.
    WaitReady(WaitReady),
    /// Run the check that found the fault again.
    Verify(Verify),
    /// Let pods come again.
    Uncordon(Uncordon),
}

impl Do {
    /// The action behind the variant.
    pub fn action(&self) -> &dyn Action {
        match self {
            Self::Confirm(a) => a,
            Self::PackagePrepare(a) => a,
            Self::Cordon(a) => a,
            Self::Drain(a) => a,
            Self::PackageInstall(a) => a,
            Self::Reboot(a) => a,
            Self::RestartService(a) => a,
            Self::WaitReady(a) => a,
            Self::Verify(a) => a,
            Self::Uncordon(a) => a,
        }
    }
}

/// How often an action's effect may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Once per intent: launched on the host under an intent id, then looked at.
    AtMostOnce,
    /// Brought about again and again until it holds.
    Convergent,
}

/// What a step may look at.
#[derive(Debug, Clone, Copy)]
pub struct StepContext<'a> {
    /// What the saga is about.
    pub brief: &'a Brief,
    /// What happened so far.
    pub journal: &'a Journal,
    /// The node as it was read a moment ago.
    pub node: &'a NodeState,
    /// The intent under which the step runs.
    pub intent: &'a IntentId,
    /// The writer's own epoch.
    pub epoch: Epoch,
    /// Whether the answer is to the very first operation under this intent. Later ones are looks at something that
    /// may have happened.
    pub first: bool,
    /// When the step was started.
    pub started_at: Time,
    /// Now.
    pub now: Time,
}

/// What an answer means for the step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// The step has reached what it is for; what was observed goes into the journal.
    Done(BTreeMap<String, String>),
    /// The finding has gone by itself: nothing is left to repair.
    Cleared(String),
    /// Not there yet; look again after `after`.
    Again {
        /// How long to wait before the next look.
        after: Span,
        /// What is waited for, in a few words.
        note: String,
        /// What is in the way.
        blockers: Vec<Blocker>,
    },
    /// The step cannot reach what it is for.
    Failed(Failure),
    /// The intent was voided on the host before it started: it may be tried under a new intent.
    Voided,
}

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// A CamelCase word for programs.
    pub reason: String,
    /// What happened.
    pub message: String,
    /// What is known of the step's effect.
    pub effect: Effect,
}

/// What is known of the effect of a step that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It changed nothing.
    Nothing,
    /// It is over, and changed something or may have.
    Something,
    /// Nobody can know whether it happened, or whether it goes on.
    Unknown,
}

/// One kind of step.
pub trait Action {
    /// In which phases it may stand.
    fn phases(&self) -> &'static [Phase];

    /// Whether its effect may happen again.
    fn repeat(&self) -> Repeat;

    /// Whether it disturbs the node: needs an `undo`, and a cordon where it changes the host.
    fn disruptive(&self) -> bool {
        false
    }

    /// Whether it changes the host for good, so that from its start on "put back as it was" no longer holds by
    /// itself: a later failure has to be undone, or holds the node for a person.
    fn changes_host(&self) -> bool {
        false
    }

    /// How long it may take unless the playbook says otherwise.
    fn default_timeout(&self) -> Span;

    /// The operation that starts it (at most once) or advances it (convergent); `None` if looking at the node is enough.
    fn op(&self, context: &StepContext<'_>) -> Option<Op>;

    /// The operation that looks whether an effect under this intent happened.
    fn probe(&self, context: &StepContext<'_>) -> Option<Op> {
        match self.repeat() {
            Repeat::Convergent => self.op(context),
            Repeat::AtMostOnce => Some(Op::Probe(Probe {
                intent: context.intent.clone(),
                epoch: context.epoch,
                void_unstarted: true,
            })),
        }
    }

    /// What an answer means. `None` is asked when [`Action::op`] gave no operation.
    fn read(&self, context: &StepContext<'_>, result: Option<&OpResult>) -> Reading;

    /// How what it did is put back when a later step fails. Who changes the host and does not say so leaves it to a person.
    fn undo(&self, _: &DoneStep<'_>) -> Undoing {
        if self.changes_host() {
            return Undoing::Hold("nobody has said how it is put back".to_owned());
        }
        Undoing::Nothing
    }

    /// What an answer to the job of [`Action::undo`], or to a look at it, means. The intent in `context` is that of the undo.
    fn read_undo(&self, context: &StepContext<'_>, _: &HostJob, result: Option<&OpResult>) -> Reading {
        self.read(context, result)
    }

    /// What it does, as a person would type it, for `nodemend plan`.
    fn describe(&self) -> String;

    /// What is wrong with its parameters, each a sentence.
    fn faults(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The reason of a host that refuses an epoch because it has seen a later one.
pub(crate) const FENCED: &str = "Fenced";

/// The reading of an operation that did not answer the question: try again if that can help.
fn read_failure(failure: &OpFailure, effect: Effect) -> Reading {
    if failure.retryable {
        return look_again(failure);
    }
    Reading::Failed(Failure { reason: failure.reason.clone(), message: failure.message.clone(), effect })
}

/// The reading of a look that came to nothing: nothing was learned, so it is repeated until the step's time is up.
fn look_again(failure: &OpFailure) -> Reading {
    Reading::Again {
        after: Span::seconds(2),
        note: failure.message.clone(),
        blockers: vec![Blocker::new(&failure.reason, "host", failure.message.clone())],
    }
}

/// The reading of an answer that belongs to another operation: a fault of ours, never a success.
fn read_stranger(result: Option<&OpResult>) -> Reading {
    let message = format!("an answer that does not belong to this step: {result:?}");
    Reading::Failed(Failure { reason: "UnexpectedAnswer".into(), message, effect: Effect::Unknown })
}
