//! A fault of every kind somewhere in a repair changes nothing; and what would be wrong is seen to be wrong.
//!
//! `make torture` puts every fault at every place; here is a sample of it.

use std::sync::Mutex;
use std::time::Duration;

use nodemend_bed::scale::PlainFault;
use nodemend_e2e::scale::Seed;
use nodemend_e2e::torture::oracle::{Verdict, judge};
use nodemend_e2e::torture::{Crew, Results, Site, Story, Work, play, steps};
use nodemend_proxy::{Fault, Plan};

/// How long a repair may take, with its fault and the time-outs that the fault leads to.
const DEADLINE: Duration = Duration::from_secs(90);
/// How long it is waited for something that does not come.
const IN_VAIN: Duration = Duration::from_secs(25);
/// One of each kind of fault, and a few more.
const PLANS: usize = 36;

#[test]
fn a_fault_of_every_kind_leaves_the_node_repaired_or_held_and_nothing_done_twice() {
    let crew = Crew { name: "tortured".into(), sites: 3, deadline: DEADLINE };
    let mut site = crew.first().unwrap();
    let work = Work::find(&mut site, &Story::ALL, DEADLINE).unwrap();
    let chosen = steps::representative(&work.plans, PLANS, &mut Seed::new(1));
    let file = site.stage().bed().dir().with_extension("jsonl");
    let results = Mutex::new(Results::open(&file).unwrap());
    let wrong = Mutex::new(Vec::new());
    let played = crew.play(site, &work, &chosen, &results, |record, _| {
        eprintln!("{:?} after {} ms: {}", record.verdict, record.took, record.plan);
        if matches!(record.verdict, Verdict::Diverged | Verdict::Repeated) {
            wrong.lock().unwrap().push(format!("{}: {}", record.plan, record.note));
        }
    });
    let tally = results.lock().unwrap().tally(chosen.iter().map(|plan| plan.name.as_str()));
    std::fs::remove_file(&file).unwrap();
    played.unwrap();
    eprintln!("{tally}");
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tally.same > PLANS / 2, "{tally:?}");
}

#[test]
fn what_is_done_twice_or_left_undone_is_seen() {
    let story = Story::DrainAndReboot;
    let mut site = Site::start("oracles", 4).unwrap();
    let work = Work::find(&mut site, &[story], DEADLINE).unwrap();
    let wanted = &work.without_fault[&story];

    // A host that carries each job out twice, as if the controller had launched it again.
    let twice = [PlainFault::JobsRunTwice];
    let ended = play(&mut site, (story, &Plan::default()), &twice, IN_VAIN, |_| false).unwrap();
    let verdict = judge(&ended.state, wanted, ended.held.as_deref());
    assert_eq!(verdict, Verdict::Repeated, "{ended:?}");
    assert_eq!(ended.state.effects.reboots, 2, "{ended:?}");

    // The node's Lease is given back last. The controller is told that it was, and it was not: nobody looks again.
    let mut deletions =
        work.plans.iter().filter(|plan| plan.name.contains("delete leases") && plan.kind == "kill before");
    let mut forged = deletions.next_back().unwrap().clone();
    forged.plan.rules[0].fault = Fault::Forge;
    let (record, ended) = work.judged(&mut site, &forged, IN_VAIN).unwrap();
    assert!(ended.acted && ended.state.left.contains("lease"), "{ended:?}");
    assert_eq!(record.verdict, Verdict::Diverged, "{ended:?}");
}
