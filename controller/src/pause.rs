//! Growing pauses between tries. The one place that knows the `backoff` crate, which is no longer maintained, so that
//! it can be replaced here.

use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff as _;

/// Pauses from half a second, half as long again each time and with jitter, to a limit; for ever.
#[derive(Debug)]
pub(crate) struct Pauses(ExponentialBackoff);

impl Pauses {
    /// Pauses that grow up to `limit`.
    pub(crate) fn up_to(limit: Duration) -> Self {
        let mut pauses = ExponentialBackoff {
            max_interval: limit,
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        };
        pauses.reset();
        Self(pauses)
    }

    /// How long to wait before the next try.
    pub(crate) fn next_pause(&mut self) -> Duration {
        self.0.next_backoff().unwrap_or(self.0.max_interval)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_limit_and_never_end() {
        let limit = Duration::from_secs(8);
        let mut pauses = Pauses::up_to(limit);
        let first = pauses.next_pause();
        let last = (0..50).map(|_| pauses.next_pause()).last().unwrap();
        // Jitter is half of the pause either way.
        assert!(first < Duration::from_secs(1), "{first:?}");
        assert!((limit / 2..=limit * 3 / 2).contains(&last), "{last:?}");
    }
}
