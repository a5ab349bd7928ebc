//! `node.systemd-running-stale`: is the running PID 1 still the installed file?
//!
//! `/proc/1/exe` alone decides. On Enterprise Linux 7 both D-Bus and `systemctl --version` say a bare `219`
//! whichever build runs.

use nodemend_core::facts::Facts;
use nodemend_core::finding::Severity;

use crate::check::{Check, Finding};
use crate::config::CheckConfig;

/// Whether PID 1 runs a file that has been replaced.
#[derive(Debug, Clone, Copy)]
pub struct SystemdRunningStale;

impl Check for SystemdRunningStale {
    fn id(&self) -> &'static str {
        "node.systemd-running-stale"
    }

    fn severity(&self) -> Severity {
        Severity::Error
    }

    fn description(&self) -> &'static str {
        "PID 1 runs the systemd that is installed, not one that was replaced by a package change"
    }

    fn source(&self) -> &'static str {
        "proc(5): /proc/PID/exe ends in ` (deleted)` once the file was replaced"
    }

    fn identity(&self) -> &'static [&'static str] {
        &["running"]
    }

    fn evaluate(&self, facts: &Facts, _: &CheckConfig) -> Finding {
        match (facts.pid1_is_stale(), &facts.pid1_exe) {
            (Some(true), Some(exe)) => Finding::fail("PID 1 runs a file that has been replaced")
                .with("running", "stale")
                .with("exe", exe),
            (Some(false), Some(exe)) => {
                Finding::pass("PID 1 runs the installed file").with("running", "current").with("exe", exe)
            }
            _ => Finding::unknown("/proc/1/exe could not be read"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nodemend_core::finding::CheckState;

    #[test]
    fn the_link_of_pid_1_decides() {
        let state = |exe: Option<&str>| {
            let facts = Facts { pid1_exe: exe.map(str::to_owned), ..Facts::default() };
            SystemdRunningStale.evaluate(&facts, &CheckConfig::default()).state
        };
        assert_eq!(state(Some("/usr/lib/systemd/systemd")), CheckState::Pass);
        assert_eq!(state(Some("/usr/lib/systemd/systemd (deleted)")), CheckState::Fail);
        assert_eq!(state(None), CheckState::Unknown);
    }
}
