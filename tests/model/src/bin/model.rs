//! `model`: searches the orders of events around the shipped decisions, and counts what does not hold in any of them.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use nodemend_model::checker::bug::{self, Bug};
use nodemend_model::checker::invariant;
use nodemend_model::checker::report::{Found, Limits, search};
use nodemend_model::checker::setting::Setting;
use nodemend_model::checker::settings;

/// Searches the orders of events around the shipped decisions; the last line counts what was found.
///
/// Two controllers that die, lag and both believe that they lead, one API server, four nodes in two zones, requests that
/// are lost or late, people who race and machines that do not come back. Then faults are seeded, each of which some
/// invariant has to catch. Exit status: 0 if every invariant held and every seeded fault was caught, 1 otherwise.
#[derive(Debug, Parser)]
struct Flags {
    /// How many things may go wrong on one path; each more makes a search some thirty times as long
    #[arg(long, default_value_t = 2)]
    trouble: u8,
    /// Seconds after which a search ends, whether it has seen everything or not
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// On how many threads; without it, one per processor
    #[arg(long)]
    threads: Option<usize>,
    /// Only the search of this name; no fault is seeded then
    #[arg(long)]
    setting: Option<String>,
    /// Only this seeded fault, with the events that lead to its being caught
    #[arg(long)]
    bug: Option<String>,
}

impl Flags {
    fn limits(&self) -> Limits {
        let threads = || std::thread::available_parallelism().map_or(1, usize::from);
        Limits {
            states: usize::MAX,
            time: Duration::from_secs(self.seconds),
            threads: self.threads.unwrap_or_else(threads),
        }
    }

    fn settings(&self) -> Vec<Setting> {
        let wanted = |setting: &Setting| self.setting.as_ref().is_none_or(|name| name == setting.name);
        let none = self.bug.is_some();
        settings::all(self.trouble).into_iter().filter(|setting| !none && wanted(setting)).collect()
    }

    fn bugs(&self) -> Vec<Bug> {
        let wanted = |bug: &Bug| self.bug.as_ref().is_none_or(|name| *name == format!("{bug:?}"));
        bug::ALL.into_iter().filter(|bug| self.setting.is_none() && wanted(bug)).collect()
    }
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    let (mut states, mut violated, mut caught) = (0, BTreeSet::new(), 0);
    for setting in flags.settings() {
        let name = format!("{}, at most {} of trouble", setting.name, setting.trouble.in_all);
        let found = search(setting, Bug::Nothing, flags.limits());
        say(&name, &found, true);
        states += found.states;
        violated.extend(found.violated.into_keys());
    }
    let bugs = flags.bugs();
    for bug in &bugs {
        let found = search(settings::of(*bug), *bug, flags.limits());
        say(&format!("seeded {bug:?}"), &found, flags.bug.is_some());
        caught += usize::from(!found.violated.is_empty());
    }
    println!(
        "states {states}, invariants {}, violated {}, seeded bugs {}, caught {caught}",
        invariant::ALL.len(),
        violated.len(),
        bugs.len()
    );
    if violated.is_empty() && caught == bugs.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn say(name: &str, found: &Found, with_events: bool) {
    let how_far = if found.complete { "all of it" } else { "cut short" };
    let (states, depth, took) = (found.states, found.depth, found.took.as_secs_f64());
    println!("{name}: {states} states, up to {depth} events deep, {how_far}, {took:.1} s");
    for (invariant, events) in &found.violated {
        println!("  {invariant} does not hold after {} events", events.len());
        for event in events.iter().filter(|_| with_events) {
            println!("    {event}");
        }
    }
}
