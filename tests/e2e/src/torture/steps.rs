//! From the log of a repair without faults to all plans: every write, every connection, every watch, and each fault there.

use std::collections::{BTreeMap, BTreeSet};

use nodemend_proxy::plan::{Kept, When};
use nodemend_proxy::{Fault, Plan, Request, Rule, Seen};

use super::story::Story;
use crate::scale::Seed;

/// For how long hosts hang and events are kept back: longer than the controller's looks, which are two seconds apart.
const SECONDS: u64 = 5;
/// The write at which a controller is killed before it starts anew with a stale list.
const JOURNAL: (&str, &str) = ("update", "remediations/status");

/// One fault at one place of one story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TorturePlan {
    /// The story.
    pub story: Story,
    /// The story, the place and the fault, in words that are the same in every run.
    pub name: String,
    /// The kind of the fault alone.
    pub kind: String,
    /// For the proxies.
    pub plan: Plan,
}

/// All plans for a story whose log without faults is `seen`.
pub fn plans(story: Story, seen: &[Seen]) -> Vec<TorturePlan> {
    let counts = counts(seen);
    let mut plans = Vec::new();
    for ((verb, resource), count) in &counts {
        let request = about(verb, resource);
        let faults = match verb.as_str() {
            "ssh" => of_ssh(),
            _ if request.is_write() => of_writes(),
            _ => continue,
        };
        for nth in 1..=*count {
            plans.extend(faults.iter().map(|fault| one(story, &request, nth, *fault)));
        }
    }
    plans.extend(of_watches(story, &counts));
    plans.extend(stale_restarts(story, &counts));
    plans
}

/// So many of the plans that every kind of fault is among them before any is there twice.
pub fn representative(plans: &[TorturePlan], count: usize, seed: &mut Seed) -> Vec<TorturePlan> {
    let mut kinds: BTreeMap<&str, Vec<&TorturePlan>> = BTreeMap::new();
    for plan in plans {
        kinds.entry(&plan.kind).or_default().push(plan);
    }
    let mut chosen = Vec::new();
    while chosen.len() < count && !kinds.is_empty() {
        kinds.retain(|_, left| {
            if chosen.len() < count {
                chosen.push(left.swap_remove(seed.below(left.len())).clone());
            }
            !left.is_empty()
        });
    }
    chosen
}

type Counts = BTreeMap<(String, String), u32>;

fn counts(seen: &[Seen]) -> Counts {
    let mut counts = Counts::new();
    for Seen { request, .. } in seen {
        *counts.entry((request.verb.clone(), request.resource.clone())).or_default() += 1;
    }
    counts
}

/// Every object of that resource: there is one run on one node at a time.
fn about(verb: &str, resource: &str) -> Request {
    let (verb, resource) = (verb.to_owned(), resource.to_owned());
    Request { verb, resource, namespace: String::new(), name: String::new() }
}

fn of_writes() -> Vec<Fault> {
    let both = [When::Before, When::After].into_iter();
    let mut faults: Vec<_> = both.flat_map(|when| [Fault::Kill(when), Fault::Drop(when)]).collect();
    let answer = |when| move |code| Fault::Answer { code, when };
    faults.extend([409, 410, 429, 500, 504].map(answer(When::Before)));
    // What comes when something between here and etcd has sent the request once more, or given up waiting.
    faults.extend([409, 500, 504].map(answer(When::After)));
    faults
}

fn of_ssh() -> Vec<Fault> {
    let all = [When::Before, When::During, When::After].into_iter();
    all.flat_map(|when| [Fault::Kill(when), Fault::Drop(when), Fault::Hang { when, seconds: SECONDS }])
        .collect()
}

fn of_watches(story: Story, counts: &Counts) -> Vec<TorturePlan> {
    let watched = counts.keys().filter(|(verb, _)| verb == "watch");
    let kept = |after| [false, true].map(|coalesced| Kept { after, seconds: SECONDS, coalesced });
    let faults: Vec<_> = [0, 1, 3].into_iter().flat_map(kept).map(Fault::Events).collect();
    let of = |(verb, resource): &(String, String)| {
        let request = about(verb, resource);
        faults.iter().map(move |fault| one(story, &request, 1, *fault)).collect::<Vec<_>>()
    };
    let mut plans: Vec<_> = watched.flat_map(of).collect();
    for plan in &mut plans {
        plan.plan.rules[0].times = u32::MAX;
    }
    plans
}

