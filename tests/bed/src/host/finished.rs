//! Commands that end in time, one way or the other.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::process::{self, ProcessError};

/// How long a command on a host may take unless the caller says otherwise.
pub(super) const COMMAND_DEADLINE: Duration = Duration::from_secs(30);
/// What `timeout` exits with when it had to end the command. A command may itself exit with it.
const TIMED_OUT: i32 = 124;

/// A command that has ended, with its output as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The exit status; none when a signal ended the command.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl From<Output> for Finished {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Finished {
    /// Whether the exit status is 0.
    pub fn success(&self) -> bool {
        self.code == Some(0)
    }
}

/// The arguments of the program `timeout` that end what follows them after `deadline`, in whole seconds of at least one.
pub(super) fn limit(deadline: Duration) -> [String; 2] {
    ["--kill-after=1".to_owned(), deadline.as_secs().max(1).to_string()]
}

/// Runs a command that is limited to `deadline`; nothing if it had to be ended.
pub(super) fn run(command: &mut Command, deadline: Duration) -> Result<Option<Finished>, ProcessError> {
    let started = Instant::now();
    let finished = Finished::from(process::output(command)?);
    let ended = finished.code == Some(TIMED_OUT) && started.elapsed() >= deadline;
    Ok((!ended).then_some(finished))
}
