//! Runs searches and says what they found.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use stateright::{Checker, HasDiscoveries, Model};

use super::bug::Bug;
use super::search::Search;
use super::setting::Setting;

/// How far a search may go.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// States.
    pub states: usize,
    /// Time.
    pub time: Duration,
    /// Threads.
    pub threads: usize,
}

/// What a search found.
#[derive(Debug, Clone)]
pub struct Found {
    /// Different states that were seen.
    pub states: usize,
    /// The longest path to any of them.
    pub depth: usize,
    /// Whether every path was followed to its end.
    pub complete: bool,
    /// How long it took.
    pub took: Duration,
    /// Each invariant that did not hold, by name, with the events that lead there.
    pub violated: BTreeMap<&'static str, Vec<String>>,
}

/// Searches `setting` with `bug` seeded, the shortest paths first, up to the first violation.
pub fn search(setting: Setting, bug: Bug, limits: Limits) -> Found {
    let begun = Instant::now();
    let search = Search::new(setting, bug);
    let checker = search
        .clone()
        .checker()
        .threads(limits.threads)
        .target_state_count(limits.states)
        .timeout(limits.time)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    let paths = checker.discoveries().into_iter();
    let violated = paths.map(|(name, path)| {
        let events = path.into_actions().iter().map(|event| search.format_action(event)).collect();
        (name, events)
    });
    let violated: BTreeMap<&'static str, Vec<String>> = violated.collect();
    Found {
        states: checker.unique_state_count(),
        depth: checker.max_depth(),
        complete: violated.is_empty()
            && begun.elapsed() < limits.time
            && checker.state_count() < limits.states,
        took: begun.elapsed(),
        violated,
    }
}
