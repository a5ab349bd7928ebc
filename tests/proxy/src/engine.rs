//! What is to be done with a request: the one place that counts, keeps the log, and kills.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::lists::Lists;
use crate::plan::{Fault, Plan};
use crate::request::Request;

/// One request that passed, in the order in which the requests came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// What it was about.
    pub request: Request,
    /// Milliseconds since the plan was loaded.
    pub at: u128,
    /// The fault that it met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

/// Decides for both proxies. A plan can be replaced while they run; the log and all counts begin anew with it.
pub struct Engine {
    state: Mutex<State>,
    kill: Box<dyn Fn() + Send + Sync>,
    tell: Box<dyn Fn(&Seen) + Send + Sync>,
}

#[derive(Debug)]
struct State {
    plan: Plan,
    /// How many requests each rule has matched.
    counts: Vec<u32>,
    seen: Vec<Seen>,
    /// The faults that have happened.
    struck: BTreeSet<Fault>,
    lists: Lists,
    loaded: Instant,
}

impl State {
    fn new(plan: Plan) -> Self {
        let counts = vec![0; plan.rules.len()];
        Self {
            plan,
            counts,
            seen: Vec::new(),
            struck: BTreeSet::new(),
            lists: Lists::default(),
            loaded: Instant::now(),
        }
    }

    fn fault_for(&mut self, request: &Request) -> Option<Fault> {
        let mut fault = None;
        for (rule, count) in self.plan.rules.iter().zip(&mut self.counts) {
            if rule.matches(request) {
                *count += 1;
                fault = fault.or_else(|| rule.acts_on(*count).then_some(rule.fault));
            }
        }
        fault
    }
}

impl Engine {
    /// An engine without faults. `kill` ends the controller and returns when nothing of it runs any more.
    pub fn new(kill: impl Fn() + Send + Sync + 'static) -> Self {
        Self { state: Mutex::new(State::new(Plan::default())), kill: Box::new(kill), tell: Box::new(|_| {}) }
    }

    /// The same, but each request is told as it comes.
    #[must_use]
    pub fn telling(self, tell: impl Fn(&Seen) + Send + Sync + 'static) -> Self {
        Self { tell: Box::new(tell), ..self }
    }

    /// Begins anew with another plan.
    pub fn load(&self, plan: Plan) {
        *self.lock() = State::new(plan);
    }

    /// What has passed since the plan was loaded.
    pub fn seen(&self) -> Vec<Seen> {
        self.lock().seen.clone()
    }

    /// Whether every fault of the plan has happened. That a request has met one is not enough: a connection may end before
    /// it has come as far as the fault.
    pub fn has_acted(&self) -> bool {
        let state = self.lock();
        state.plan.rules.iter().all(|rule| state.struck.contains(&rule.fault))
    }

    /// Takes down that a fault happens now.
    pub(crate) fn strike(&self, fault: Fault) {
        self.lock().struck.insert(fault);
    }

    /// Takes a request down and says what it meets.
    pub(crate) fn meet(&self, request: &Request) -> Option<Fault> {
        let mut state = self.lock();
        let fault = state.fault_for(request);
        let at = state.loaded.elapsed().as_millis();
        let seen = Seen { request: request.clone(), at, fault };
        (self.tell)(&seen);
        state.seen.push(seen);
        fault
    }

    pub(crate) fn kill(&self) {
        (self.kill)();
    }

    /// The answers to lists that were given so far.
    pub(crate) fn lists<T>(&self, work: impl FnOnce(&mut Lists) -> T) -> T {
        work(&mut self.lock().lists)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Engine").field("state", &self.state).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Rule, When};

    fn patch(name: &str) -> Request {
        Request {
            verb: "patch".into(),
            resource: "nodes".into(),
            namespace: String::new(),
            name: name.into(),
        }
    }

    #[test]
    fn only_the_nth_that_matches_meets_the_fault() {
        let engine = Engine::new(|| {});
        engine.load(Plan::at(&patch("a"), 2, Fault::Drop(When::After)));
        let met: Vec<_> = ["a", "b", "a", "a"].map(|name| engine.meet(&patch(name)).is_some()).into();
        assert_eq!(met, [false, false, true, false]);
        assert_eq!(engine.seen().len(), 4, "all of them are in the log");
        assert!(!engine.has_acted(), "it has been met, and has not happened");
        engine.strike(Fault::Drop(When::After));
        assert!(engine.has_acted());
        engine.load(Plan::at(&patch("a"), 2, Fault::Drop(When::After)));
        assert!(!engine.has_acted() && engine.seen().is_empty(), "a new plan begins anew");
    }

    #[test]
    fn a_rule_can_act_several_times_and_the_first_of_two_acts() {
        let rule = |nth, times, fault| {
            let mut plan = Plan::at(&patch("a"), nth, fault);
            plan.rules[0].times = times;
            plan.rules.remove(0)
        };
        let rules: Vec<Rule> =
            vec![rule(2, 2, Fault::Drop(When::Before)), rule(3, 1, Fault::Kill(When::After))];
        let engine = Engine::new(|| {});
        engine.load(Plan { rules });
        let met: Vec<_> = (0..4).map(|_| engine.meet(&patch("a"))).collect();
        let dropped = Some(Fault::Drop(When::Before));
        assert_eq!(met, [None, dropped, dropped, None]);
    }
}
