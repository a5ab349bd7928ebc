//! A map of a handful of entries that takes no more room than they do: a B-tree reserves eleven places at once, which at
//! thousands of reports with three results each is most of the memory.

use std::borrow::Borrow;
use std::ops::Index;

/// A map kept as a list in the order of its keys. Looking up is a binary search, putting in moves what comes after.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SmallMap<K, V>(Vec<(K, V)>);

impl<K, V> Default for SmallMap<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord, V> SmallMap<K, V> {
    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        self.0.binary_search_by(|(known, _)| known.borrow().cmp(key))
    }

    /// The value of a key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.find(key).ok().map(|index| &self.0[index].1)
    }

    /// The value of a key, to be changed.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.find(key).ok().map(|index| &mut self.0[index].1)
    }

    /// Puts a value in and returns the one that was there.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.find(&key) {
            Ok(index) => Some(std::mem::replace(&mut self.0[index].1, value)),
            Err(index) => {
                self.0.insert(index, (key, value));
                None
            }
        }
    }

    /// How many entries there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The values in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    /// The values in the order of their keys, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.iter_mut().map(|(_, value)| value)
    }
}

impl<K, V> IntoIterator for SmallMap<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    /// The entries in the order of their keys.
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for SmallMap<K, V> {
    /// Of several values of one key the last stays.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let entries: std::collections::BTreeMap<K, V> = entries.into_iter().collect();
        // A collected list may have more room than it needs.
        let mut list = Vec::with_capacity(entries.len());
        list.extend(entries);
        Self(list)
    }
}

impl<K: Ord + Borrow<Q>, Q: Ord + ?Sized, V> Index<&Q> for SmallMap<K, V> {
    type Output = V;

    /// The value of a key that is there. Of one that is not it panics, as other maps do: the place lies beyond the list.
    fn index(&self, key: &Q) -> &V {
        match self.find(key) {
            Ok(index) => &self.0[index].1,
            Err(place) => &self.0[place.max(self.0.len())].1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_kept_in_order_and_replaced() {
        let mut map: SmallMap<String, u8> = [("c".to_owned(), 3), ("a".to_owned(), 1)].into_iter().collect();
        assert_eq!(map.insert("b".to_owned(), 2), None);
        assert_eq!(map.insert("c".to_owned(), 4), Some(3));
        assert_eq!(map.values().copied().collect::<Vec<_>>(), [1, 2, 4]);
        assert_eq!((map.len(), map.is_empty()), (3, false));
        assert_eq!((map.get("b"), map.get("x"), map["a"]), (Some(&2), None, 1));
    }
}
