//! The one thread that writes the audit log: whatever waits is written together and synced once.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::NotDurable;
use super::file::{LogFile, OpenError};
use super::record::{Event, Line};
use crate::clock::now;
use crate::watch::World;

/// How many records are synced together at most.
const TOGETHER: usize = 512;
/// How many records of what has been done are kept in memory while the disk takes none: some hours of a busy fleet.
const KEPT: usize = 10_000;
/// How long until a disk that took nothing is tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// A record on its way.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) event: Event,
    /// Whether it is kept for later when it cannot be written: what it says has happened.
    pub(super) keep: bool,
    pub(super) written: oneshot::Sender<Result<(), NotDurable>>,
}

/// What writes.
#[derive(Debug)]
pub(super) struct Writer {
    path: PathBuf,
    /// None while the file cannot be written.
    file: Option<LogFile>,
    sequence: u64,
    kept: Vec<Event>,
    world: Arc<World>,
}

impl Writer {
    pub(super) fn open(path: &Path, world: Arc<World>) -> Result<Self, OpenError> {
        let (file, sequence) = LogFile::open(path)?;
        Ok(Self { path: path.to_owned(), file: Some(file), sequence, kept: vec![opened()], world })
    }

    /// Writes until nobody can send any more.
    pub(super) fn start(mut self, items: Receiver<Item>) -> Result<(), OpenError> {
        let path = self.path.clone();
        let thread = std::thread::Builder::new().name("audit".into()).spawn(move || {
            self.write(Vec::new());
            while let Some(waiting) = wait(&items, !self.kept.is_empty()) {
                self.write(waiting);
            }
        });
        thread.map(drop).map_err(|source| OpenError::Io { path, source })
    }

    /// Writes what was kept, then what waits, and answers everybody.
    fn write(&mut self, items: Vec<Item>) {
        let events: Vec<&Event> = self.kept.iter().chain(items.iter().map(|item| &item.event)).collect();
        let written = append(&mut self.file, &self.path, &mut self.sequence, &events);
        self.say(written.as_ref().err());
        if written.is_ok() {
            self.kept.clear();
        }
        for item in items {
            if written.is_err() && item.keep && self.kept.len() < KEPT {
                self.kept.push(item.event);
            }
            // Whoever asked may have ended.
            let _ = item.written.send(written.clone());
        }
    }

    /// Has everybody know whether the log can be written.
    fn say(&mut self, failure: Option<&NotDurable>) {
        let failure = failure.map(ToString::to_string);
        let mut known = self.world.look();
        let before = std::mem::replace(&mut known.snapshot.audit_failure, failure.clone());
        drop(known);
        if before == failure {
            return;
        }
        if let Some(failure) = &failure {
            tracing::error!(failure, "nothing new starts");
        } else {
            tracing::info!(file = %self.path.display(), "the audit log can be written again");
        }
        if before.is_none() {
            // Tried again and again, and the first record when the disk takes any.
            self.kept.insert(0, opened());
        }
        self.world.ring();
    }
}

const fn opened() -> Event {
    Event::Opened { version: env!("CARGO_PKG_VERSION") }
}

/// Waits for records and takes all that are there; nothing once nobody can send any more. What was kept is tried
/// again after a while, whether anything has come or not.
fn wait(items: &Receiver<Item>, retry: bool) -> Option<Vec<Item>> {
    let first = if retry {
        match items.recv_timeout(AGAIN) {
            Ok(item) => Some(item),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    } else {
        Some(items.recv().ok()?)
    };
    Some(first.into_iter().chain(items.try_iter().take(TOGETHER)).collect())
}

/// Appends records. A file that is not in its place, or that failed before, is opened anew.
fn append(
    file: &mut Option<LogFile>,
    path: &Path,
    sequence: &mut u64,
    events: &[&Event],
) -> Result<(), NotDurable> {
    let failed = |error: &dyn std::fmt::Display| NotDurable(error.to_string().into());
    let mut open = if let Some(open) = file.take().filter(LogFile::is_in_place) {
        open
    } else {
        let (opened, last) = LogFile::open(path).map_err(|error| failed(&error))?;
        *sequence = last.max(*sequence);
        opened
    };
    let (mut next, mut lines) = (*sequence, Vec::new());
    for event in events {
        next += 1;
        let line = Line { sequence: next, time: now(), event };
        serde_json::to_writer(&mut lines, &line).map_err(|error| failed(&error))?;
        lines.push(b'\n');
    }
    open.append(&lines).map_err(|error| failed(&format_args!("{}: {error}", path.display())))?;
    *sequence = next;
    *file = Some(open);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::audit::Audit;

    fn released() -> Event {
        Event::Released { grants: Vec::new() }
    }

    fn lines(path: &Path) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[tokio::test]
    async fn a_record_is_on_the_disk_when_its_announcement_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let audit = Audit::open(&path, Arc::new(World::default())).unwrap();
        let all = (0..100).map(|_| audit.announce(released()));
        assert!(futures::future::join_all(all).await.iter().all(Result::is_ok));
        let lines = lines(&path);
        let sequences: Vec<u64> = lines.iter().map(|line| line["sequence"].as_u64().unwrap()).collect();
        assert_eq!(sequences, (1..=101).collect::<Vec<u64>>());
        assert_eq!(lines[0]["event"], "opened");
    }

    #[tokio::test]
    async fn a_full_disk_stops_what_is_new_and_says_so() {
        let world = Arc::new(World::default());
        let audit = Audit::open(Path::new("/dev/full"), world.clone()).unwrap();
        let refused = audit.announce(released()).await.unwrap_err().to_string();
        assert!(refused.contains("/dev/full: No space left"), "{refused}");
        assert_eq!(world.look().snapshot.audit_failure.as_deref(), Some(refused.as_str()));
    }

    #[test]
    fn what_has_been_done_is_kept_until_the_disk_takes_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let world = Arc::new(World::default());
        let mut writer = Writer::open(&path, world.clone()).unwrap();
        let send = |writer: &mut Writer, keep| {
            let (written, mut answer) = oneshot::channel();
            writer.write(vec![Item { event: released(), keep, written }]);
            answer.try_recv().unwrap()
        };
        writer.path = folder.path().join("gone/audit.jsonl");
        writer.file = None;
        assert!(send(&mut writer, true).is_err() && send(&mut writer, false).is_err());
        assert!(world.look().snapshot.audit_failure.is_some());
        writer.path = path.clone();
        assert!(send(&mut writer, false).is_ok());
        assert_eq!(world.look().snapshot.audit_failure, None);
        let events: Vec<_> = lines(&path).iter().map(|line| line["event"].clone()).collect();
        assert_eq!(events, ["opened", "opened", "released", "released"]);
    }

    #[test]
    fn a_file_that_was_moved_away_is_made_anew_and_the_count_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let mut writer = Writer::open(&path, Arc::new(World::default())).unwrap();
        writer.write(Vec::new());
        std::fs::rename(&path, folder.path().join("audit.jsonl.1")).unwrap();
        let (written, _) = oneshot::channel();
        writer.write(vec![Item { event: released(), keep: false, written }]);
        assert_eq!(lines(&path)[0]["sequence"], 2);
    }

    #[test]
    fn it_ends_when_nobody_can_send() {
        let (items, received) = channel::<Item>();
        drop(items);
        assert!(wait(&received, true).is_none() && wait(&received, false).is_none());
    }
}
