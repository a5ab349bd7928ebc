//! What became of each node of a run, one letter per node, kept by the run itself: a Remediation can be deleted, and
//! nobody must take its node for one that was never begun.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::Remediation;
use crate::saga::{Outcome, STOPPED};

/// One letter per planned node, in the plan's order: `.` not begun, `b` begun, `h` held, `r` repaired, `c` cleared,
/// `x` replaced, `s` skipped, `f` failed. 5,000 nodes are 5 KB.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ledger(String);

/// What became of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mark {
    /// Not begun.
    Waiting,
    /// Under way, or waiting for a Hold to be lifted.
    Begun,
    /// Waiting for a person, or being put back after a failure: nothing more starts.
    Held,
    /// Done.
    Repaired,
    /// The finding had gone.
    Cleared,
    /// Another machine now.
    Replaced,
    /// Left alone.
    Skipped,
    /// Tried and failed.
    Failed,
}

const LETTERS: [(Mark, char); 8] = [
    (Mark::Waiting, '.'),
    (Mark::Begun, 'b'),
    (Mark::Held, 'h'),
    (Mark::Repaired, 'r'),
    (Mark::Cleared, 'c'),
    (Mark::Replaced, 'x'),
    (Mark::Skipped, 's'),
    (Mark::Failed, 'f'),
];

impl Mark {
    /// What a Remediation says of its node.
    pub fn of(remediation: &Remediation) -> Self {
        let reason = remediation.journal.as_ref().and_then(|journal| journal.reason.as_deref());
        match remediation.outcome() {
            Some(Outcome::Repaired) => Self::Repaired,
            Some(Outcome::Cleared) => Self::Cleared,
            Some(Outcome::Replaced) => Self::Replaced,
            Some(Outcome::Skipped) => Self::Skipped,
            Some(Outcome::Failed) => Self::Failed,
            None if remediation.is_being_undone() => Self::Held,
            // A node that waits for a Hold to be lifted goes on by itself.
            None if remediation.is_held() && reason != Some(STOPPED) => Self::Held,
            None => Self::Begun,
        }
    }

    /// Whether nothing more happens to the node.
    pub(crate) const fn is_end(self) -> bool {
        !matches!(self, Self::Waiting | Self::Begun | Self::Held)
    }

    fn letter(self) -> char {
        LETTERS.into_iter().find(|(mark, _)| *mark == self).map_or('b', |(_, letter)| letter)
    }

    /// A letter of a later version means that something was done: such a node is not begun again.
    fn of_letter(letter: char) -> Self {
        LETTERS.into_iter().find(|(_, known)| *known == letter).map_or(Self::Begun, |(mark, _)| mark)
    }
}

impl Ledger {
    /// What is remembered of the node at `position` of the plan.
    pub fn mark(&self, position: usize) -> Mark {
        let letter = match self.0.as_bytes() {
            bytes if self.0.is_ascii() => bytes.get(position).map(|byte| char::from(*byte)),
            _ => self.0.chars().nth(position),
        };
        letter.map_or(Mark::Waiting, Mark::of_letter)
    }

    /// All marks, in order, then `Waiting` for ever.
    pub fn marks(&self) -> impl Iterator<Item = Mark> {
        self.0.chars().map(Mark::of_letter).chain(std::iter::repeat(Mark::Waiting))
    }

    /// This ledger, but where it knows less than `before` did, what that knew: a node never becomes unbegun, and what has
    /// ended stays ended.
    #[must_use]
    pub fn after(&self, before: &Self) -> Self {
        let length = self.0.len().max(before.0.len());
        let both = self.marks().zip(before.marks()).take(length);
        both.map(|(new, old)| if new == Mark::Waiting || (old.is_end() && !new.is_end()) { old } else { new })
            .collect()
    }
}

impl FromIterator<Mark> for Ledger {
    fn from_iter<I: IntoIterator<Item = Mark>>(marks: I) -> Self {
        Self(marks.into_iter().map(Mark::letter).collect())
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for Ledger {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Ledger".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // 400 pages of 256 nodes, as many as a run's status can name.
        json_schema!({"type": "string", "maxLength": 102_400})
    }

    fn inline_schema() -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_has_a_letter_of_its_own_and_is_read_back() {
        let ledger: Ledger = LETTERS.into_iter().map(|(mark, _)| mark).collect();
        assert_eq!(ledger.to_string(), ".bhrcxsf");
        for (position, (mark, _)) in LETTERS.into_iter().enumerate() {
            assert_eq!(ledger.mark(position), mark);
        }
        assert_eq!(ledger.mark(LETTERS.len()), Mark::Waiting);
    }

    #[test]
    fn a_letter_of_a_later_version_is_not_taken_for_a_node_to_begin() {
        assert_eq!(Ledger("?".into()).mark(0), Mark::Begun);
    }

    #[test]
    fn a_node_never_becomes_unbegun() {
        let before = Ledger("fr.".into());
        assert_eq!(Ledger("..b".into()).after(&before), Ledger("frb".into()));
        assert_eq!(Ledger(String::new()).after(&before), before);
        assert_eq!(Ledger("bb".into()).after(&before), Ledger("fr.".into()), "what has ended stays ended");
        assert_eq!(Ledger("rh".into()).after(&Ledger("bb".into())), Ledger("rh".into()));
    }
}
