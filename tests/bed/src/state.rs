//! What is known about the beds on this machine: their folders, who owns them, and removing those that nobody owns.
//!
//! A bed belongs to the process that started it, named by id and start time, because ids are used again. When that
//! process is gone, the next start of any bed removes what is left. A detached bed belongs to nobody and stays.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::build::Binaries;
use crate::process::ProcessError;
use crate::remove;

/// Why the record of a bed could not be used, or a bed not be removed.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The name cannot be used.
    #[error("`{0}` is not a bed name: use 1 to 20 lower-case letters and digits")]
    Name(String),
    /// A running process owns the bed.
    #[error("bed `{bed}` belongs to process {pid}, which is running; use another name or end that process")]
    InUse {
        /// The bed.
        bed: String,
        /// Its owner.
        pid: u32,
    },
    /// There is no such bed.
    #[error("there is no bed `{0}`; `bed status` lists them, `bed up --name {0}` starts it")]
    NotFound(String),
    /// A file or folder of the bed could not be used.
    #[error("cannot use {path}: {source}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A network namespace could not be deleted.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

/// To whom a bed belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Owner {
    /// The process that started it.
    Process {
        /// Its id.
        pid: u32,
        /// When it started, in clock ticks since the machine's boot.
        started: u64,
    },
    /// Nobody: the bed stays until it is taken down.
    Detached,
}

impl Owner {
    /// This process.
    pub(crate) fn this_process() -> Self {
        let pid = std::process::id();
        Self::Process { pid, started: start_time(pid).unwrap_or_default() }
    }

    /// Whether the bed still belongs to somebody.
    pub fn is_alive(self) -> bool {
        match self {
            Self::Process { pid, started } => start_time(pid) == Some(started),
            Self::Detached => true,
        }
    }
}

/// The record of a bed, `state.json` in its folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct State {
    /// To whom the bed belongs.
    pub owner: Owner,
    /// The programs that it runs.
    pub binaries: Binaries,
    /// The images that its hosts import.
    pub images: Vec<PathBuf>,
}

impl State {
    /// Reads the record of a bed.
    pub fn read(bed: &str) -> Result<Self, StateError> {
        let text = fs::read_to_string(file(bed)).map_err(|_| StateError::NotFound(bed.to_owned()))?;
        serde_json::from_str(&text)
            .map_err(|error| StateError::File { path: file(bed), source: error.into() })
    }

    pub(crate) fn write(&self, bed: &str) -> Result<(), StateError> {
        let failed = |source: io::Error| StateError::File { path: file(bed), source };
        let text = serde_json::to_string_pretty(self).map_err(|error| failed(error.into()))?;
        // Renamed into place, so that a reader never sees half of it.
        let unfinished = file(bed).with_extension("unfinished");
        fs::write(&unfinished, text).and_then(|()| fs::rename(&unfinished, file(bed))).map_err(failed)
    }
}

/// The folder of all beds: `NODEMEND_BED_STATE`, else `/run/nodemend-bed`.
pub fn root() -> PathBuf {
    std::env::var_os("NODEMEND_BED_STATE").map_or_else(|| "/run/nodemend-bed".into(), PathBuf::from)
}

/// The folder of one bed.
pub fn folder(bed: &str) -> PathBuf {
    root().join(bed)
}

/// The names of the beds on this machine, in order.
pub fn beds() -> Vec<String> {
    let entries = fs::read_dir(root()).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.path().is_dir());
    let mut names: Vec<_> = folders.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

/// Removes beds without an owner, then takes `bed` for this process: an earlier one of that name is removed.
pub(crate) fn claim(bed: &str, state: &State) -> Result<(), StateError> {
    check_name(bed)?;
    let _lock = lock()?;
    for name in beds() {
        let owner = State::read(&name).ok().map(|state| state.owner);
        match owner {
            Some(owner) if owner.is_alive() && name != bed => {}
            Some(Owner::Process { pid, .. }) if owner.is_some_and(Owner::is_alive) => {
                return Err(StateError::InUse { bed: name, pid });
            }
            _ => remove::everything_of(&name)?,
        }
    }
    // What a bed of this name left outside its folder, when that was in another place.
    remove::everything_of(bed)?;
    fs::create_dir_all(folder(bed)).map_err(|source| StateError::File { path: folder(bed), source })?;
    state.write(bed)
}

/// Stops a bed, whoever started it.
pub fn stop(bed: &str) -> Result<(), StateError> {
    check_name(bed)?;
    if !folder(bed).exists() {
        return Err(StateError::NotFound(bed.to_owned()));
    }
    let _lock = lock()?;
    remove::everything_of(bed)
}

fn check_name(bed: &str) -> Result<(), StateError> {
    // No `-`: it ends the bed's part of a namespace's name.
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if bed.is_empty() || bed.len() > 20 || !bed.chars().all(legal) {
        return Err(StateError::Name(bed.to_owned()));
    }
    Ok(())
}

fn file(bed: &str) -> PathBuf {
    folder(bed).join("state.json")
}

/// Only one process at a time looks for dead beds and claims a name.
fn lock() -> Result<File, StateError> {
    let path = root().join("lock");
    let attempt = || {
        fs::create_dir_all(root())?;
        let file = File::options().create(true).append(true).open(&path)?;
        file.lock()?;
        Ok(file)
    };
    attempt().map_err(|source| StateError::File { path: path.clone(), source })
}

/// The start time of a process, in clock ticks since boot; nothing if there is no such process.
fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Field 22; the second field is the program's name in parentheses and may hold spaces.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_start_time_too() {
        let Owner::Process { pid, started } = Owner::this_process() else {
            panic!("this process owns itself")
        };
        assert!(Owner::Process { pid, started }.is_alive());
        assert!(!Owner::Process { pid, started: started + 1 }.is_alive());
    }

    #[test]
    fn names_that_would_mix_up_namespaces_are_refused() {
        assert!(check_name("demo2").is_ok());
        for name in ["", "a-b", "Upper", "../x", "averyveryverylongbedname"] {
            assert!(matches!(check_name(name), Err(StateError::Name(_))), "{name}");
        }
    }
}
