//! What the controller would do with a run right now: asked of its own decision, on a world in which the run exists.

use nodemend_core::blocker::Blocker;
use nodemend_core::decide::{Decision, decide};
use nodemend_core::ids::{NodeName, RunUid};
use nodemend_core::plan::build::{Draft, PlanError};
use nodemend_core::plan::page::seal;
use nodemend_core::snapshot::{PlanSummary, Run, RunPhase, RunRequest, RunStatus, Snapshot};
use nodemend_core::time::Time;

/// A name that no object can have.
const SUPPOSED: &str = "(this run)";

/// What would begin at once, and what would be waited for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::cli) struct Start {
    /// Nodes that would be started at once.
    pub(in crate::cli) nodes: Vec<NodeName>,
    /// What the others wait for.
    pub(in crate::cli) blockers: Vec<Blocker>,
}

impl Start {
    /// What would happen now if the run were created and planned as drafted.
    pub(in crate::cli) fn of(
        snapshot: &Snapshot,
        request: &RunRequest,
        draft: &Draft,
        now: Time,
    ) -> Result<Self, PlanError> {
        let mut supposed = snapshot.clone();
        let run = suppose(&mut supposed, request, draft, now)?;
        let mut start = Self::default();
        for decision in decide(&supposed, now) {
            match decision {
                Decision::Grant { run_uid, nodes, .. } if run_uid == run => {
                    start.nodes.extend(nodes.into_iter().map(|(_, node)| node.name));
                }
                Decision::RunStatus { run, status } if run == SUPPOSED => start.blockers = status.blockers,
                _ => {}
            }
        }
        Ok(start)
    }
}

fn suppose(
    snapshot: &mut Snapshot,
    request: &RunRequest,
    draft: &Draft,
    now: Time,
) -> Result<RunUid, PlanError> {
    let uid = RunUid::from(SUPPOSED);
    let sealed = seal(&uid, draft.header.clone(), &draft.nodes)?;
    let size = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let plan = PlanSummary {
        digest: sealed.digest,
        page_digests: sealed.page_digests,
        nodes: size(draft.nodes.len()),
        batches: draft.nodes.last().map_or(0, |node| node.batch + 1),
        planned_at: now,
    };
    let pages = (0..).zip(sealed.pages).collect();
    snapshot.pages.insert(uid.clone(), pages);
    let run = Run {
        name: SUPPOSED.to_owned(),
        uid: uid.clone(),
        created: now,
        deleting: false,
        finalized: true,
        // Asked of a plan, too: what would a run of it meet?
        request: RunRequest { plan_only: false, ..request.clone() },
        status: RunStatus { phase: RunPhase::Planned, plan: Some(plan), ..RunStatus::default() },
    };
    snapshot.runs.insert(SUPPOSED.to_owned(), run);
    Ok(uid)
}
