//! `properties`: plays generated schedules against the shipped decisions and counts what goes wrong.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use nodemend_model::broken::Broken;
use nodemend_model::fleet::shapes;
use nodemend_model::play::play;
use nodemend_model::schedule::draw;
use nodemend_model::tally::{Tally, tally};

/// Plays generated schedules against the shipped decisions; the last line counts what went wrong.
///
/// A schedule is a cluster of at least 20 nodes in 3 zones and 2 pools, and at least 30 things that happen to it:
/// nodes fail, go and are replaced, people cordon, hold and delete, controllers die, lag, overtake each other and lose
/// writes, clocks jump. Exit status: 0 if no schedule went wrong, 1 otherwise.
#[derive(Debug, Parser)]
struct Flags {
    /// The seed of the first schedule; the next one has the next number
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many schedules are played
    #[arg(long, default_value_t = 1_000_000)]
    schedules: u64,
    /// On how many threads; without it, one per processor
    #[arg(long)]
    threads: Option<usize>,
    /// Say what happens in each schedule
    #[arg(long)]
    trace: bool,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    println!("schedules from seed {} on", flags.seed);
    if flags.trace {
        trace(flags.seed, flags.schedules);
    }
    let threads =
        flags.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let begun = Instant::now();
    let terminal = std::io::stderr().is_terminal();
    let watch = |played: u64| {
        if terminal {
            eprint!("\r{played} of {} schedules", flags.schedules);
            let _ = std::io::stderr().flush();
        }
    };
    let tally = tally(flags.seed, flags.schedules, threads, Broken::Nothing, &watch);
    if terminal {
        eprint!("\r\x1b[K");
    }
    println!("{:.1} s on {threads} threads", begun.elapsed().as_secs_f64());
    say(&tally)
}

fn trace(seed: u64, schedules: u64) {
    let shapes = shapes();
    for seed in (seed..).take(usize::try_from(schedules).unwrap_or(usize::MAX)) {
        println!("seed {seed}:");
        for line in play(&draw(seed, &shapes), &shapes, Broken::Nothing, true).1 {
            println!("  {line}");
        }
    }
}

fn say(tally: &Tally) -> ExitCode {
    if let Some(seed) = tally.first_bad {
        println!(
            "the first that went wrong: cargo run --release -p nodemend-model --bin properties -- --seed {seed} --schedules 1 --trace"
        );
    }
    println!(
        "schedules {}, over budget {}, started after limit {}, started under hold {}, stuck {}",
        tally.schedules, tally.over_budget, tally.after_limit, tally.under_hold, tally.stuck
    );
    if tally.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
