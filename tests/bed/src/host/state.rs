//! What a host is and runs, read from outside: works whatever state PID 1 and SSH are in.

use std::fs;
use std::path::PathBuf;

use super::{Host, HostError};
use crate::image::running_version;

/// What PID 1 of a host executes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningSystemd {
    /// The version that the running program names; none if it is not one of the bed's packages.
    pub version: Option<String>,
    /// Whether the file has been replaced or removed since PID 1 began to execute it.
    pub deleted: bool,
}

impl Host {
    /// The id of the host's PID 1, as this machine sees it.
    pub fn pid1(&self) -> Result<u32, HostError> {
        // systemd moves itself to init.scope in the first moments of a boot.
        let payload = self.machine_group().path().join("payload");
        [payload.join("init.scope/cgroup.procs"), payload.join("cgroup.procs")]
            .iter()
            .find_map(|file| fs::read_to_string(file).ok()?.lines().next()?.parse().ok())
            .ok_or_else(|| HostError::Off(self.spec.name.clone()))
    }

    /// Whether the host is running, in whatever state.
    pub fn is_running(&self) -> bool {
        self.pid1().is_ok()
    }

    /// The id of the present boot.
    pub fn boot_id(&self) -> Result<String, HostError> {
        let path = self.proc("root/proc/sys/kernel/random/boot_id")?;
        let text = fs::read_to_string(&path).map_err(|source| self.file_error(path, source))?;
        Ok(text.trim().to_owned())
    }

    /// What the RPM database says of the package `systemd`: `VERSION-RELEASE`, a line each if there are several.
    pub fn installed_systemd(&self) -> Result<String, HostError> {
        let versions = self.run_checked("rpm -q systemd --qf '%{VERSION}-%{RELEASE}\\n'")?;
        Ok(versions.trim().to_owned())
    }

    /// What PID 1 executes, as `/proc/1/exe` says.
    pub fn running_systemd(&self) -> Result<RunningSystemd, HostError> {
        let exe = self.proc("exe")?;
        let failed = |source| self.file_error(exe.clone(), source);
        let target = fs::read_link(&exe).map_err(failed)?;
        let program = fs::read(&exe).map_err(failed)?;
        let deleted = target.to_string_lossy().ends_with(" (deleted)");
        Ok(RunningSystemd { version: running_version(&program), deleted })
    }

    fn proc(&self, name: &str) -> Result<PathBuf, HostError> {
        Ok(PathBuf::from(format!("/proc/{}/{name}", self.pid1()?)))
    }

    pub(crate) fn file_error(&self, path: impl Into<PathBuf>, source: std::io::Error) -> HostError {
        HostError::File { host: self.spec.name.clone(), path: path.into(), source }
    }
}
