//! A simulation from its flags to its text.

use clap::Parser;

use super::*;

#[derive(Parser)]
struct Only {
    #[command(flatten)]
    flags: Flags,
}

fn flags(arguments: &str) -> Flags {
    let arguments = ["simulate"].into_iter().chain(arguments.split_whitespace());
    Only::try_parse_from(arguments).unwrap_or_else(|error| panic!("{error}")).flags
}

fn simulated(arguments: &str) -> (String, Ended) {
    let flags = flags(arguments);
    let start = nodemend_core::time::Time(1_767_225_600_000);
    let plan = flags.generated.plan(flags.drawn.seed).unwrap().unwrap();
    let snapshot = nodemend_core::sim::fleet::generate(&plan, start);
    let mut world = World::new(snapshot, start, flags.drawn.settings(Span::minutes(10)));
    world.gauges = Some(Gauges::new(&world.snapshot, world.now));
    let gather = gather(&world);
    let mut simulation = Simulation::new(world, gather);
    let ended = simulation.run(flags.at_most);
    (text::report(&simulation.report(), flags.drawn.seed, ended, Look::plain()), ended)
}

#[test]
fn the_timeline_the_makespan_and_the_bound_are_shown() {
    let (text, ended) = simulated("--nodes 30 --zones 3 --max-unavailable 3 --spread 0 --batch 1,5");
    assert_eq!(ended, Ended::Over, "{text}");
    assert!(text.contains("Run generated in pool generated: Succeeded (30 nodes: 30 repaired)"), "{text}");
    // One node, then five at a time of which three may be in flight: 1 + 5 x 2 + 2 waves (the last has four nodes).
    assert!(text.contains("lower bound 2h10m = 13 waves x 10m"), "{text}");
    assert!(text.contains("repairpool/generated"), "{text}");
}

#[test]
fn a_run_that_reaches_its_limit_says_why_and_what_is_left() {
    let (text, _) = simulated("--nodes 40 --max-unavailable 4 --failure-rate 1 --max-failures 1");
    assert!(text.contains("Failed (40 nodes: 4 failed, 36 not begun)"), "{text}");
    assert!(text.contains("36 nodes were not started"), "{text}");
}

#[test]
fn the_same_seed_gives_the_same_text() {
    let arguments = "--nodes 60 --zones 3 --failure-rate 0.1 --max-failures 60 --seed 7";
    assert_eq!(simulated(arguments), simulated(arguments));
    assert_ne!(simulated(arguments).0, simulated(&arguments.replace("seed 7", "seed 8")).0);
}

#[test]
fn shares_are_numbers_from_nothing_to_all() {
    assert_eq!((per_million("0.01"), per_million("1")), (Ok(10_000), Ok(1_000_000)));
    assert!(per_million("1.5").is_err() && per_million("-1").is_err() && per_million("a").is_err());
}
