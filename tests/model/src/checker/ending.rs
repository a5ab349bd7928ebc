//! Whether all comes to an end once nothing goes wrong any more: some states are played on, in a fixed fair order.

use std::hash::{DefaultHasher, Hash, Hasher};

use nodemend_core::snapshot::Remediation;

use super::event::Event;
use super::saga::Luck;
use super::search::Search;
use super::state::State;

/// Rounds in which everybody has a turn. A run of four nodes needs about fifty.
const ROUNDS: usize = 300;
/// Rounds after which the time of whoever looks at a machine that is down is up.
const PATIENCE: usize = 20;

/// Whether `state`, if it is one of those that are played on, comes to its end.
pub fn comes_to_an_end(search: &Search, state: &State) -> bool {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    if !hasher.finish().is_multiple_of(search.setting.one_in) {
        return true;
    }
    let mut state = Search::calm(state);
    for round in 1..=ROUNDS {
        if !state.broken.is_empty() {
            // Seen as what it is when the search comes there.
            return true;
        }
        let moves = everybody(search, &mut state);
        // Who looks at a machine that is down looks again and again until the step's time is up.
        let time_passed = (!moves || round.is_multiple_of(PATIENCE)) && time_passes(search, &mut state);
        if !moves && !time_passed {
            return is_at_rest(&state);
        }
    }
    false
}

/// Everybody has a turn. Whether anything changed.
fn everybody(search: &Search, state: &mut State) -> bool {
    let before = state.clone();
    let highest = state.stored.highest_epoch();
    // A process whose epoch is not the highest ends as soon as it sees that.
    state.processes.retain(|process| process.epoch == highest);
    let mut events = Vec::new();
    search.usual(state, &mut events);
    for event in events {
        search.apply(state, &event);
    }
    *state != before
}

/// What a machine that does not come back leaves to do.
fn time_passes(search: &Search, state: &mut State) -> bool {
    let before = state.clone();
    let down = |row: &&Remediation| state.hosts.get(&row.node).is_some_and(|host| host.down);
    let open = state.stored.snapshot.remediations.values().filter(|row| !row.is_finished());
    let names: Vec<String> = open.filter(down).map(|row| row.name.clone()).collect();
    let epochs: Vec<u64> = state.processes.iter().map(|process| process.epoch).collect();
    // The first look asks the machine, the second one reads what came of it.
    for name in names.iter().chain(&names) {
        for epoch in &epochs {
            search.apply(state, &Event::Look(*epoch, name.clone(), Luck::TimeIsUp));
        }
    }
    *state != before
}

/// Every run is over and nothing is left of it; or what is left waits for a person, for nodes that are out of service, or
/// for the rate, for which the model's time does not pass.
fn is_at_rest(state: &State) -> bool {
    let all = &state.stored.snapshot;
    let unfinished = || all.remediations.values().filter(|row| !row.is_finished());
    let grants = all.guard.iter().flat_map(|guard| &guard.grants);
    let grants = grants.chain(all.pools.values().flat_map(|pool| &pool.grants)).count();
    let open = all.runs.values().any(|run| !run.status.phase.is_over());
    if !open && unfinished().count() == 0 && grants == 0 {
        return true;
    }
    let rate = all.pools.values().any(|pool| {
        let started = pool.starts.0.iter().map(|start| start.nodes).sum::<u32>();
        pool.budget.rate.as_ref().is_some_and(|rate| started >= rate.nodes)
    });
    let out = all.nodes.values().any(|node| !node.is_available());
    unfinished().all(Remediation::is_held) && (unfinished().count() > 0 || rate || out)
}
