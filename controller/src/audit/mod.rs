//! The audit log: what is about to be done is on the disk before it is done, and what became of it after.
//!
//! The journal in etcd is the truth about a repair; this is the fuller record beside it, one JSON object per line.

mod file;
mod record;
mod writer;

use std::path::Path;
use std::sync::{Arc, mpsc};

use tokio::sync::oneshot;

pub use file::OpenError;
pub(crate) use record::{Effect, Event};
use writer::{Item, Writer};

use crate::watch::World;

/// A record is not on the disk, and why. What it announces must not be done.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the audit log cannot be written: {0}")]
pub(crate) struct NotDurable(Arc<str>);

/// The way to the log. Cheap to clone; the writer ends when the last one is gone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Audit {
    /// Without a file, records are log lines alone.
    items: Option<mpsc::Sender<Item>>,
}

impl Audit {
    /// Appends to the file at `path`, which is made if it is not there. While it cannot be written, the snapshot of
    /// `world` says so and nothing new starts.
    pub(crate) fn open(path: &Path, world: Arc<World>) -> Result<Self, OpenError> {
        let (items, received) = mpsc::channel();
        Writer::open(path, world)?.start(received)?;
        Ok(Self { items: Some(items) })
    }

    /// Records something that is about to be done. Comes back when the record is on the disk.
    pub(crate) async fn announce(&self, event: Event) -> Result<(), NotDurable> {
        self.send(event, false).await
    }

    /// Records something that has been done. If that fails it is kept, and written when the disk takes it again.
    pub(crate) async fn tell(&self, event: Event) -> Result<(), NotDurable> {
        self.send(event, true).await
    }

    async fn send(&self, event: Event, keep: bool) -> Result<(), NotDurable> {
        event.log();
        let Some(items) = &self.items else { return Ok(()) };
        let (written, answer) = oneshot::channel();
        // Without its writer the channel is closed, and the item with its answer is dropped.
        let _ = items.send(Item { event, keep, written });
        answer.await.unwrap_or_else(|_| Err(NotDurable("its writer has ended".into())))
    }
}
