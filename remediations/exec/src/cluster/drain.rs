//! One round of a drain: look, refuse or evict, and watch who leaves.
//!
//! A round is one read of the node, one list of its pods, an eviction for each pod that is due, and one watch of the
//! same pods from that list on. Polling would list them all again every second, and notice the last one later.

use std::time::Duration;

use futures::StreamExt as _;
use nodemend_core::blocker::Blocker;
use nodemend_core::drain::eviction::{self, EvictionVerdict};
use nodemend_core::drain::filter::{PodView, Verdict};
use nodemend_core::drain::{DrainOptions, DrainProgress, DrainRequest};
use nodemend_core::op::OpResult;
use nodemend_core::time::Span;
use tokio::time::Instant;

use super::Cluster;
use super::node::is_unschedulable;
use super::round::Round;
use crate::failure::Failed;
use crate::target::Target;

/// How many blockers a progress names; a status has room for eight.
pub(super) const NAMED_BLOCKERS: usize = 8;
/// How long a round watches pods leave. Between rounds the node is read again, and what is in the way is written down.
const WATCHED: Duration = Duration::from_secs(5);

impl Cluster {
    /// Evicts what may go. With a pod that must not be touched, or of which that is not known, nothing is evicted at
    /// all. On a node that takes new pods an eviction could go in circles: it must be cordoned.
    pub(crate) async fn drain(&self, target: &Target, request: &DrainRequest) -> Result<OpResult, Failed> {
        self.needs_cordon(target).await?;
        self.renew_lease(target).await?;
        let (pods, version) = self.pods(target).await?;
        let mut round = Round::of(pods, request);
        self.patience.keep(&target.node_uid, round.pods());
        if let Some(progress) = round.forbids() {
            return Ok(OpResult::Drained(progress));
        }
        let accepted = self.tell_all(target, &round, &request.options).await;
        let until = self.round_ends(target, &round);
        self.watch_leave(target, &mut round, &version, until).await;
        let blockers = self.blockers(target, &round);
        Ok(OpResult::Drained(DrainProgress { accepted, blockers, ..round.progress() }))
    }

    async fn needs_cordon(&self, target: &Target) -> Result<(), Failed> {
        if is_unschedulable(&self.live_node(target).await?) {
            return Ok(());
        }
        let message = format!("node/{} is not cordoned: somebody else lifted the cordon", target.node);
        Err(Failed::refused("NotCordoned", message))
    }

    /// When the next round is due: once a pod that was refused may be told again, and now and then.
    fn round_ends(&self, target: &Target, round: &Round) -> Instant {
        let end = Instant::now() + WATCHED;
        let due = self.patience.next_due(&target.node_uid, told(round)).map(Instant::from_std);
        due.map_or(end, |due| due.min(end))
    }

    /// Tells every pod to go that is due, a few at once; says how many were.
    async fn tell_all(&self, target: &Target, round: &Round, options: &DrainOptions) -> u32 {
        let now = std::time::Instant::now();
        let mut requests = Vec::new();
        for (pod, way) in round.told().filter(|(pod, _)| self.patience.is_due(&target.node_uid, pod, now)) {
            requests.push(self.tell(target, pod, way, options.grace_period));
        }
        let told = futures::stream::iter(requests).buffer_unordered(self.evictions_at_once);
        told.fold(0, async |accepted: u32, was: bool| accepted.saturating_add(u32::from(was))).await
    }

    /// Tells one pod to go, unless what stops the saga has come while it stood in line; whether it was accepted.
    async fn tell(&self, target: &Target, pod: &PodView, way: &Verdict, grace: Option<Span>) -> bool {
        self.evictions.wait().await;
        if !target.still.holds() {
            return false;
        }
        let answer = match way {
            Verdict::Delete => self.delete(pod, grace).await,
            _ => self.evict(pod, grace).await,
        };
        let verdict = eviction::verdict(&answer);
        let (name, code) = (pod.full_name(), answer.code);
        tracing::info!(pod = name, uid = pod.uid, code, ?verdict, "told a pod to go");
        let budgets = if verdict.needs_budgets(&answer) { self.budgets_of(pod).await } else { Vec::new() };
        let blockers = verdict.blockers(&pod.namespace, &pod.name, &budgets, &answer);
        let now = std::time::Instant::now();
        self.patience.note(&target.node_uid, pod, (&verdict, &answer), blockers, now);
        verdict == EvictionVerdict::Accepted
    }

    /// What keeps the pods that are left, each thing once.
    fn blockers(&self, target: &Target, round: &Round) -> Vec<Blocker> {
        let refused = told(round).flat_map(|pod| self.patience.blockers(&target.node_uid, pod));
        first_of(refused.chain(round.waits()))
    }
}

fn told(round: &Round) -> impl Iterator<Item = &PodView> {
    round.told().map(|(pod, _)| pod)
}

/// The first few blockers, each once.
pub(super) fn first_of(all: impl Iterator<Item = Blocker>) -> Vec<Blocker> {
    let mut named: Vec<Blocker> = Vec::new();
    for blocker in all {
        if named.len() < NAMED_BLOCKERS && !named.iter().any(|known| known.is_about(&blocker)) {
            named.push(shortened(blocker));
        }
    }
    named
}

/// A blocker's text has room for 1,024 characters.
fn shortened(blocker: Blocker) -> Blocker {
    Blocker { next: blocker.next.chars().take(1024).collect(), ..blocker }
}
