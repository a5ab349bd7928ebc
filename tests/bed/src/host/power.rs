//! A host's power: on, off, and back to how it was made.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::{Host, HostError};
use crate::hub;
use crate::image::systemd_layer;
use crate::process;

const SUPERVISE: &str = include_str!("files/supervise.sh");
const BOOT: &str = include_str!("files/boot.sh");
/// How long a host may take to its first login. It takes 0.6 s alone, and about 4 s when two cores start several nodes.
const BOOT_DEADLINE: Duration = Duration::from_mins(1);

impl Host {
    /// Boots the host and waits until its user can log in. A host that runs is left alone.
    pub fn power_on(&self) -> Result<(), HostError> {
        if !self.is_supervised() {
            self.start()?;
        }
        self.wait_for_ssh(BOOT_DEADLINE)
    }

    /// Cuts the power: every process of the host ends at once, nothing is written back.
    pub fn power_off(&self) -> Result<(), HostError> {
        self.cgroup.kill().map_err(|source| self.file_error(self.cgroup.path(), source))?;
        // The supervisor was killed too, so it cannot tidy up.
        if hub::netns_path(&self.netns).exists() {
            process::run(Command::new("ip").args(["netns", "delete", &self.netns]))?;
        }
        self.cgroup.remove().map_err(|source| self.file_error(self.cgroup.path(), source))
    }

    /// Puts the host back to how it was made, with an empty disk and the first version of systemd, and boots it.
    pub fn reset(&self) -> Result<(), HostError> {
        self.power_off()?;
        self.remove_disk()?;
        self.set_stays_down(false)?;
        self.create_disk()?;
        self.power_on()
    }

    /// Whether something keeps the host running: true from power on to power off, through reboots.
    pub fn is_supervised(&self) -> bool {
        let processes = self.cgroup.child("supervisor").procs_file();
        fs::read_to_string(processes).is_ok_and(|processes| !processes.is_empty())
    }

    /// Decides whether the host stays off after its next reboot, as one does that never comes back.
    pub(crate) fn set_stays_down(&self, stays_down: bool) -> Result<(), HostError> {
        let path = self.path("stay-down");
        let result = if stays_down { fs::write(&path, "") } else { fs::remove_file(&path) };
        match result {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(self.file_error(path, error)),
            _ => Ok(()),
        }
    }

    pub(super) fn create_disk(&self) -> Result<(), HostError> {
        let disk = self.disk();
        fs::create_dir_all(&disk).map_err(|source| self.file_error(&disk, source))?;
        let size = format!("size={},mode=755", self.spec.disk);
        process::run(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "nodemend-bed"]).arg(&disk))?;
        for folder in ["upper", "work", "containerd", "kubelet"] {
            let folder = disk.join(folder);
            fs::create_dir(&folder).map_err(|source| self.file_error(folder, source))?;
        }
        Ok(())
    }

    fn remove_disk(&self) -> Result<(), HostError> {
        process::run(Command::new("umount").arg(self.disk()))?;
        Ok(())
    }

    /// Starts the supervisor, which outlives this process.
    pub(super) fn start(&self) -> Result<(), HostError> {
        self.create_groups()?;
        let root = self.path("root");
        fs::create_dir_all(&root).map_err(|source| self.file_error(root, source))?;
        for (name, text) in [("supervise.sh", SUPERVISE), ("boot.sh", BOOT)] {
            let path = self.path(name);
            fs::write(&path, text).map_err(|source| self.file_error(path, source))?;
        }
        // `setsid --fork` ends at once, so that this process has no child to wait for.
        let mut supervisor = process::command(&self.cgroup.child("supervisor"), None, "setsid");
        supervisor.args(["--fork", "sh"]).arg(self.path("supervise.sh")).envs(self.variables()?);
        let mut start = process::start_logged(&mut supervisor, &self.log())?;
        start.wait().map_err(|source| self.file_error(self.log(), source))?;
        Ok(())
    }

    /// What the scripts want to know.
    fn variables(&self) -> Result<Vec<(&'static str, String)>, HostError> {
        let text = |path: PathBuf| path.display().to_string();
        let groups: Vec<_> = self.v1_groups().into_iter().map(text).collect();
        Ok(vec![
            ("NAME", self.spec.name.clone()),
            ("DIR", text(self.dir.clone())),
            ("BASE", text(self.base.root().to_owned())),
            ("SYSTEMD_LAYER", text(systemd_layer(&self.base, &self.spec.systemd)?)),
            ("GROUP", text(self.cgroup.path().to_owned())),
            ("V1_GROUPS", groups.join(" ")),
            ("NETNS", self.netns.clone()),
            ("HUB_NETNS", self.hub_netns.clone()),
            ("BRIDGE", hub::BRIDGE.to_owned()),
            ("PORT", self.number.port()),
            ("MAC", self.number.mac()),
            ("ADDRESS", self.address().to_string()),
            ("PREFIX_LENGTH", hub::PREFIX_LENGTH.to_string()),
            ("GATEWAY", hub::ADDRESS.to_string()),
            ("PROGRAM_BINDS", self.program_binds.clone()),
        ])
    }
}
