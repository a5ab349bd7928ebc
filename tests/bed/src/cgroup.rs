//! Control groups: everything that a bed starts can be found and stopped through them.
//!
//! A bed owns the group `nodemend-bed/NAME` in the unified hierarchy. Processes live in its children (`hub`, `hosts/…`)
//! and never in the group itself, because a group with controllers for its children may hold no processes.
//! On machines that still mount version 1 controllers the same path may exist below each of them; see [`v1_hierarchies`].

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The folder of all beds in every hierarchy.
const PARENT: &str = "nodemend-bed";
/// How long a killed group may take to become empty. Killing is asynchronous; a process in an uninterruptible wait is the slow case.
const KILL_DEADLINE: Duration = Duration::from_secs(10);

/// One control group of the unified hierarchy.
#[derive(Debug, Clone)]
pub struct Cgroup {
    path: PathBuf,
    /// The path below the root of the hierarchy, for the same group in a version 1 hierarchy.
    relative: PathBuf,
}

impl Cgroup {
    /// The group of a bed. It is not created.
    pub fn for_bed(bed: &str) -> Self {
        Self::at(Path::new(PARENT).join(bed))
    }

    /// A group inside this one. It is not created.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        Self::at(self.relative.join(name))
    }

    fn at(relative: PathBuf) -> Self {
        Self { path: unified_root().join(&relative), relative }
    }

    /// The group's folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The same group in the version 1 hierarchy mounted at `hierarchy`. It is not created.
    pub fn in_hierarchy(&self, hierarchy: &Path) -> PathBuf {
        hierarchy.join(&self.relative)
    }

    /// The file to which a process writes its id to join.
    pub fn procs_file(&self) -> PathBuf {
        self.path.join("cgroup.procs")
    }

    /// Creates the group with all its parents.
    pub fn create(&self) -> io::Result<()> {
        fs::create_dir_all(&self.path)
    }

    /// Kills every process in the group and below, and waits until none is left. A group that does not exist is fine.
    pub fn kill(&self) -> io::Result<()> {
        let deadline = Instant::now() + KILL_DEADLINE;
        while populated(&self.path)? {
            fs::write(self.path.join("cgroup.kill"), "1")?;
            if Instant::now() > deadline {
                let message = format!("processes in {} survive being killed", self.path.display());
                return Err(io::Error::new(io::ErrorKind::TimedOut, message));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Removes the group with everything below it, here and in the version 1 hierarchies. Its processes must be gone.
    pub fn remove(&self) -> io::Result<()> {
        remove_tree(&self.path)?;
        for hierarchy in v1_hierarchies() {
            remove_tree(&self.in_hierarchy(&hierarchy))?;
        }
        Ok(())
    }
}

/// Where the unified hierarchy is mounted: next to version 1 controllers on a hybrid machine, else at the usual place.
pub fn unified_root() -> PathBuf {
    let hybrid = Path::new("/sys/fs/cgroup/unified");
    if hybrid.join("cgroup.procs").exists() { hybrid.to_owned() } else { "/sys/fs/cgroup".into() }
}

/// The mounted version 1 hierarchies, the named `systemd` among them; empty on a machine with the unified hierarchy alone.
pub fn v1_hierarchies() -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ');
            let (target, kind) = (fields.nth(1)?, fields.next()?);
            (kind == "cgroup" && target.starts_with("/sys/fs/cgroup/")).then(|| PathBuf::from(target))
        })
        .collect()
}

fn populated(group: &Path) -> io::Result<bool> {
    match fs::read_to_string(group.join("cgroup.events")) {
        Ok(events) => Ok(events.lines().any(|line| line == "populated 1")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes a tree of groups, innermost first: their files cannot be deleted, only the folders.
fn remove_tree(group: &Path) -> io::Result<()> {
    for child in subfolders(group)? {
        remove_tree(&child)?;
    }
    match fs::remove_dir(group) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn subfolders(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => {
            let entries: Vec<_> = entries.collect::<Result<_, _>>()?;
            Ok(entries.iter().map(fs::DirEntry::path).filter(|path| path.is_dir()).collect())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
