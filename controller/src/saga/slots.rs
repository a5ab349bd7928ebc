//! What this process knows of each saga beyond its journal: which intent is fresh, which operation is under way, what
//! it answered. All of it may be lost at any moment; the journal alone has to do.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kube::runtime::reflector::ObjectRef;
use nodemend_core::ids::IntentId;
use nodemend_core::op::OpResult;
use nodemend_core::saga::{Journal, Mode};
use tokio::sync::mpsc;

use super::Marker;

/// What an operation belongs to: an answer to anything else is thrown away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    mode: Mode,
    intent: Option<IntentId>,
}

impl Key {
    /// The intent, if the step that is under way has one.
    pub(super) const fn intent(&self) -> Option<&IntentId> {
        self.intent.as_ref()
    }

    /// The key of what a journal is at.
    pub(super) fn of(journal: &Journal) -> Self {
        Self { mode: journal.mode, intent: journal.intent().cloned() }
    }

    /// Whether it is one of an undo.
    pub(super) fn is_of_undo(&self) -> bool {
        self.mode == Mode::Undoing
    }
}

/// One saga.
#[derive(Debug, Default)]
struct Slot {
    /// The intent that this process wrote and whose effect it has not sent.
    fresh: Option<IntentId>,
    running: Option<Key>,
    /// The answer, to what, and whether it is the answer to the first operation under a fresh intent.
    answer: Option<(Key, OpResult, Option<IntentId>)>,
}

/// Whether an operation may be sent.
#[derive(Debug)]
pub(super) enum Begun {
    /// One is under way already.
    Already,
    /// It may; under this intent it is the first, if there is one.
    Now {
        /// The intent that was fresh until now.
        first: Option<IntentId>,
    },
}

/// All sagas of this process, by the Remediation's name.
#[derive(Debug)]
pub(super) struct Slots {
    slots: Mutex<HashMap<String, Slot>>,
    ring: mpsc::UnboundedSender<ObjectRef<Marker>>,
}

/// What is known of one saga at the beginning of a look.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) fresh: Option<IntentId>,
    pub(super) result: Option<OpResult>,
    pub(super) busy: bool,
}

impl Slots {
    pub(super) fn new(ring: mpsc::UnboundedSender<ObjectRef<Marker>>) -> Self {
        Self { slots: Mutex::default(), ring }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an operation of the saga is under way: there is nothing to read before its end rings.
    pub(super) fn is_busy(&self, name: &str) -> bool {
        self.lock().get(name).is_some_and(|slot| slot.running.is_some())
    }

    /// Takes the answer that belongs to where the journal is, if there is one.
    pub(super) fn take(&self, name: &str, key: &Key) -> Seen {
        let mut slots = self.lock();
        let Some(slot) = slots.get_mut(name) else { return Seen::default() };
        let busy = slot.running.is_some();
        let fresh = slot.fresh.clone().filter(|fresh| key.intent.as_ref() == Some(fresh));
        match slot.answer.take() {
            Some((of, result, first)) if of == *key => Seen { fresh: first, result: Some(result), busy },
            _ => Seen { fresh, result: None, busy },
        }
    }

    /// Remembers that this process wrote this intent a moment ago.
    pub(super) fn wrote(&self, name: &str, intent: Option<IntentId>) {
        self.lock().entry(name.to_owned()).or_default().fresh = intent;
    }

    /// Marks an operation as under way. What was fresh is fresh no more: it is being sent.
    pub(super) fn begin(&self, name: &str, key: &Key) -> Begun {
        let mut slots = self.lock();
        let slot = slots.entry(name.to_owned()).or_default();
        if slot.running.is_some() {
            return Begun::Already;
        }
        slot.running = Some(key.clone());
        Begun::Now { first: slot.fresh.take().filter(|fresh| key.intent.as_ref() == Some(fresh)) }
    }

    /// Takes the answer down and has the saga looked at again. Without an answer the operation was not sent.
    pub(super) fn end(&self, name: &str, result: Option<OpResult>, first: Option<IntentId>) {
        let mut slots = self.lock();
        let Some(slot) = slots.get_mut(name) else { return };
        // What was certainly not done is still to be done, under the same intent.
        if matches!(result, Some(OpResult::NotDone(_))) {
            slot.fresh.clone_from(&first);
        }
        if let (Some(key), Some(result)) = (slot.running.take(), result) {
            slot.answer = Some((key, result, first));
        }
        drop(slots);
        self.ring(name);
    }

    /// Has a saga looked at.
    pub(super) fn ring(&self, name: &str) {
        // The receiver lives as long as the process; without one there is nothing left to look at.
        let _ = self.ring.send(ObjectRef::new(name));
    }

    /// Forgets a saga that is over.
    pub(super) fn forget(&self, name: &str) {
        self.lock().remove(name);
    }
}
