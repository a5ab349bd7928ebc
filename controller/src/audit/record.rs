//! What the audit log says.

use nodemend_core::budget::Grant;
use nodemend_core::ids::{Digest, Epoch, IntentId, NodeName, NodeUid, RunUid};
use nodemend_core::op::{Op, OpResult};
use nodemend_core::saga::Brief;
use nodemend_core::time::{Span, Time};
use serde::Serialize;

/// One line of the log.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Line<'a> {
    /// One more than the line before; a gap is a lost record.
    pub(super) sequence: u64,
    /// When it was written, by this machine's clock.
    pub(super) time: Time,
    /// What it is about.
    #[serde(flatten)]
    pub(super) event: &'a Event,
}

/// What was decided or done.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Event {
    /// The log begins, or goes on after it could not be written.
    Opened {
        /// Version of the program.
        version: &'static str,
    },
    /// A policy asked for a run.
    RunCreated {
        /// Name of the run.
        run: String,
        /// Name of the policy.
        policy: String,
    },
    /// A plan was written down.
    Planned {
        /// Name of the run.
        run: String,
        /// Who asked for it.
        requested_by: String,
        /// Digest of the plan.
        plan: Digest,
        /// How many nodes it has.
        nodes: u32,
    },
    /// Nodes may be repaired: live reads allowed it, and pool and guard have it written.
    Granted {
        /// For which nodes, of which runs.
        grants: Vec<Grant>,
    },
    /// Grants were given back.
    Released {
        /// Which.
        grants: Vec<Grant>,
    },
    /// A run that was over was deleted, with its pages and Remediations.
    Forgotten {
        /// Name of the run.
        run: String,
        /// Its UID.
        #[serde(rename = "runUID")]
        run_uid: RunUid,
    },
    /// The storm breaker made a Hold, or lifted its own.
    Storm {
        /// Name of the pool.
        pool: String,
        /// The Hold that it makes; absent when it lifts one.
        #[serde(skip_serializing_if = "Option::is_none")]
        cause: Option<String>,
    },
    /// An undo failed, and Holds stand for it.
    UndoFailed {
        /// Name of the run.
        run: String,
        /// Name of the node.
        node: NodeName,
        /// Names of the Holds.
        holds: Vec<String>,
        /// What failed.
        #[serde(skip_serializing_if = "Option::is_none")]
        cause: Option<String>,
    },
    /// An effect is about to be sent.
    EffectAnnounced {
        /// On what.
        #[serde(flatten)]
        of: Effect,
        /// The whole operation.
        op: Op,
    },
    /// An effect has ended, or nobody knows.
    EffectEnded {
        /// On what.
        #[serde(flatten)]
        of: Effect,
        /// What became of it.
        result: OpResult,
        /// How long it took, in whole milliseconds.
        took: Span,
    },
}

/// What an effect belongs to.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Effect {
    run: String,
    #[serde(rename = "runUID")]
    run_uid: RunUid,
    remediation: String,
    node: NodeName,
    #[serde(rename = "nodeUID")]
    node_uid: NodeUid,
    #[serde(skip_serializing_if = "Option::is_none")]
    intent: Option<IntentId>,
    epoch: Epoch,
}

impl Effect {
    /// An effect of the saga of `brief`, under the intent that its journal is at.
    pub(crate) fn of(brief: &Brief, intent: Option<IntentId>, epoch: Epoch) -> Self {
        Self {
            run: brief.run.clone(),
            run_uid: brief.run_uid.clone(),
            remediation: brief.remediation.clone(),
            node: brief.node.name.clone(),
            node_uid: brief.node.uid.clone(),
            intent,
            epoch,
        }
    }
}

impl Event {
    /// The same as a log line, which is all there is without a file.
    pub(super) fn log(&self) {
        if tracing::enabled!(target: "audit", tracing::Level::INFO) {
            let text = serde_json::to_string(self).unwrap_or_else(|error| error.to_string());
            tracing::info!(target: "audit", "{text}");
        }
    }
}
