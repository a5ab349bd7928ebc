//! Stopping a bed for good: its processes, namespaces, mounts, control groups and files.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::mount::{MntFlags, umount2};

use crate::cgroup::Cgroup;
use crate::hub;
use crate::state::{StateError, folder};

/// How long a group's folder may stay busy after its last process: the kernel lets go of it a moment later.
const RELEASE_DEADLINE: Duration = Duration::from_secs(5);

/// Stops everything that belongs to a bed and removes every trace of it.
pub(crate) fn everything_of(bed: &str) -> Result<(), StateError> {
    let group = Cgroup::for_bed(bed);
    let in_group = |source| StateError::File { path: group.path().to_owned(), source };
    group.kill().map_err(in_group)?;
    hub::delete_networks(bed)?;
    let path = folder(bed);
    let in_folder = |source| StateError::File { path: path.clone(), source };
    unmount_below(&path).map_err(in_folder)?;
    retry_while_busy(|| group.remove()).map_err(in_group)?;
    // The folder goes last: while it is there, the next start tries again.
    match fs::remove_dir_all(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(in_folder(source)),
        _ => Ok(()),
    }
}

/// Unmounts what is mounted below a folder, the latest first.
fn unmount_below(folder: &Path) -> io::Result<()> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let targets = mounts.lines().rev().filter_map(|line| line.split(' ').nth(4)).map(Path::new);
    for target in targets.filter(|target| target.starts_with(folder)) {
        umount2(target, MntFlags::MNT_DETACH)?;
    }
    Ok(())
}

fn retry_while_busy(action: impl Fn() -> io::Result<()>) -> io::Result<()> {
    let deadline = Instant::now() + RELEASE_DEADLINE;
    loop {
        match action() {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(20));
            }
            done => return done,
        }
    }
}
