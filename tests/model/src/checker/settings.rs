//! The searches: each looks at one part of the whole closely, for all of it at once has too many orders of events.

use super::bug::Bug;
use super::setting::{Kind, Setting};
use super::trouble::Trouble;

const SHORT: [Kind; 3] = [Kind::Cordon, Kind::Reboot, Kind::Uncordon];
const WHOLE: [Kind; 6] =
    [Kind::Confirm, Kind::Cordon, Kind::Install, Kind::Reboot, Kind::Verify, Kind::Uncordon];

/// Everything that may go wrong, this much of it in all.
const fn any(in_all: u8) -> Trouble {
    Trouble { in_all, crashes: 2, takeovers: 1, lags: 1, pauses: in_all, losses: 2, people: 2, machines: 1 }
}

/// The searches of `make model`, with this much that goes wrong on one path.
pub fn all(in_all: u8) -> [Setting; 6] {
    let less = in_all.saturating_sub(1);
    [saga(less), rivals(less), whole(less), limits(less), saga(in_all), rivals(in_all)]
}

/// One run over all four nodes in two batches, one node of each zone at a time.
pub fn whole(in_all: u8) -> Setting {
    Setting {
        name: "whole",
        runs: vec![vec![(0, 0), (1, 0), (2, 1), (3, 1)]],
        steps: SHORT.to_vec(),
        max_unavailable: 2,
        per_zone: Some(1),
        rate: None,
        max_failures: 0,
        trouble: any(in_all),
        one_in: 64,
    }
}

/// One node, all steps.
pub fn saga(in_all: u8) -> Setting {
    Setting {
        name: "saga",
        runs: vec![vec![(0, 0)]],
        steps: WHOLE.to_vec(),
        max_unavailable: 1,
        ..whole(in_all)
    }
}

/// Two runs that want the same two nodes, of which one at a time may be out of service.
pub fn rivals(in_all: u8) -> Setting {
    Setting {
        name: "rivals",
        runs: vec![vec![(0, 0), (1, 0)], vec![(1, 0), (0, 0)]],
        steps: vec![Kind::Cordon, Kind::Uncordon],
        max_unavailable: 1,
        per_zone: None,
        ..whole(in_all)
    }
}

/// Nodes that fail, a run that may not lose any, and a rate.
pub fn limits(in_all: u8) -> Setting {
    Setting {
        name: "limits",
        runs: vec![vec![(0, 0), (1, 0), (2, 0)]],
        max_unavailable: 2,
        per_zone: None,
        rate: Some(2),
        ..whole(in_all)
    }
}

/// The search in which a seeded fault shows: with no more than it needs to go wrong, for the shortest way there.
pub fn of(bug: Bug) -> Setting {
    let none = Trouble::NONE;
    let one = Trouble { in_all: 1, ..none };
    let two = Trouble { in_all: 2, ..none };
    let setting = match bug {
        Bug::Nothing | Bug::EffectBeforeIntent | Bug::NeverReleased => saga(0),
        Bug::GrantFromCache => Setting { trouble: Trouble { lags: 1, people: 1, ..two }, ..rivals(0) },
        Bug::GuardOverwritten => Setting { trouble: Trouble { takeovers: 1, pauses: 3, ..one }, ..rivals(0) },
        Bug::RestartForgets => Setting {
            steps: vec![Kind::Cordon, Kind::Uncordon],
            rate: Some(1),
            trouble: Trouble { crashes: 1, ..one },
            ..rivals(0)
        },
        Bug::OneGrantIsEnough => Setting { trouble: Trouble { pauses: 5, ..none }, ..saga(0) },
        Bug::EpochFromRead | Bug::NoFence => Setting { trouble: Trouble { takeovers: 1, ..one }, ..saga(0) },
        Bug::NoLiveRecheck => Setting { trouble: Trouble { lags: 1, people: 1, ..two }, ..saga(0) },
        Bug::UnknownIsNotStarted | Bug::ProbeDoesNotVoid => {
            Setting { trouble: Trouble { losses: 1, ..one }, ..saga(0) }
        }
        Bug::JournalOverwritten => Setting { trouble: Trouble { takeovers: 1, losses: 1, ..two }, ..saga(0) },
        Bug::UncordonsAnybody => Setting { trouble: Trouble { people: 1, ..one }, ..saga(0) },
        Bug::ForgottenAtOnce => Setting {
            steps: vec![Kind::Cordon, Kind::Uncordon],
            trouble: Trouble { crashes: 1, people: 1, pauses: 4, ..two },
            ..saga(0)
        },
        Bug::FailuresUnread => {
            Setting { rate: None, trouble: Trouble { machines: 1, pauses: 1, ..one }, ..limits(0) }
        }
    };
    // Whether all comes to an end is asked only where that is what breaks: it costs the most.
    Setting { one_in: if bug == Bug::NeverReleased { 1 } else { u64::MAX }, ..setting }
}
