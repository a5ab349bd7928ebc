//! The controller's process: started inside the bed's network as its restricted identity, killed at will, never left behind.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use nodemend_bed::{Bed, process};

use crate::{E2eError, program};

/// How long a controller may take to end when it is asked to.
const ENDS: Duration = Duration::from_secs(10);
/// How often that is looked at.
const POLL: Duration = Duration::from_millis(20);
/// How many lines of the log an error shows.
const SHOWN_LINES: usize = 40;
/// How much of each.
const SHOWN_COLUMNS: usize = 300;

/// A dozen machines share the processors with the API server here, and hold its answers up. What a short Lease does is tested
/// by itself; a controller that is killed is followed at once on the same machine, however long its Lease.
const PATIENT: [&str; 4] = ["--lease-duration", "60s", "--renew-deadline", "45s"];

/// A running controller. Dropping it ends its process.
#[derive(Debug)]
pub struct Controller {
    process: Child,
    log: PathBuf,
}

impl Controller {
    /// Starts one with further options. Its output is appended to the log that its predecessors wrote.
    pub fn start(bed: &Bed, options: &[String]) -> Result<Self, E2eError> {
        let patient = PATIENT.iter().map(ToString::to_string);
        let options: Vec<_> = patient.chain(options.iter().cloned()).collect();
        Self::start_as(bed, bed.controller_kubeconfig(), &options)
    }

    /// The same with another kubeconfig, such as one that leads through the fault proxy.
    pub fn start_as(bed: &Bed, kubeconfig: &Path, options: &[String]) -> Result<Self, E2eError> {
        let log = log_file(bed);
        let mut file =
            OpenOptions::new().create(true).append(true).open(&log).map_err(E2eError::file(&log))?;
        writeln!(file, "--- started by the test").map_err(E2eError::file(&log))?;
        // A group of its own: what a killed test or demo left running is ended first. Two controllers are one too many.
        let hub = bed.hub();
        let group = hub.cgroup.child("nodemend");
        group.create().and_then(|()| group.kill()).map_err(E2eError::file(group.path()))?;
        let mut command = process::command(&group, Some(&hub.netns), program::nodemend()?);
        command.args(["controller", "--listen", "127.0.0.1:0", "--kubeconfig"]).arg(kubeconfig);
        command.args(options).env_remove("KUBECONFIG");
        Ok(Self { process: process::start_logged(&mut command, &log)?, log })
    }

    /// Ends it the way a power cut does: nothing of it runs any more when this returns.
    pub fn kill(&mut self) -> Result<(), E2eError> {
        let log = &self.log;
        self.process.kill().and_then(|()| self.process.wait()).map_err(E2eError::file(log))?;
        Ok(())
    }

    /// Asks it to end, and waits until it has.
    pub fn stop(mut self) -> Result<(), E2eError> {
        let pid = Pid::from_raw(i32::try_from(self.process.id()).unwrap_or(i32::MAX));
        kill(pid, Signal::SIGTERM).map_err(|error| E2eError::file(&self.log)(error.into()))?;
        let asked = Instant::now();
        while self.process.try_wait().map_err(E2eError::file(&self.log))?.is_none() {
            if asked.elapsed() > ENDS {
                return Err(E2eError::ControllerStays { waited: ENDS });
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// The most memory that it has held at once, in KiB.
    pub fn peak_memory(&self) -> Result<u64, E2eError> {
        let path = PathBuf::from(format!("/proc/{}/status", self.process.id()));
        let status = std::fs::read_to_string(&path).map_err(E2eError::file(&path))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok()).ok_or_else(|| E2eError::Answer {
            request: path.display().to_string(),
            problem: "it does not tell VmHWM".to_owned(),
        })
    }

    /// An error if it has ended by itself.
    pub fn check(&mut self) -> Result<(), E2eError> {
        match self.process.try_wait().map_err(E2eError::file(&self.log))? {
            None => Ok(()),
            Some(status) => Err(E2eError::ControllerEnded { status, log: last_lines(&self.log) }),
        }
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        // A process that has ended already is what is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The log of all controllers of a bed.
pub fn log_file(bed: &Bed) -> PathBuf {
    bed.hub().log("nodemend-controller")
}

/// The end of a controller's log.
pub fn last_lines(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> =
        text.lines().map(|line| line.chars().take(SHOWN_COLUMNS).collect::<String>()).collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}
