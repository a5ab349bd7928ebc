//! Running commands in a host from outside, as root: without SSH, and without the host's PID 1.

use std::process::Command;
use std::time::Duration;

use super::finished::{self, COMMAND_DEADLINE};
use super::{Finished, Host, HostError};
use crate::process;

impl Host {
    /// Runs a shell command in the host's namespaces as root. Works while PID 1 hangs and while SSH does not. At most 30 s.
    pub fn run(&self, command: &str) -> Result<Finished, HostError> {
        self.run_within(COMMAND_DEADLINE, command)
    }

    /// Like [`Host::run`], with a deadline in whole seconds of at least one.
    pub fn run_within(&self, deadline: Duration, command: &str) -> Result<Finished, HostError> {
        let pid = self.pid1()?.to_string();
        let mut enter = process::command(&self.cgroup.child("tools"), None, "timeout");
        enter.args(finished::limit(deadline));
        enter.args(["nsenter", "--target", &pid, "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"]);
        enter.args(["--", "/bin/sh", "-c", command]).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        finished::run(&mut enter, deadline)?.ok_or_else(|| self.hangs(command, deadline))
    }

    pub(super) fn hangs(&self, command: &str, deadline: Duration) -> HostError {
        HostError::Hangs { host: self.spec.name.clone(), command: command.to_owned(), deadline }
    }

    /// Like [`Host::run`]; an exit status other than 0 is an error. Returns the standard output.
    pub fn run_checked(&self, command: &str) -> Result<String, HostError> {
        let Finished { code, stdout, stderr } = self.run(command)?;
        if code != Some(0) {
            let host = self.spec.name.clone();
            return Err(HostError::Command { host, command: command.to_owned(), code, stderr });
        }
        Ok(stdout)
    }

    /// Writes a file into the running host. `content` must not hold a line `END`.
    pub(crate) fn install(&self, path: &str, content: &str) -> Result<(), HostError> {
        let text = format!("mkdir -p $(dirname {path}) && cat >{path} <<'END'\n{content}END\n");
        self.run_checked(&text).map(drop)
    }

    /// A command outside the host but in its network namespace.
    pub(crate) fn network_command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = process::command(&self.cgroup.child("tools"), Some(&self.netns), program);
        command.args(arguments);
        command
    }

    /// Starts a shell script outside the host that goes on by itself and ends with the host's power.
    pub(crate) fn start_tool(&self, script: &str, arguments: &[&str]) -> Result<(), HostError> {
        let mut tool = process::command(&self.cgroup.child("tools"), None, "setsid");
        tool.args(["--fork", "sh", "-c", script, "sh"]).args(arguments);
        let mut start = process::start_logged(&mut tool, &self.log())?;
        start.wait().map_err(|source| self.file_error(self.log(), source))?;
        Ok(())
    }
}
