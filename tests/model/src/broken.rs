//! Rules broken on purpose, so that each property can be seen to fail: what the shipped code is shown is doctored, the
//! shipped code itself is not.

use nodemend_core::budget::IntOrPercent;
use nodemend_core::decide::Decision;
use nodemend_core::sim::{Change, World};
use nodemend_core::snapshot::Pool;

/// Which rule is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Broken {
    /// None.
    #[default]
    Nothing,
    /// Budgets are other than people wrote them.
    Budgets,
    /// Runs may lose more nodes than people wrote.
    Limits,
    /// Holds are not seen.
    Holds,
    /// The end of a run is never written.
    Ends,
}

impl Broken {
    /// Doctors the world before anything happens.
    pub fn prepare(self, world: &mut World) {
        match self {
            Self::Budgets => world.snapshot.pools.values_mut().for_each(raise),
            Self::Limits => {
                let pages = world.snapshot.pages.values_mut().flat_map(|pages| pages.values_mut());
                for header in pages.filter_map(|page| page.header.as_mut()) {
                    header.rollout.max_failures = IntOrPercent::Int(u32::MAX);
                    header.rollout.max_consecutive_failures = None;
                    header.rollout.canary = None;
                }
            }
            _ => {}
        }
    }

    /// What becomes of something that a person does.
    pub fn hear(self, change: Change) -> Option<Change> {
        match (self, change) {
            (Self::Holds, Change::Hold(_)) => None,
            (Self::Budgets, Change::Pool(mut pool)) => {
                raise(&mut pool);
                Some(Change::Pool(pool))
            }
            (_, change) => Some(change),
        }
    }

    /// Whether a decision is lost, whoever made it.
    pub fn loses(self, decision: &Decision) -> bool {
        let ends = matches!(decision, Decision::RunStatus { status, .. } if status.phase.is_over());
        self == Self::Ends && ends
    }
}

fn raise(pool: &mut Pool) {
    pool.budget.max_unavailable = IntOrPercent::Percent("100%".to_owned());
    pool.budget.max_in_flight = None;
    pool.budget.per_zone = None;
    pool.budget.rate = None;
}
