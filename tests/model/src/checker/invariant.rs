//! What must hold whatever happens, in whichever order.

/// One invariant, by what is forbidden or promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Invariant {
    /// A grant takes no available node beyond `maxUnavailable` of pool or zone, as live reads had it.
    BudgetOfGrants,
    /// No more nodes carry a cordon of ours than may be unavailable.
    BudgetOfCordons,
    /// No more nodes start than the rate allows.
    Rate,
    /// Nothing begins, and nothing is done, without the grants of both guard and pool.
    BothGrants,
    /// An effect's intent is stored before the effect happens.
    IntentFirst,
    /// No effect whose live re-check saw a Hold, an abort, a deletion or a later epoch.
    StopsHold,
    /// Nothing is done for a repair that is over or gone.
    NothingAfterTheEnd,
    /// A repair that is over, and was not left to a person, leaves no cordon of ours.
    CordonRestored,
    /// A cordon that a person made is never lifted by us.
    OthersCordonsStay,
    /// A host is changed only while its node is cordoned, unless a person lifted that.
    ServingHostsStay,
    /// One package transaction and one restart per node.
    OncePerNode,
    /// A host obeys no command of an earlier epoch than it has seen, and starts no job of one.
    FencesHold,
    /// Epochs of journals and guard never go down.
    EpochsRise,
    /// No two repairs are under way on one node.
    OneRepairPerNode,
    /// A node is begun once in a run, whatever is deleted.
    BegunOnce,
    /// After a failure limit nothing is granted and nothing begins.
    LimitsHold,
    /// When nothing goes wrong any more, every run comes to its end, or waits for a person.
    ComesToAnEnd,
}

/// All of them.
pub const ALL: [Invariant; 17] = [
    Invariant::BudgetOfGrants,
    Invariant::BudgetOfCordons,
    Invariant::Rate,
    Invariant::BothGrants,
    Invariant::IntentFirst,
    Invariant::StopsHold,
    Invariant::NothingAfterTheEnd,
    Invariant::CordonRestored,
    Invariant::OthersCordonsStay,
    Invariant::ServingHostsStay,
    Invariant::OncePerNode,
    Invariant::FencesHold,
    Invariant::EpochsRise,
    Invariant::OneRepairPerNode,
    Invariant::BegunOnce,
    Invariant::LimitsHold,
    Invariant::ComesToAnEnd,
];

impl Invariant {
    /// Its name in traces and in SAFETY.md.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BudgetOfGrants => "budget-of-grants",
            Self::BudgetOfCordons => "budget-of-cordons",
            Self::Rate => "rate",
            Self::BothGrants => "both-grants",
            Self::IntentFirst => "intent-first",
            Self::StopsHold => "stops-hold",
            Self::NothingAfterTheEnd => "nothing-after-the-end",
            Self::CordonRestored => "cordon-restored",
            Self::OthersCordonsStay => "others-cordons-stay",
            Self::ServingHostsStay => "serving-hosts-stay",
            Self::OncePerNode => "once-per-node",
            Self::FencesHold => "fences-hold",
            Self::EpochsRise => "epochs-rise",
            Self::OneRepairPerNode => "one-repair-per-node",
            Self::BegunOnce => "begun-once",
            Self::LimitsHold => "limits-hold",
            Self::ComesToAnEnd => "comes-to-an-end",
        }
    }
}
