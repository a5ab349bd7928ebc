//! Starting programs: inside a bed's control group and, when asked, inside a network namespace.
//!
//! The group is joined before the program starts, so nothing that a bed runs can outlive its `cgroup.kill`.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::cgroup::Cgroup;

/// Why a program could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The program could not be started at all.
    #[error("cannot start `{program}`: {source}; is it installed? `bed deps` installs what the bed needs")]
    Start {
        /// The program as it was called.
        program: String,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// The program ended with an exit status other than 0.
    #[error("`{program}` failed ({status}): {stderr}")]
    Failed {
        /// The program with its arguments.
        program: String,
        /// Its exit status.
        status: std::process::ExitStatus,
        /// What it wrote to standard error.
        stderr: String,
    },
    /// A file for a program's input or output could not be written.
    #[error("cannot write {path}: {source}")]
    File {
        /// The file, or its folder.
        path: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
}

/// `sh` joins the group, then becomes the program: same process, no window in which it is outside.
const JOIN_THEN_EXEC: &str = "echo $$ >\"$0\" && exec \"$@\"";

/// A command that joins `cgroup` and enters the network namespace `netns`, if there is one, before it becomes `program`.
///
/// `nsenter` is used instead of `ip netns exec` because the latter mounts a new `/sys`, which hides the control groups.
pub fn command(cgroup: &Cgroup, netns: Option<&str>, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", JOIN_THEN_EXEC]).arg(cgroup.procs_file());
    if let Some(netns) = netns {
        command.arg("nsenter").arg(format!("--net={}", crate::hub::netns_path(netns).display())).arg("--");
    }
    command.arg(program);
    command
}

/// Runs a command to its end and returns its standard output; an exit status other than 0 is an error.
pub fn run(command: &mut Command) -> Result<String, ProcessError> {
    let output = output(command)?;
    if !output.status.success() {
        return Err(ProcessError::Failed {
            program: describe(command),
            status: output.status,
            stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command to its end with its output captured, whatever its exit status is.
pub fn output(command: &mut Command) -> Result<Output, ProcessError> {
    command.output().map_err(|source| ProcessError::Start { program: describe(command), source })
}

/// Starts a long-lived program with its output in `log` (appended).
///
/// It gets a process group of its own: an interrupt typed at the terminal is for the bed's owner, who stops the bed in order.
pub fn start_logged(command: &mut Command, log: &Path) -> Result<Child, ProcessError> {
    let open = || File::options().create(true).append(true).open(log);
    let failed = |source| ProcessError::File { path: log.to_owned(), source };
    let stdout = open().map_err(failed)?;
    let stderr = open().map_err(failed)?;
    command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).process_group(0);
    command.spawn().map_err(|source| ProcessError::Start { program: describe(command), source })
}

/// Lets a program run on; a thread collects its exit status, so that no zombie stays behind.
pub(crate) fn leave_running(mut child: Child) {
    std::thread::spawn(move || child.wait());
}

/// The command line for messages, without the prefix that [`command`] adds.
fn describe(command: &Command) -> String {
    let mut words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    if words.get(2).is_some_and(|word| word == JOIN_THEN_EXEC) {
        words.drain(..4);
    }
    if words.first().is_some_and(|word| word == "nsenter") {
        words.drain(..3);
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_program_is_named_with_its_message() {
        let error = run(Command::new("sh").args(["-c", "echo broken >&2; exit 3"])).unwrap_err().to_string();
        assert!(error.contains("exit status: 3") && error.contains("broken"), "{error}");
    }

    #[test]
    fn a_missing_program_names_the_next_step() {
        let error = run(&mut Command::new("no-such-program")).unwrap_err().to_string();
        assert!(error.contains("no-such-program") && error.contains("bed deps"), "{error}");
    }

    #[test]
    fn messages_leave_out_the_group_and_namespace_prefix() {
        let mut prefixed = command(&Cgroup::for_bed("x"), Some("nmbed-x-hub"), "ip");
        prefixed.arg("link");
        assert_eq!(describe(&prefixed), "ip link");
    }
}
