//! How much may still go wrong on one path. Without an end to it no search would have one.

/// What may go wrong, each kind so often, and so often in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Trouble {
    /// Of all kinds together.
    pub in_all: u8,
    /// A controller dies. Another one starts.
    pub crashes: u8,
    /// A lease runs out though its holder lives: a second controller takes over, and both believe that they lead.
    pub takeovers: u8,
    /// A controller's watches stop telling it anything for a while.
    pub lags: u8,
    /// A controller's planner is interrupted between two of its writes. Does not count among all: it is what every other
    /// kind of trouble may fall into.
    pub pauses: u8,
    /// A request or its answer is lost, or the request arrives late.
    pub losses: u8,
    /// A person cordons, uncordons, holds, releases, aborts, deletes.
    pub people: u8,
    /// A machine does not come back.
    pub machines: u8,
}

/// Which kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "named after the fields of `Trouble`")]
pub enum Cause {
    Crash,
    Takeover,
    Lag,
    Pause,
    Loss,
    Person,
    Machine,
}

impl Trouble {
    /// None at all.
    pub const NONE: Self =
        Self { in_all: 0, crashes: 0, takeovers: 0, lags: 0, pauses: 0, losses: 0, people: 0, machines: 0 };

    /// Whether such a thing may still happen.
    pub fn may(mut self, cause: Cause) -> bool {
        (self.in_all > 0 || cause == Cause::Pause) && *self.of(cause) > 0
    }

    /// It happens.
    pub fn take(&mut self, cause: Cause) {
        let left = self.of(cause);
        *left = left.saturating_sub(1);
        if cause != Cause::Pause {
            self.in_all = self.in_all.saturating_sub(1);
        }
    }

    fn of(&mut self, cause: Cause) -> &mut u8 {
        match cause {
            Cause::Crash => &mut self.crashes,
            Cause::Takeover => &mut self.takeovers,
            Cause::Lag => &mut self.lags,
            Cause::Pause => &mut self.pauses,
            Cause::Loss => &mut self.losses,
            Cause::Person => &mut self.people,
            Cause::Machine => &mut self.machines,
        }
    }
}
