//! Smooths what is sent: connections, evictions and writes per second. It holds no safety limit; budgets do that.

use std::num::{NonZeroU32, NonZeroUsize};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// How much may be sent, by one process.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// SSH connections begun per second.
    pub connections_per_second: NonZeroU32,
    /// SSH connections open at once; each keeps a thread.
    pub connections_at_once: NonZeroUsize,
    /// Evictions and deletions of pods per second.
    pub evictions_per_second: NonZeroU32,
    /// Evictions under way at once, for one node.
    pub evictions_at_once: NonZeroUsize,
    /// Writes to nodes per second.
    pub writes_per_second: NonZeroU32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_per_second: const { NonZeroU32::new(20).unwrap() },
            connections_at_once: const { NonZeroUsize::new(32).unwrap() },
            evictions_per_second: const { NonZeroU32::new(10).unwrap() },
            evictions_at_once: const { NonZeroUsize::new(8).unwrap() },
            writes_per_second: const { NonZeroU32::new(20).unwrap() },
        }
    }
}

/// Lets callers through at an even rate.
#[derive(Debug)]
pub(crate) struct Pace(DefaultDirectRateLimiter);

impl Pace {
    pub(crate) fn per_second(rate: NonZeroU32) -> Self {
        Self(RateLimiter::direct(Quota::per_second(rate)))
    }

    pub(crate) async fn wait(&self) {
        self.0.until_ready().await;
    }
}
