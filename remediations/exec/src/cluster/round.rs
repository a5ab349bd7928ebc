//! The pods that have to leave the node, as one round of a drain sees them come and go.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use kube::core::WatchEvent;
use nodemend_core::blocker::Blocker;
use nodemend_core::drain::filter::{self, PodView, Verdict};
use nodemend_core::drain::{DrainProgress, DrainRequest, RemainingPod};

use super::drain::NAMED_BLOCKERS;
use super::pods::view;

/// How many pods a progress names.
const NAMED_PODS: usize = 64;

/// The pods that have to leave, by namespace and name.
#[derive(Debug)]
pub(super) struct Round {
    pods: BTreeMap<(String, String), (PodView, Verdict)>,
    /// Whether a pod changed so that it may be told to go now.
    pub(super) has_news: bool,
}

impl Round {
    pub(super) fn of(pods: Vec<PodView>, request: &DrainRequest) -> Self {
        let judged = pods.into_iter().map(|pod| {
            let verdict = filter::verdict(&pod, &request.options, request.waited);
            ((pod.namespace.clone(), pod.name.clone()), (pod, verdict))
        });
        let pods = judged.filter(|(_, (_, verdict))| *verdict != Verdict::Stays).collect();
        Self { pods, has_news: false }
    }

    pub(super) fn pods(&self) -> impl Iterator<Item = &PodView> {
        self.pods.values().map(|(pod, _)| pod)
    }

    /// Those that have to be told to go, and how.
    pub(super) fn told(&self) -> impl Iterator<Item = &(PodView, Verdict)> {
        self.pods.values().filter(|(_, verdict)| matches!(verdict, Verdict::Evict | Verdict::Delete))
    }

    pub(super) fn is_over(&self) -> bool {
        self.pods.is_empty()
    }

    /// What was found, if nothing may be evicted: pods that must not be touched, or of which that is not known.
    pub(super) fn forbids(&self) -> Option<DrainProgress> {
        let verdicts = || self.pods.values().map(|(_, verdict)| verdict);
        let named = |pick: fn(&Verdict) -> Option<&Blocker>| {
            verdicts().filter_map(pick).take(NAMED_BLOCKERS).cloned().collect::<Vec<_>>()
        };
        let refused = named(|verdict| if let Verdict::Refuse(why) = verdict { Some(why) } else { None });
        let blockers = named(|verdict| if let Verdict::Unknown(why) = verdict { Some(why) } else { None });
        let forbids = !refused.is_empty() || !blockers.is_empty();
        forbids.then(|| DrainProgress { refused, blockers, ..self.progress() })
    }

    /// The pods that a rule waits for.
    pub(super) fn waits(&self) -> impl Iterator<Item = Blocker> {
        let waiting = self.pods.values().filter(|(_, verdict)| *verdict == Verdict::Wait);
        waiting.map(|(pod, _)| {
            let next = "a drain rule waits until the pod ends by itself";
            Blocker::new("WaitsForPod", format!("pod/{}", pod.full_name()), next)
        })
    }

    /// Takes in what the watch says of the pods that it knows. New ones are seen by the next round.
    pub(super) fn see(&mut self, event: &WatchEvent<Pod>) {
        let (WatchEvent::Added(pod) | WatchEvent::Modified(pod) | WatchEvent::Deleted(pod)) = event else {
            return;
        };
        let now = view(pod);
        let key = (now.namespace.clone(), now.name.clone());
        let Some((known, verdict)) = self.pods.get_mut(&key).filter(|(known, _)| known.uid == now.uid) else {
            return;
        };
        if matches!(event, WatchEvent::Deleted(_)) {
            self.pods.remove(&key);
            return;
        }
        self.has_news |= now.finished && !known.finished;
        if now.deletion.is_some() {
            *verdict = Verdict::Leaving;
        }
        (known.deletion, known.finished) = (now.deletion, now.finished);
    }

    pub(super) fn progress(&self) -> DrainProgress {
        let named = self.pods().take(NAMED_PODS);
        DrainProgress {
            remaining: named
                .map(|pod| RemainingPod { name: pod.full_name(), grace_ends: pod.deletion })
                .collect(),
            remaining_total: u32::try_from(self.pods.len()).unwrap_or(u32::MAX),
            ..DrainProgress::default()
        }
    }
}

#[cfg(test)]
#[path = "round_tests.rs"]
mod tests;
