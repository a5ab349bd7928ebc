//! The time for which this process may believe that it leads, as everything that has effects asks for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use super::elector::Moment;
use crate::clock::since_boot;

/// How often the watchdog looks; with `GRACE` it stays below the two seconds after which a lost Lease has ended us.
const LOOK: Duration = Duration::from_millis(100);
/// How long a process that has lost its Lease has to end in order.
const GRACE: Duration = Duration::from_millis(1500);

/// Whether this process leads now. Cheap to share and to ask.
#[derive(Debug, Clone)]
pub struct Tenure(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Until when, in milliseconds since the machine was started; 0 is never. Read anew each time it is asked for: a
    /// process that was stopped must not act on what it knew before.
    until: AtomicU64,
    under_way: watch::Sender<usize>,
}

/// An effect that is under way; dropped when it has ended.
#[derive(Debug)]
pub(crate) struct UnderWay(Tenure);

impl Default for Tenure {
    fn default() -> Self {
        Self(Arc::new(Inner { until: AtomicU64::new(0), under_way: watch::Sender::new(0) }))
    }
}

impl Tenure {
    /// Whether this process leads now.
    pub fn holds(&self) -> bool {
        since_boot() < self.until()
    }

    /// Takes down that we lead until then.
    pub(super) fn lasts(&self, until: Moment) {
        // Never counted up again once it was ended: then it is 0 for good.
        let until = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
        self.0.until.store(until, Ordering::SeqCst);
    }

    /// Leads no more: nothing begins from now on.
    pub(crate) fn end(&self) {
        self.0.until.store(0, Ordering::SeqCst);
    }

    fn until(&self) -> Moment {
        Duration::from_millis(self.0.until.load(Ordering::SeqCst))
    }

    /// Counts an effect as under way; `None` if none may begin any more.
    pub(crate) fn begin(&self) -> Option<UnderWay> {
        // Counted first, so that whoever ends the tenure and then waits sees it.
        let counted = self.count();
        self.holds().then_some(counted)
    }

    fn count(&self) -> UnderWay {
        self.0.under_way.send_modify(|number| *number += 1);
        UnderWay(self.clone())
    }

    /// Waits until no effect is under way, for so long at most; whether none is.
    pub(crate) async fn is_idle_within(&self, limit: Duration) -> bool {
        let mut under_way = self.0.under_way.subscribe();
        let idle = under_way.wait_for(|number| *number == 0);
        matches!(tokio::time::timeout(limit, idle).await, Ok(Ok(_)))
    }

    /// Ends the process, should it still be there a moment after its time: from a thread of its own, which nothing that
    /// the other threads wait for holds up.
    pub(crate) fn watch(&self) -> std::io::Result<()> {
        let tenure = self.clone();
        let watching = move || {
            loop {
                std::thread::sleep(LOOK);
                let until = tenure.until();
                // 0 is a tenure that was given up in order.
                if !until.is_zero() && since_boot() >= until + GRACE {
                    tracing::error!("the Lease is lost and the process still there: it ends at once");
                    std::process::exit(super::EXIT_STATUS);
                }
            }
        };
        std::thread::Builder::new().name("tenure".to_owned()).spawn(watching).map(drop)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.under_way.send_modify(|number| *number -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_until_its_time_and_not_without_one() {
        let tenure = Tenure::default();
        assert!(!tenure.holds() && tenure.begin().is_none());
        tenure.lasts(since_boot() + Duration::from_mins(1));
        assert!(tenure.holds());
        tenure.lasts(since_boot());
        assert!(!tenure.holds());
    }

    #[tokio::test]
    async fn who_ends_it_waits_for_what_is_under_way() {
        let tenure = Tenure::default();
        tenure.lasts(since_boot() + Duration::from_mins(1));
        let effect = tenure.begin().unwrap();
        tenure.end();
        assert!(tenure.begin().is_none(), "nothing begins any more");
        assert!(!tenure.is_idle_within(Duration::ZERO).await);
        drop(effect);
        assert!(tenure.is_idle_within(Duration::from_secs(10)).await);
    }
}
