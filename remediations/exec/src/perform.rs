//! The one gate between what core decided and the world.

use std::sync::Arc;

use nodemend_core::cordon::CordonMark;
use nodemend_core::drain::DrainRequest;
use nodemend_core::ids::Epoch;
use nodemend_core::op::{Annotate, CheckRequest, Launch, Op, OpFailure, OpResult, Probe};
use nodemend_core::time::Span;

use crate::cluster::Cluster;
use crate::failure::Failed;
use crate::host::{FactsRequest, Fence, Host, RawFacts};
use crate::limits::Limits;
use crate::ssh::Ssh;
use crate::target::Target;
use crate::transport::Transport;

/// An operation that this crate performs by itself: every one but `Op::Check`, which needs the checks too.
#[derive(Debug, Clone, Copy)]
pub enum Act<'a> {
    /// Start a job on the host.
    Launch(&'a Launch),
    /// Look at a job on the host.
    Probe(&'a Probe),
    /// Cordon the node and mark the cordon as ours.
    Cordon(&'a CordonMark),
    /// Lift our cordon.
    Uncordon(&'a CordonMark),
    /// Write on the node what a person must know.
    Annotate(&'a Annotate),
    /// One round of a drain.
    Drain(&'a DrainRequest),
}

impl<'a> Act<'a> {
    /// The operation, or the check that the caller makes of [`Performer::read_facts`] and the checks.
    pub const fn of(op: &'a Op) -> Result<Self, &'a CheckRequest> {
        Ok(match op {
            Op::Check(request) => return Err(request),
            Op::Launch(launch) => Self::Launch(launch),
            Op::Probe(probe) => Self::Probe(probe),
            Op::Cordon(mark) => Self::Cordon(mark),
            Op::Uncordon(mark) => Self::Uncordon(mark),
            Op::Annotate(annotate) => Self::Annotate(annotate),
            Op::Drain(request) => Self::Drain(request),
        })
    }
}

/// Performs operations on nodes. Cheap to share; one per process, so that its limits hold.
#[derive(Debug)]
pub struct Performer {
    host: Host,
    cluster: Cluster,
}

impl Performer {
    /// A performer that reaches hosts over SSH and the cluster through `client`, within `limits`.
    pub fn new(client: kube::Client, limits: Limits) -> Self {
        Self::with_transport(client, limits, Arc::new(Ssh::new(&limits)))
    }

    /// The same over another way to the hosts.
    pub fn with_transport(client: kube::Client, limits: Limits, transport: Arc<dyn Transport>) -> Self {
        Self { host: Host::new(transport), cluster: Cluster::new(client, limits) }
    }

    /// Performs one operation; how it ended is the answer, never an error.
    pub async fn perform(&self, target: &Target, act: Act<'_>) -> OpResult {
        if matches!(act, Act::Launch(_) | Act::Probe(_)) {
            self.cluster.keep_lease(target).await;
        }
        let ended = match act {
            Act::Launch(launch) => self.host.launch(target, launch).await,
            Act::Probe(probe) => self.host.probe(target, probe).await,
            Act::Cordon(mark) => self.cluster.cordon(target, mark).await,
            Act::Uncordon(mark) => self.cluster.uncordon(target, mark).await,
            Act::Annotate(annotate) => self.cluster.annotate(target, annotate).await,
            Act::Drain(request) => self.cluster.drain(target, request).await,
        };
        ended.inspect_err(|failed| log(target, act, failed)).unwrap_or_else(OpResult::from)
    }

    /// Reads the host in one connection. Nothing is changed, whatever becomes of it.
    pub async fn read_facts(&self, target: &Target, request: &FactsRequest) -> Result<RawFacts, OpFailure> {
        self.host.facts(target, request).await
    }

    /// Makes the host refuse whatever an earlier leader still sends it.
    pub async fn fence(&self, target: &Target, epoch: Epoch) -> Result<Fence, OpFailure> {
        self.host.fence(target, epoch).await
    }

    /// Takes records of jobs from the host that have been over for `age`, in whole days; says how many.
    pub async fn clean(&self, target: &Target, epoch: Epoch, age: Span) -> Result<u64, OpFailure> {
        self.host.clean(target, epoch, age).await
    }
}

fn log(target: &Target, act: Act<'_>, failed: &Failed) {
    tracing::debug!(node = %target.node, ?act, ?failed, "operation failed");
}
