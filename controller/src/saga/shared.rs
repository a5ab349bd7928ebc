//! One live read for all who ask at the same time. What a read says that begins after a look has asked is as live for that
//! look as its own read would be: hundreds of sagas need not each read the same guard, with hundreds of grants in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

/// The last read, and when it began among everything that was asked.
#[derive(Debug)]
pub(super) struct Shared<T> {
    /// Counts askings and reads: of two, the earlier has the lower number.
    clock: AtomicU64,
    last: Mutex<Option<(u64, Arc<T>)>>,
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self { clock: AtomicU64::new(0), last: Mutex::new(None) }
    }
}

impl<T> Shared<T> {
    /// What a read says that began after this was called: `read`, or that of somebody who asked too and waited for the
    /// same one to end. A read that fails is an error for its caller alone; the next one reads for itself.
    pub(super) async fn get<E>(&self, read: impl Future<Output = Result<T, E>>) -> Result<Arc<T>, E> {
        let asked = self.tick();
        let mut last = self.last.lock().await;
        if let Some((_, value)) = last.as_ref().filter(|(begun, _)| *begun > asked) {
            return Ok(value.clone());
        }
        let begun = self.tick();
        let value = Arc::new(read.await?);
        *last = Some((begun, value.clone()));
        Ok(value)
    }

    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::future::{join, join_all};
    use tokio::sync::oneshot;

    use super::*;

    /// A read that says how many there were with it.
    async fn count(reads: &AtomicU64) -> Result<u64, Infallible> {
        // Counted when it is polled, as a request would be sent.
        std::future::ready(()).await;
        Ok(reads.fetch_add(1, Ordering::SeqCst) + 1)
    }

    #[tokio::test]
    async fn who_asks_while_a_read_is_under_way_shares_the_next_one() {
        let (shared, reads) = (Shared::default(), AtomicU64::new(0));
        let (end, ended) = oneshot::channel::<()>();
        let first = shared.get(async {
            ended.await.ok();
            count(&reads).await
        });
        let others = async {
            let asking = join_all((0..9).map(|_| shared.get(count(&reads))));
            let ending = async { end.send(()).ok() };
            join(asking, ending).await.0
        };
        let (first, others) = join(first, others).await;
        assert_eq!(*first.unwrap(), 1);
        assert!(
            others.into_iter().all(|other| *other.unwrap() == 2),
            "one read that began after all had asked"
        );
    }

    #[tokio::test]
    async fn nobody_gets_what_was_read_before_he_asked() {
        let (shared, reads) = (Shared::default(), AtomicU64::new(0));
        for expected in 1..=3 {
            assert_eq!(*shared.get(count(&reads)).await.unwrap(), expected);
        }
    }

    #[tokio::test]
    async fn a_read_that_fails_is_no_answer_for_others() {
        let shared = Shared::<u64>::default();
        let (failed, read) =
            join(shared.get(async { Err("down") }), shared.get(async { Ok::<_, &str>(7) })).await;
        assert_eq!((failed.unwrap_err(), *read.unwrap()), ("down", 7));
    }
}
