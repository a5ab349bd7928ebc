//! What a reached failure limit means for a run: nothing more starts in it, ever, not after a restart either.

use super::tally::Tally;
use crate::blocker::Blocker;
use crate::plan::Header;
use crate::rollout::{Failures, reached};
use crate::snapshot::Run;

/// The limit that is reached now or was before; `None` while the run may go on.
pub(super) fn limit(run: &Run, header: &Header, tally: &Tally<'_>) -> Option<String> {
    let failures = Failures {
        planned: tally.counts.planned,
        total: tally.counts.failed + tally.counts.held,
        consecutive: tally.consecutive_failures,
        of_canary: tally.canary_failures,
    };
    let now = reached(&header.rollout, failures).unwrap_or_else(|error| Some(error.to_string()));
    run.status.limit_reached.clone().or(now)
}

/// Why a node of `run` that was granted and has not begun may not begin any more: a failure limit was reached since. A node
/// that has begun comes to its end.
pub fn too_late(run: &Run) -> Option<Blocker> {
    run.status.limit_reached.as_deref().map(|limit| blocker(run, limit))
}

/// Why the run starts nothing more.
pub(super) fn blocker(run: &Run, limit: &str) -> Blocker {
    let next = format!("{limit}; nothing more starts in this run: look at the nodes, then make another run");
    Blocker::new("TooManyFailures", format!("repairrun/{}", run.name), next)
}
