//! Which pods were not let go, and until when each is left alone: one closed budget must not slow the others down.
//!
//! How long is decided in core. It is kept in memory alone: a controller that starts anew asks each pod once.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use nodemend_core::blocker::Blocker;
use nodemend_core::drain::eviction::{EvictionAnswer, EvictionVerdict};
use nodemend_core::drain::filter::PodView;
use nodemend_core::drain::pause::pause;
use nodemend_core::ids::NodeUid;

/// The pods of each node under drain that were refused, by UID.
#[derive(Debug, Default)]
pub(super) struct Patience(Mutex<BTreeMap<NodeUid, BTreeMap<String, Refused>>>);

/// A pod that was not let go.
#[derive(Debug)]
struct Refused {
    /// How often in a row.
    tries: u32,
    until: Instant,
    blockers: Vec<Blocker>,
}

impl Patience {
    /// Whether the pod may be told to go at `now`.
    pub(super) fn is_due(&self, node: &NodeUid, pod: &PodView, now: Instant) -> bool {
        let all = self.lock();
        all.get(node).and_then(|pods| pods.get(&pod.uid)).is_none_or(|refused| refused.until <= now)
    }

    /// Takes down what was answered: a pod that goes is forgotten, another one is left alone for a while.
    pub(super) fn note(
        &self,
        node: &NodeUid,
        pod: &PodView,
        (verdict, answer): (&EvictionVerdict, &EvictionAnswer),
        blockers: Vec<Blocker>,
        now: Instant,
    ) {
        let mut all = self.lock();
        let pods = all.entry(node.clone()).or_default();
        if matches!(verdict, EvictionVerdict::Accepted | EvictionVerdict::Gone) {
            pods.remove(&pod.uid);
            return;
        }
        let tries = pods.get(&pod.uid).map_or(1, |refused| refused.tries.saturating_add(1));
        let until = now + pause(verdict, answer, tries, &pod.uid).as_duration();
        pods.insert(pod.uid.clone(), Refused { tries, until, blockers });
    }

    /// What kept the pod from going when it was last told to.
    pub(super) fn blockers(&self, node: &NodeUid, pod: &PodView) -> Vec<Blocker> {
        let all = self.lock();
        all.get(node).and_then(|pods| pods.get(&pod.uid)).map_or_else(Vec::new, |r| r.blockers.clone())
    }

    /// When the first of `pods` may be told again; `None` when none of them was refused.
    pub(super) fn next_due<'a>(
        &self,
        node: &NodeUid,
        pods: impl Iterator<Item = &'a PodView>,
    ) -> Option<Instant> {
        let all = self.lock();
        let refused = all.get(node)?;
        pods.filter_map(|pod| refused.get(&pod.uid)).map(|refused| refused.until).min()
    }

    /// Forgets the pods that are not among `pods` any more.
    pub(super) fn keep<'a>(&self, node: &NodeUid, pods: impl Iterator<Item = &'a PodView>) {
        let mut all = self.lock();
        let Some(known) = all.get_mut(node) else { return };
        let there: std::collections::BTreeSet<&str> = pods.map(|pod| pod.uid.as_str()).collect();
        known.retain(|uid, _| there.contains(uid.as_str()));
        if known.is_empty() {
            all.remove(node);
        }
    }

    /// Forgets the node: its drain is over.
    pub(super) fn forget(&self, node: &NodeUid) {
        self.lock().remove(node);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<NodeUid, BTreeMap<String, Refused>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn pod(uid: &str) -> PodView {
        PodView { uid: uid.into(), ..PodView::default() }
    }

    fn refuse(patience: &Patience, uid: &str, now: Instant) {
        let answer = EvictionAnswer { code: 429, ..EvictionAnswer::default() };
        let blockers = vec![Blocker::new("PodDisruptionBudget", uid, "no")];
        patience.note(&"n".into(), &pod(uid), (&EvictionVerdict::Budget, &answer), blockers, now);
    }

    #[test]
    fn a_pod_that_was_refused_slows_no_other_down() {
        let (patience, node, start) = (Patience::default(), "n".into(), Instant::now());
        refuse(&patience, "a", start);
        assert!(!patience.is_due(&node, &pod("a"), start));
        assert!(patience.is_due(&node, &pod("b"), start), "another pod is asked at once");
        assert_eq!(patience.blockers(&node, &pod("a"))[0].object, "a", "it is named all the while");
        let later = start + Duration::from_secs(2);
        assert!(patience.is_due(&node, &pod("a"), later));
        refuse(&patience, "a", later);
        assert!(!patience.is_due(&node, &pod("a"), later + Duration::from_millis(1900)), "twice as long");
    }

    #[test]
    fn what_has_gone_is_forgotten() {
        let (patience, node, now) = (Patience::default(), "n".into(), Instant::now());
        for uid in ["a", "b", "c"] {
            refuse(&patience, uid, now);
        }
        let gone = EvictionAnswer { code: 404, ..EvictionAnswer::default() };
        patience.note(&node, &pod("a"), (&EvictionVerdict::Gone, &gone), Vec::new(), now);
        assert!(patience.is_due(&node, &pod("a"), now));
        patience.keep(&node, [&pod("c")].into_iter());
        assert!(patience.is_due(&node, &pod("b"), now) && !patience.is_due(&node, &pod("c"), now));
        assert!(patience.next_due(&node, [&pod("c")].into_iter()).is_some_and(|due| due > now));
        assert_eq!(patience.next_due(&node, [&pod("d")].into_iter()), None, "one that nobody refused");
        patience.keep(&node, std::iter::empty());
        assert!(patience.lock().is_empty());
    }
}