/// The controller is killed after a write of the journal, and the next one begins with what the first one had read.
/// Resources that are listed for a watch alone are listed once by each controller.
fn stale_restarts(story: Story, counts: &Counts) -> Vec<TorturePlan> {
    let journal = about(JOURNAL.0, JOURNAL.1);
    let writes = counts.get(&(journal.verb.clone(), journal.resource.clone())).copied().unwrap_or_default();
    let watched: BTreeSet<_> =
        counts.keys().filter(|(verb, _)| verb == "watch").map(|(_, what)| what).collect();
    let once = |what: &&&String| counts.get(&("list".to_owned(), (**what).clone())) == Some(&1);
    let mut plans = Vec::new();
    for resource in watched.iter().filter(once) {
        for nth in 1..=writes {
            let mut plan = one(story, &journal, nth, Fault::Kill(When::After));
            let stale = Plan::at(&about("list", resource), 2, Fault::StaleList);
            plan.plan.rules.extend(stale.rules);
            plan.kind = "stale list".into();
            plan.name = format!("{}, then stale list {resource}", plan.name);
            plans.push(plan);
        }
    }
    plans
}

fn one(story: Story, request: &Request, nth: u32, fault: Fault) -> TorturePlan {
    let kind = kind(fault, request.verb == "ssh");
    let Rule { verb, resource, .. } = &Plan::at(request, nth, fault).rules[0];
    let name = format!("{story}: {verb} {resource} {nth}: {kind}");
    TorturePlan { story, name, kind, plan: Plan::at(request, nth, fault) }
}

fn kind(fault: Fault, over_ssh: bool) -> String {
    let when = |when| match when {
        When::Before => "before",
        When::During => "during",
        When::After => "after",
    };
    let kind = match fault {
        Fault::Kill(at) => format!("kill {}", when(at)),
        Fault::Drop(at) => format!("drop {}", when(at)),
        Fault::Answer { code, when: at } => format!("answer {code} {}", when(at)),
        Fault::Forge => "forge".to_owned(),
        Fault::Hang { when: at, .. } => format!("hang {}", when(at)),
        Fault::Events(kept) if kept.coalesced => format!("coalesce events after {}", kept.after),
        Fault::Events(kept) => format!("hold events after {}", kept.after),
        Fault::StaleList => "stale list".to_owned(),
    };
    if over_ssh { format!("ssh {kind}") } else { kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(requests: &[(&str, &str)]) -> Vec<Seen> {
        requests.iter().map(|(verb, what)| Seen { request: about(verb, what), at: 0, fault: None }).collect()
    }

    fn all() -> Vec<TorturePlan> {
        let seen = log(&[
            ("list", "nodes"),
            ("watch", "nodes"),
            ("get", "nodes"),
            ("patch", "nodes"),
            ("update", "remediations/status"),
            ("patch", "nodes"),
            ("ssh", ""),
        ]);
        plans(Story::DrainAndReboot, &seen)
    }

    #[test]
    fn every_write_and_every_connection_meets_every_fault_once() {
        let plans = all();
        let names: BTreeSet<_> = plans.iter().map(|plan| &plan.name).collect();
        assert_eq!(names.len(), plans.len(), "no two are the same");
        let of = |text: &str| plans.iter().filter(|plan| plan.name.contains(text)).count();
        assert_eq!(of(": patch nodes 2: "), of_writes().len());
        assert_eq!(of(": ssh * 1: "), of_ssh().len());
        assert_eq!(of(": get "), 0, "a read that fails is a read that fails");
        assert_eq!(of("then stale list nodes"), 1);
    }

    #[test]
    fn a_sample_has_every_kind() {
        let plans = all();
        let kinds: BTreeSet<_> = plans.iter().map(|plan| plan.kind.clone()).collect();
        let chosen = representative(&plans, kinds.len(), &mut Seed::new(1));
        assert_eq!(chosen.iter().map(|plan| plan.kind.clone()).collect::<BTreeSet<_>>(), kinds);
        assert_eq!(representative(&plans, usize::MAX, &mut Seed::new(1)).len(), plans.len());
    }
}
