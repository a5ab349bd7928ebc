//! Waiting for a condition, with a deadline.

use std::time::{Duration, Instant};

use super::{Host, HostError};
use crate::build::last_lines;

/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(50);

/// Asks `condition` again and again until it holds; false if it does not within `deadline`.
pub fn until(deadline: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + deadline;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(POLL);
    }
}

impl Host {
    /// Waits until `condition` holds for this host; `what` names it in the error.
    pub fn wait(
        &self,
        what: &str,
        deadline: Duration,
        mut condition: impl FnMut(&Self) -> bool,
    ) -> Result<(), HostError> {
        if until(deadline, || condition(self)) {
            return Ok(());
        }
        let (host, log) = (self.spec.name.clone(), last_lines(&self.log()));
        Err(HostError::Deadline { host, what: what.to_owned(), deadline, log })
    }

    /// Waits until the unprivileged user can log in.
    pub fn wait_for_ssh(&self, deadline: Duration) -> Result<(), HostError> {
        self.wait("a login over SSH", deadline, |host| host.ssh("true").is_ok())
    }

    /// Waits until the host runs under another boot id than `before`, and the user can log in.
    pub fn wait_for_reboot(&self, before: &str, deadline: Duration) -> Result<(), HostError> {
        self.wait("a boot with a new boot id", deadline, |host| {
            host.boot_id().is_ok_and(|now| now != before)
        })?;
        self.wait_for_ssh(deadline)
    }
}
