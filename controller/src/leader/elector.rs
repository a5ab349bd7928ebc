//! Who leads: from what a Lease says to what is done about it. Pure, so that every order of reads and writes can be tried.
//!
//! A leader believes that it leads only until its renew deadline, counted from before its last successful write was sent.
//! Another one takes the Lease only when it has not changed for the longer lease duration, counted from when that version
//! was read. Each counts on its own clock, so that no two clocks are ever compared.

use std::time::Duration;

/// A moment on this machine's own clock, which never goes back: the time since the machine was started.
pub(super) type Moment = Duration;

/// The three lengths of an election, as in other controllers of Kubernetes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How long a Lease has to stand unchanged before another one takes it.
    pub lease: Duration,
    /// How long a leader goes on after the last write that succeeded; shorter than `lease`.
    pub renew_deadline: Duration,
    /// How long between two looks, or two renewals.
    pub retry: Duration,
}

/// A Lease as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Its `resourceVersion`: another one means that somebody wrote.
    pub(super) version: String,
    /// Who holds it; `None` when it was given back.
    pub(super) holder: Option<String>,
    /// For how long its holder wrote it.
    pub(super) duration: Duration,
    /// Whether the holder is a process of this machine that has certainly ended.
    pub(super) holder_ended: bool,
}

/// What is to be done after a look.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Write ourselves into it, on the version that was read; create it if there is none.
    Write,
    /// Another one leads: look again later.
    Wait,
    /// We led and do not any more. For good: who leads again is another process.
    Lost(Loss),
}

/// Why a leader leads no more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Loss {
    /// No write has succeeded for as long as a leader may go on.
    #[error("it could not be renewed in time")]
    NotRenewed,
    /// Another one holds it.
    #[error("{0} holds it now")]
    TakenBy(String),
}

/// One candidate of an election.
#[derive(Debug)]
pub(super) struct Elector {
    identity: String,
    timing: Timing,
    seen: Option<Seen>,
    until: Option<Moment>,
}

/// What the Lease looked like last (`None`: there was none), and since when we have known it so.
#[derive(Debug)]
struct Seen {
    version: Option<String>,
    since: Moment,
    /// Whether there was a Lease at any time: one that is deleted may have a leader who has not noticed.
    ever: bool,
}

impl Elector {
    pub(super) fn new(identity: String, timing: Timing) -> Self {
        Self { identity, timing, seen: None, until: None }
    }

    /// What to do about a Lease that was just read.
    pub(super) fn decide(&mut self, found: Option<&Found>, now: Moment) -> Decision {
        let holder = found.and_then(|found| found.holder.as_deref());
        let other = holder.filter(|holder| *holder != self.identity);
        if self.until.is_some() {
            return match other {
                _ if !self.leads(now) => Decision::Lost(Loss::NotRenewed),
                Some(other) => Decision::Lost(Loss::TakenBy(other.to_owned())),
                None => Decision::Write,
            };
        }
        let unchanged = self.look(found, now);
        let free = match found {
            Some(found) if other.is_some() && !found.holder_ended => {
                unchanged >= self.timing.lease.max(found.duration)
            }
            Some(_) => true,
            None => !self.seen.as_ref().is_some_and(|seen| seen.ever) || unchanged >= self.timing.lease,
        };
        if free { Decision::Write } else { Decision::Wait }
    }

    /// Takes down what was read; for how long it has looked like this.
    fn look(&mut self, found: Option<&Found>, now: Moment) -> Duration {
        let version = found.map(|found| found.version.clone());
        let ever = version.is_some() || self.seen.as_ref().is_some_and(|seen| seen.ever);
        match &mut self.seen {
            Some(seen) if seen.version == version => now.saturating_sub(seen.since),
            seen => {
                *seen = Some(Seen { version, since: now, ever });
                Duration::ZERO
            }
        }
    }

    /// A write of ours that was sent at `sent` has succeeded; until when we lead.
    pub(super) fn written(&mut self, sent: Moment) -> Moment {
        *self.until.insert(sent + self.timing.renew_deadline)
    }

    /// Whether we lead, as far as we may believe it.
    pub(super) fn leads(&self, now: Moment) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    /// For how long we may still believe that we lead.
    pub(super) fn left(&self, now: Moment) -> Duration {
        self.until.map_or(Duration::ZERO, |until| until.saturating_sub(now))
    }

    /// Our name in the Lease.
    pub(super) fn identity(&self) -> &str {
        &self.identity
    }

    pub(super) fn timing(&self) -> Timing {
        self.timing
    }
}

#[cfg(test)]
#[path = "elector_tests.rs"]
mod tests;
