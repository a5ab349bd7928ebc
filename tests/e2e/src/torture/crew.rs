//! Several sites at work on one heap of plans.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nodemend_proxy::Plan;

use super::oracle::{State, Verdict, judge};
use super::play::{Ended, play};
use super::results::{Record, Results};
use super::site::Site;
use super::steps::{TorturePlan, plans};
use super::story::Story;
use crate::E2eError;

/// How many nodes a site has; one that has used them up is taken down, and another started.
const NODES: usize = 300;
/// How often a plan is played until its fault comes: not every run makes the same writes.
const TRIES: usize = 2;

/// Sites that work side by side. Each has a controller and an API server of its own, so that no plan sees another's faults.
#[derive(Debug)]
pub struct Crew {
    /// The beginning of the beds' names.
    pub name: String,
    /// How many sites.
    pub sites: usize,
    /// How long a story with a fault may take.
    pub deadline: Duration,
}

/// What there is to be done: how each story ends without faults, and its plans.
#[derive(Debug)]
pub struct Work {
    /// How each story ends.
    pub without_fault: BTreeMap<Story, State>,
    /// Every plan of every story.
    pub plans: Vec<TorturePlan>,
}

impl Work {
    /// Plays each story without faults, and makes plans of what was seen.
    pub fn find(site: &mut Site, stories: &[Story], deadline: Duration) -> Result<Self, E2eError> {
        let mut work = Self { without_fault: BTreeMap::new(), plans: Vec::new() };
        for story in stories {
            let Ended { state, seen, summary, .. } =
                play(site, (*story, &Plan::default()), &[], deadline, is_repaired)?;
            if !is_repaired(&state) {
                let what = format!("{story} to succeed without a fault: {state:?}");
                return Err(E2eError::Deadline { what, waited: deadline, situation: summary });
            }
            work.plans.extend(plans(*story, &seen));
            work.without_fault.insert(*story, state);
        }
        Ok(work)
    }

    /// Plays one plan and judges its ending.
    pub fn judged(
        &self,
        site: &mut Site,
        plan: &TorturePlan,
        deadline: Duration,
    ) -> Result<(Record, Ended), E2eError> {
        let wanted = &self.without_fault[&plan.story];
        let ended = play(site, (plan.story, &plan.plan), &[], deadline, |state| state == wanted)?;
        let verdict = match judge(&ended.state, wanted, ended.held.as_deref()) {
            Verdict::Same if !ended.acted => Verdict::Unreached,
            verdict => verdict,
        };
        let note = match verdict {
            Verdict::Held => ended.held.clone().unwrap_or_default(),
            Verdict::Diverged | Verdict::Repeated => format!("{:?} {}", ended.state, ended.summary),
            Verdict::Same | Verdict::Unreached => String::new(),
        };
        let record = Record { plan: plan.name.clone(), verdict, took: ended.took.as_millis(), note };
        Ok((record, ended))
    }
}

impl Crew {
    /// The names of the beds that it starts.
    pub fn beds(&self) -> Vec<String> {
        (0..self.sites).map(|number| format!("{}{number}", self.name)).collect()
    }

    /// Plays all plans of which the results do not tell. `tell` is given each record, and how many are left.
    pub fn play(
        &self,
        first: Site,
        work: &Work,
        chosen: &[TorturePlan],
        results: &Mutex<Results>,
        tell: impl Fn(&Record, usize) + Sync,
    ) -> Result<(), E2eError> {
        let open: VecDeque<_> = {
            let results = results.lock().unwrap_or_else(PoisonError::into_inner);
            chosen.iter().filter(|plan| !results.has(&plan.name)).collect()
        };
        let (heap, tell) = (Mutex::new(open), &tell);
        let mut first = Some(first);
        std::thread::scope(|scope| {
            let start = |name: String| {
                let (heap, site) = (&heap, first.take());
                scope.spawn(move || self.work(&name, site, (work, heap), results, tell))
            };
            let threads: Vec<_> = self.beds().into_iter().map(start).collect();
            // A panic of another thread is passed on.
            let end = |thread: std::thread::ScopedJoinHandle<'_, Result<(), E2eError>>| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            threads.into_iter().map(end).collect::<Vec<_>>().into_iter().collect()
        })
    }

    fn work(
        &self,
        name: &str,
        site: Option<Site>,
        (work, heap): (&Work, &Mutex<VecDeque<&TorturePlan>>),
        results: &Mutex<Results>,
        tell: &impl Fn(&Record, usize),
    ) -> Result<(), E2eError> {
        let mut site = site;
        loop {
            let (next, left) = {
                let mut heap = heap.lock().unwrap_or_else(PoisonError::into_inner);
                (heap.pop_front(), heap.len())
            };
            let Some(plan) = next else { return Ok(()) };
            let record = self.reached(name, &mut site, work, plan)?;
            tell(&record, left);
            results.lock().unwrap_or_else(PoisonError::into_inner).add(record)?;
        }
    }

    fn reached(
        &self,
        name: &str,
        site: &mut Option<Site>,
        work: &Work,
        plan: &TorturePlan,
    ) -> Result<Record, E2eError> {
        let mut last = None;
        for _ in 0..TRIES {
            let played = usable(name, site).and_then(|site| work.judged(site, plan, self.deadline));
            match played {
                Ok((record, _)) if record.verdict != Verdict::Unreached => return Ok(record),
                Ok((record, _)) => last = Some(Ok(record)),
                // Whatever is wrong with the site: the plan is played once more on another one.
                Err(error) => {
                    *site = None;
                    last = Some(Err(error));
                }
            }
        }
        let never = || E2eError::Answer { request: plan.name.clone(), problem: "never played".into() };
        last.unwrap_or_else(|| Err(never()))
    }

    /// The first of the sites, to find the work with.
    pub fn first(&self) -> Result<Site, E2eError> {
        let name = self.beds().swap_remove(0);
        Site::start(&name, NODES)
    }
}

/// The site, or another one if it has used up its nodes.
fn usable<'a>(name: &str, site: &'a mut Option<Site>) -> Result<&'a mut Site, E2eError> {
    let site_now = match site.take() {
        Some(site) if site.has_nodes() => site,
        used => {
            // Its bed has to be gone before another of that name can be there.
            drop(used);
            Site::start(name, NODES)?
        }
    };
    Ok(site.insert(site_now))
}

/// Whether the story is over as it should be. Grants, Lease and finalizer go a moment after the outcome is written.
pub(super) fn is_repaired(state: &State) -> bool {
    let as_wanted = state.phase == "Succeeded" && state.outcome == "Repaired";
    as_wanted && state.left.is_empty() && state.back
}

/// How long what is left will take, judged by what has been done.
#[must_use]
pub fn estimate(started: Instant, done: usize, left: usize) -> Duration {
    let each = started.elapsed().checked_div(u32::try_from(done).unwrap_or(u32::MAX)).unwrap_or_default();
    each.saturating_mul(u32::try_from(left).unwrap_or(u32::MAX))
}
