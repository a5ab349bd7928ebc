//! The file of the audit log: appended to, synced, never written over.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// How much of the end of the file is read for the last record: a record has a host's output of some KiB at most.
const TAIL: u64 = 1 << 20;

/// The file cannot be appended to.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The system refuses.
    #[error("cannot open {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Another process writes it: two chains in one file would be none.
    #[error("{0} is written by another process; give each controller a file of its own")]
    InUse(PathBuf),
    /// What is in it is no audit log.
    #[error("{0} ends in something that is no audit record; move it away or name another file")]
    Foreign(PathBuf),
}

/// The open file.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
}

impl LogFile {
    /// Opens the file, makes it if it is not there, and says the sequence of its last record; 0 for an empty one. A
    /// record that was cut off stays as it is, on a line of its own.
    pub(super) fn open(path: &Path) -> Result<(Self, u64), OpenError> {
        let failed = |source| OpenError::Io { path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        let mut file = options.read(true).append(true).create(true).mode(0o600).open(path).map_err(failed)?;
        file.try_lock().map_err(|_| OpenError::InUse(path.to_owned()))?;
        // A file that is on the disk under no name is lost with the machine's power.
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        }
        let tail = tail(&mut file).map_err(failed)?;
        let last = last_sequence(&tail).ok_or_else(|| OpenError::Foreign(path.to_owned()))?;
        if tail.last().is_some_and(|byte| *byte != b'\n') {
            file.write_all(b"\n").map_err(failed)?;
        }
        Ok((Self { path: path.to_owned(), file }, last))
    }

    /// Appends whole lines and has them on the disk when it comes back.
    pub(super) fn append(&mut self, lines: &[u8]) -> std::io::Result<()> {
        self.file.write_all(lines)?;
        self.file.sync_data()
    }

    /// Whether the file still has its name: a tool that rotates logs moves it away.
    pub(super) fn is_in_place(&self) -> bool {
        let ours = self.file.metadata().map(|ours| (ours.dev(), ours.ino()));
        let named = std::fs::metadata(&self.path).map(|named| (named.dev(), named.ino()));
        matches!((ours, named), (Ok(ours), Ok(named)) if ours == named)
    }
}

fn tail(file: &mut File) -> std::io::Result<Vec<u8>> {
    // A device has no length, and no end to read.
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.take(length.min(TAIL)).read_to_end(&mut tail)?;
    Ok(tail)
}

/// The highest sequence of the tail's records; 0 for an empty file, nothing for one without any record.
fn last_sequence(tail: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Numbered {
        sequence: u64,
    }
    if tail.is_empty() {
        return Some(0);
    }
    let mut lines = tail.rsplit(|byte| *byte == b'\n');
    lines.find_map(|line| Some(serde_json::from_slice::<Numbered>(line).ok()?.sequence))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(folder: &tempfile::TempDir) -> PathBuf {
        folder.path().join("audit.jsonl")
    }

    #[test]
    fn a_record_that_was_cut_off_stays_and_the_count_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(log(&folder), "{\"sequence\":6}\n{\"sequence\":7}\n{\"sequence\":8,\"eve").unwrap();
        let (mut file, last) = LogFile::open(&log(&folder)).unwrap();
        assert_eq!(last, 7);
        file.append(b"{\"sequence\":8}\n").unwrap();
        let text = std::fs::read_to_string(log(&folder)).unwrap();
        assert!(text.ends_with("{\"sequence\":8,\"eve\n{\"sequence\":8}\n"), "{text}");
    }

    #[test]
    fn a_file_that_is_no_audit_log_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(log(&folder), "notes of somebody").unwrap();
        assert!(matches!(LogFile::open(&log(&folder)), Err(OpenError::Foreign(_))));
        assert_eq!(std::fs::read_to_string(log(&folder)).unwrap(), "notes of somebody");
    }

    #[test]
    fn two_processes_do_not_share_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let first = LogFile::open(&log(&folder)).unwrap();
        assert!(matches!(LogFile::open(&log(&folder)), Err(OpenError::InUse(_))));
        drop(first);
        assert!(LogFile::open(&log(&folder)).is_ok());
    }

    #[test]
    fn a_file_that_was_moved_away_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let (file, _) = LogFile::open(&log(&folder)).unwrap();
        assert!(file.is_in_place());
        std::fs::rename(log(&folder), folder.path().join("audit.jsonl.1")).unwrap();
        assert!(!file.is_in_place());
    }
}
