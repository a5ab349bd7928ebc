//! What is due when: virtual time jumps from one entry to the next.

use std::collections::BTreeMap;

use crate::time::Time;

/// Entries by time; those of one time in the order in which they were put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue<E> {
    due: BTreeMap<(Time, u64), E>,
    entered: u64,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self { due: BTreeMap::new(), entered: 0 }
    }
}

impl<E> Queue<E> {
    /// Puts an entry in.
    pub fn push(&mut self, at: Time, entry: E) {
        self.due.insert((at, self.entered), entry);
        self.entered += 1;
    }

    /// When the next entry is due.
    pub fn next_at(&self) -> Option<Time> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the next entry out, if it is due by `now`.
    pub fn pop(&mut self, now: Time) -> Option<E> {
        let first = self.due.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_out_by_time_then_in_the_order_they_were_put_in() {
        let mut queue = Queue::default();
        for (at, entry) in [(5, "c"), (1, "a"), (5, "d"), (1, "b")] {
            queue.push(Time(at), entry);
        }
        assert_eq!(queue.next_at(), Some(Time(1)));
        let early: Vec<_> = std::iter::from_fn(|| queue.pop(Time(4))).collect();
        let late: Vec<_> = std::iter::from_fn(|| queue.pop(Time(5))).collect();
        assert_eq!((early, late), (vec!["a", "b"], vec!["c", "d"]));
    }
}
