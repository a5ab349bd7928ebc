//! One round of a drain: look, refuse or evict, look again.

use futures::StreamExt as _;
use nodemend_core::blocker::Blocker;
use nodemend_core::drain::eviction::{self, EvictionAnswer, EvictionVerdict};
use nodemend_core::drain::filter::{self, PodView, Verdict};
use nodemend_core::drain::{DrainOptions, DrainProgress, DrainRequest, RemainingPod};
use nodemend_core::op::OpResult;
use nodemend_core::time::Span;

use super::Cluster;
use super::node::is_unschedulable;
use crate::failure::Failed;
use crate::target::Target;

/// How many pods a progress names.
const NAMED_PODS: usize = 64;
/// How many blockers a progress names; a status has room for eight.
pub(super) const NAMED_BLOCKERS: usize = 8;

/// A pod that is told to go, and what was answered.
struct Told<'a> {
    pod: &'a PodView,
    answer: EvictionAnswer,
    verdict: EvictionVerdict,
}

impl Cluster {
    /// Evicts what may go. With a pod that must not be touched, nothing is evicted at all. On a node that takes new
    /// pods an eviction could go in circles: it must be cordoned.
    pub(crate) async fn drain(&self, target: &Target, request: &DrainRequest) -> Result<OpResult, Failed> {
        if !is_unschedulable(&self.live_node(target).await?) {
            return Err(Failed::refused(
                "NotCordoned",
                format!("node/{} is not cordoned: somebody else lifted the cordon", target.node),
            ));
        }
        self.renew_lease(target).await?;
        let pods = sorted(self.pods(target).await?, &request.options);
        let refused = refusals(&pods);
        if !refused.is_empty() {
            return Ok(OpResult::Drained(DrainProgress { refused, ..progress(&pods) }));
        }
        let told = self.tell_all(&pods, &request.options).await;
        let blockers = self.blockers(&pods, &told).await;
        let accepted = told.iter().filter(|t| t.verdict == EvictionVerdict::Accepted).count();
        // Read again: only now have the pods that go a time at which their grace ends.
        let left = if accepted == 0 { pods } else { sorted(self.pods(target).await?, &request.options) };
        Ok(OpResult::Drained(DrainProgress { accepted: count(accepted), blockers, ..progress(&left) }))
    }

    async fn tell_all<'a>(&self, pods: &'a [(PodView, Verdict)], options: &DrainOptions) -> Vec<Told<'a>> {
        let mut requests = Vec::new();
        for (pod, way) in pods {
            if matches!(way, Verdict::Evict | Verdict::Delete) {
                requests.push(self.tell(pod, way, options.grace_period));
            }
        }
        futures::stream::iter(requests).buffer_unordered(self.evictions_at_once).collect().await
    }

    async fn tell<'a>(&self, pod: &'a PodView, way: &Verdict, grace: Option<Span>) -> Told<'a> {
        let answer = match way {
            Verdict::Delete => self.delete(pod, grace).await,
            _ => self.evict(pod, grace).await,
        };
        let verdict = eviction::verdict(&answer);
        tracing::info!(
            pod = pod.full_name(),
            uid = pod.uid,
            code = answer.code,
            ?verdict,
            "told a pod to go"
        );
        Told { pod, answer, verdict }
    }

    async fn blockers(&self, pods: &[(PodView, Verdict)], told: &[Told<'_>]) -> Vec<Blocker> {
        let budgeted =
            |t: &&Told<'_>| matches!(t.verdict, EvictionVerdict::Budget | EvictionVerdict::SeveralBudgets);
        let budgets = self.budgets_for(told.iter().filter(budgeted).map(|t| t.pod)).await;
        let mut all: Vec<Blocker> = Vec::new();
        let refused =
            told.iter().flat_map(|t| t.verdict.blockers(&t.pod.full_name(), &budgets.of(t.pod), &t.answer));
        let waiting = pods.iter().filter(|(_, v)| *v == Verdict::Wait).map(|(pod, _)| waits(pod));
        for blocker in refused.chain(waiting) {
            if all.len() < NAMED_BLOCKERS && !all.iter().any(|known| known.is_about(&blocker)) {
                all.push(shortened(blocker));
            }
        }
        all
    }
}

fn sorted(pods: Vec<PodView>, options: &DrainOptions) -> Vec<(PodView, Verdict)> {
    let mut pods: Vec<_> = pods
        .into_iter()
        .map(|pod| {
            let verdict = filter::verdict(&pod, options);
            (pod, verdict)
        })
        .filter(|(_, verdict)| *verdict != Verdict::Stays)
        .collect();
    pods.sort_by_cached_key(|(pod, _)| pod.full_name());
    pods
}

fn refusals(pods: &[(PodView, Verdict)]) -> Vec<Blocker> {
    let refused = pods.iter().filter_map(|(_, verdict)| match verdict {
        Verdict::Refuse(blocker) => Some(blocker.clone()),
        _ => None,
    });
    refused.take(NAMED_BLOCKERS).collect()
}

fn progress(pods: &[(PodView, Verdict)]) -> DrainProgress {
    let named = pods.iter().take(NAMED_PODS);
    DrainProgress {
        remaining: named
            .map(|(pod, _)| RemainingPod { name: pod.full_name(), grace_ends: pod.deletion })
            .collect(),
        remaining_total: count(pods.len()),
        ..DrainProgress::default()
    }
}

fn waits(pod: &PodView) -> Blocker {
    let next = "a drain rule of the pool waits until the pod ends by itself";
    Blocker::new("WaitsForPod", format!("pod/{}", pod.full_name()), next)
}

/// A blocker's text has room for 1,024 characters.
pub(super) fn shortened(blocker: Blocker) -> Blocker {
    Blocker { next: blocker.next.chars().take(1024).collect(), ..blocker }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
