//! A host's control groups: what limits its pods, and what ends and freezes the host as a whole.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Host, HostError};
use crate::cgroup::{Cgroup, unified_root, v1_hierarchies};

/// The controllers that a kubelet asks for. On a machine with the unified hierarchy alone they are handed down in it.
const CONTROLLERS: [&str; 5] = ["cpu", "cpuset", "io", "memory", "pids"];

impl Host {
    /// Creates the host's groups: `supervisor`, `machine` and `tools` in the unified hierarchy, since a group that hands
    /// controllers down may hold no processes itself, and one in each version 1 hierarchy.
    pub(super) fn create_groups(&self) -> Result<(), HostError> {
        for child in ["supervisor", "machine", "tools"] {
            let group = self.cgroup.child(child);
            group.create().map_err(|source| self.file_error(group.path(), source))?;
        }
        hand_down_controllers(&self.cgroup).map_err(|source| self.file_error(self.cgroup.path(), source))?;
        for hierarchy in v1_hierarchies() {
            let group = self.cgroup.in_hierarchy(&hierarchy);
            create_v1(&hierarchy, &group).map_err(|source| self.file_error(group, source))?;
        }
        Ok(())
    }

    /// The host's groups in the version 1 hierarchies; empty on a machine without those.
    pub(super) fn v1_groups(&self) -> Vec<PathBuf> {
        v1_hierarchies().iter().map(|hierarchy| self.cgroup.in_hierarchy(hierarchy)).collect()
    }

    /// Freezes or thaws the machine. A frozen host is still there to the network, but nothing in it runs.
    pub(crate) fn set_frozen(&self, frozen: bool) -> Result<(), HostError> {
        let file = self.machine_group().path().join("cgroup.freeze");
        fs::write(&file, if frozen { "1" } else { "0" }).map_err(|source| self.file_error(file, source))
    }
}

/// Enables the controllers that exist for the children of every group from the root down to `group`.
fn hand_down_controllers(group: &Cgroup) -> io::Result<()> {
    let root = unified_root();
    let mut ancestors: Vec<_> = group.path().ancestors().take_while(|path| path.starts_with(&root)).collect();
    ancestors.reverse();
    for ancestor in ancestors {
        let available = fs::read_to_string(ancestor.join("cgroup.controllers"))?;
        for controller in available.split_whitespace().filter(|name| CONTROLLERS.contains(name)) {
            fs::write(ancestor.join("cgroup.subtree_control"), format!("+{controller}"))?;
        }
    }
    Ok(())
}

/// Creates a group with its parents in a version 1 hierarchy. A new cpuset group is empty, so it gets what its parent has.
///
/// Groups that exist are filled too: another thread may have just created them.
fn create_v1(hierarchy: &Path, group: &Path) -> io::Result<()> {
    let Some(parent) = group.parent().filter(|_| group != hierarchy) else { return Ok(()) };
    create_v1(hierarchy, parent)?;
    match fs::create_dir(group) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    for file in ["cpuset.cpus", "cpuset.mems"] {
        if fs::read_to_string(group.join(file)).is_ok_and(|value| value.trim().is_empty()) {
            fs::write(group.join(file), fs::read_to_string(parent.join(file))?)?;
        }
    }
    Ok(())
}
