//! Values by text, made once and looked up thousands of times: sorted by a short digest of the text, so that a look-up
//! compares numbers that lie side by side, not texts that lie anywhere.

/// A list of values by text. Of several values of one text the last counts, as in a map.
#[derive(Debug, Clone)]
pub struct TextIndex<'a, V>(Vec<(u64, &'a str, V)>);

impl<V> Default for TextIndex<'_, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<V: Copy> TextIndex<'_, V> {
    /// The value of a text.
    pub fn get(&self, text: &str) -> Option<V> {
        let wanted = (digest(text), text);
        let after = self.0.partition_point(|(digest, text, _)| (*digest, *text) <= wanted);
        let (digest, text, value) = self.0.get(after.checked_sub(1)?)?;
        ((*digest, *text) == wanted).then_some(*value)
    }

    /// Whether the text has a value.
    pub fn contains(&self, text: &str) -> bool {
        self.get(text).is_some()
    }
}

impl<'a, V> FromIterator<(&'a str, V)> for TextIndex<'a, V> {
    fn from_iter<I: IntoIterator<Item = (&'a str, V)>>(values: I) -> Self {
        let mut rows: Vec<_> = values.into_iter().map(|(text, value)| (digest(text), text, value)).collect();
        // Stable, so that of equal texts the last one stays last.
        rows.sort_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)));
        Self(rows)
    }
}

/// Eight bytes at a time, mixed by the multiplication of Fibonacci hashing. Texts with the same digest are told apart by
/// the text itself: a bad digest costs time, never truth.
fn digest(text: &str) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |digest: u64, part: u64| (digest ^ part).wrapping_mul(FACTOR).rotate_left(29);
    let chunks = text.as_bytes().chunks(8).map(|chunk| {
        let mut part = [0; 8];
        part[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(part)
    });
    chunks.fold(text.len() as u64, mix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_their_text_alone() {
        let texts: Vec<String> = (0..1000).map(|n| format!("node-{n:06}-uid")).collect();
        let index: TextIndex<'_, usize> = texts.iter().map(String::as_str).zip(0..).collect();
        assert!(texts.iter().zip(0..).all(|(text, n)| index.get(text) == Some(n)));
        assert_eq!((index.get("node-001000-uid"), index.get("")), (None, None));
        assert!(!TextIndex::<usize>::default().contains("a"));
    }

    #[test]
    fn of_equal_texts_the_last_counts() {
        let index: TextIndex<'_, u8> = [("a", 1), ("b", 2), ("a", 3)].into_iter().collect();
        assert_eq!((index.get("a"), index.get("b")), (Some(3), Some(2)));
    }

    #[test]
    fn digests_of_names_that_are_alike_differ() {
        let digests: std::collections::BTreeSet<u64> =
            (0..100_000).map(|n| digest(&format!("node-{n:06}-uid"))).collect();
        assert_eq!(digests.len(), 100_000);
    }
}
