//! Faults seeded on purpose into the adapter around core, or into its surroundings: each has to be caught.

/// Which fault is seeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Bug {
    /// None.
    #[default]
    Nothing,
    /// Grants are decided on what the watches know, not on live reads.
    GrantFromCache,
    /// The guard's grants are written over whatever another controller wrote in between.
    GuardOverwritten,
    /// A new controller begins with an empty list of grants and starts.
    RestartForgets,
    /// The guard's grant alone is enough to begin.
    OneGrantIsEnough,
    /// A saga works under the epoch that it reads from the guard, not under its own.
    EpochFromRead,
    /// An effect is sent before its intent is stored.
    EffectBeforeIntent,
    /// Effects are sent on what the watches know of stops.
    NoLiveRecheck,
    /// A lost answer to a launch counts as not started: it is tried again under a new intent.
    UnknownIsNotStarted,
    /// A look at a job says that it voided the intent, and does not.
    ProbeDoesNotVoid,
    /// Hosts take commands of every epoch.
    NoFence,
    /// Journals are written over whatever is stored.
    JournalOverwritten,
    /// Whoever cordoned a node, it is uncordoned at the end.
    UncordonsAnybody,
    /// A Remediation may go before its run remembers how it ended.
    ForgottenAtOnce,
    /// Live reads leave out what failed.
    FailuresUnread,
    /// Grants are never given back.
    NeverReleased,
}

/// All of them.
pub const ALL: [Bug; 15] = [
    Bug::GrantFromCache,
    Bug::GuardOverwritten,
    Bug::RestartForgets,
    Bug::OneGrantIsEnough,
    Bug::EpochFromRead,
    Bug::EffectBeforeIntent,
    Bug::NoLiveRecheck,
    Bug::UnknownIsNotStarted,
    Bug::ProbeDoesNotVoid,
    Bug::NoFence,
    Bug::JournalOverwritten,
    Bug::UncordonsAnybody,
    Bug::ForgottenAtOnce,
    Bug::FailuresUnread,
    Bug::NeverReleased,
];
