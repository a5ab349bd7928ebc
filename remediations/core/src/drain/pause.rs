//! How long a pod is left alone after it was not let go.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::eviction::{EvictionAnswer, EvictionVerdict};
use crate::time::Span;

/// The first pause: budgets are counted anew within moments of a pod becoming Ready.
const FIRST: Span = Span::seconds(1);
/// The longest pause of our own: what opens is used within it, and a hundred pods behind one closed budget cost less
/// than seven requests a second. kubectl asks each every five seconds.
const LONGEST: Span = Span::seconds(16);
/// The longest that the API server is obeyed: its own Retry-After are 1 and 10 s.
const OBEYED: Span = Span::seconds(60);

/// How long to leave a pod alone after `answer`, the `tries`-th in a row (from 1 on) that did not let it go; nothing for one that
/// goes.
///
/// It doubles with each try, is no shorter than the API server asks for, and is drawn out by up to a quarter, so that
/// pods that were refused together do not come again together. `uid` is the pod's.
pub fn pause(verdict: &EvictionVerdict, answer: &EvictionAnswer, tries: u32, uid: &str) -> Span {
    if matches!(verdict, EvictionVerdict::Accepted | EvictionVerdict::Gone) {
        return Span(0);
    }
    let doubled = FIRST.0.checked_shl(tries.saturating_sub(1).min(16)).unwrap_or(LONGEST.0);
    let asked = answer.retry_after.unwrap_or_default().min(OBEYED);
    let least = doubled.min(LONGEST.0).max(asked.0);
    Span(least + jitter(least / 4, tries, uid))
}

/// Something from 0 to `most`, the same each time for one try of one pod.
fn jitter(most: i64, tries: u32, uid: &str) -> i64 {
    let mut hash = DefaultHasher::new();
    (uid, tries).hash(&mut hash);
    let drawn = i64::from(u32::try_from(hash.finish() >> 32).unwrap_or_default());
    drawn % (most + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn after(tries: u32, retry_after: Option<Span>, uid: &str) -> i64 {
        let answer = EvictionAnswer { code: 429, retry_after, ..EvictionAnswer::default() };
        pause(&EvictionVerdict::Budget, &answer, tries, uid).0
    }

    #[test]
    fn pauses_double_to_a_limit() {
        for (tries, least) in [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 16), (u32::MAX, 16)] {
            let pause = after(tries, None, "u");
            assert!((least * 1000..=least * 1250).contains(&pause), "{tries}: {pause} ms");
        }
    }

    #[test]
    fn the_api_server_is_obeyed_within_reason() {
        assert!((10_000..=12_500).contains(&after(1, Some(Span::seconds(10)), "u")));
        assert!(
            (16_000..=20_000).contains(&after(9, Some(Span::seconds(10)), "u")),
            "never shorter than ours"
        );
        assert!((60_000..=75_000).contains(&after(1, Some(Span::minutes(60)), "u")));
    }

    #[test]
    fn pods_refused_together_do_not_come_again_together() {
        let pauses: BTreeSet<_> = (0..100).map(|pod| after(5, None, &format!("uid-{pod}"))).collect();
        assert!(pauses.len() > 80, "{pauses:?}");
        let (first, last) = (pauses.first().unwrap(), pauses.last().unwrap());
        assert!(last - first > 3000, "spread over most of a quarter of 16 s: {first} to {last} ms");
    }

    #[test]
    fn what_goes_needs_no_pause() {
        let accepted = EvictionAnswer { code: 200, ..EvictionAnswer::default() };
        assert_eq!(pause(&EvictionVerdict::Accepted, &accepted, 3, "u"), Span(0));
        assert_eq!(pause(&EvictionVerdict::Gone, &accepted, 3, "u"), Span(0));
    }
}
