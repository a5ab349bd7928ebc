//! `make scale`: a run over 5,000 nodes, then one over 1,000 whose controller is killed at random points.
//!
//! `scale [--nodes N] [--restart-nodes N] [--seed N]`; a part with 0 nodes is left out. Prints what it counted, and ends
//! with 1 if a limit was not kept.

use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use nodemend_bed::Bed;
use nodemend_e2e::interrupt;
use nodemend_e2e::scale::{Figures, Fleet, FleetSpec, Seed};

/// How often progress is told.
const PROGRESS: Duration = Duration::from_secs(15);
/// How often the controller of the second run is killed.
const KILLS: usize = 5;

/// The beds of the two runs.
const BEDS: [&str; 2] = ["scale", "restarts"];

struct Options {
    nodes: usize,
    restart_nodes: usize,
    seed: u64,
}

fn main() -> anyhow::Result<ExitCode> {
    Bed::check_privileges()?;
    let options = options()?;
    interrupt::stop_beds_at_signal(BEDS.map(str::to_owned).into())?;
    println!("seed {}", options.seed);
    let mut seed = Seed::new(options.seed);
    let mut kept = true;
    let mut lines = Vec::new();
    let [whole, killed] = BEDS;
    for (name, nodes, kills) in [(whole, options.nodes, 0), (killed, options.restart_nodes, KILLS)] {
        if nodes > 0 {
            let figures = part(name, nodes, kills, &mut seed)?;
            kept &= figures.faults.is_empty();
            lines.push(figures.to_string());
        }
    }
    for line in lines {
        println!("{line}");
    }
    Ok(if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn part(name: &str, nodes: usize, kills: usize, seed: &mut Seed) -> anyhow::Result<Figures> {
    let max_unavailable = u32::try_from(nodes / 10)?.max(1);
    let deadline = Duration::from_secs(600 + nodes as u64);
    println!("==> {nodes} nodes, {kills} restarts of the controller at random points");
    let fleet = Fleet::start(FleetSpec { name: name.to_owned(), nodes, max_unavailable, kills, deadline })?;
    let (started, mut told) = (Instant::now(), Duration::ZERO);
    let mut figures = fleet.heal(seed, |line| {
        if started.elapsed() >= told || line.starts_with("killing") {
            println!("{:>5} s  {line}", started.elapsed().as_secs());
            told = started.elapsed() + PROGRESS;
        }
    })?;
    figures.judge_size();
    let idle = figures.judge_idle(&fleet)?;
    println!("{} s, run of {} bytes, {idle} requests in an idle minute", figures.seconds, figures.run_bytes);
    for (kind, number) in &figures.frequent {
        println!("{number:>9}  {kind}");
    }
    for fault in &figures.faults {
        println!("NOT KEPT: {fault}");
    }
    Ok(figures)
}

fn options() -> anyhow::Result<Options> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let mut options = Options { nodes: 5000, restart_nodes: 1000, seed: now.as_secs() };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().with_context(|| format!("`{word}` needs a number"))?;
        match word.as_str() {
            "--nodes" => options.nodes = value.parse()?,
            "--restart-nodes" => options.restart_nodes = value.parse()?,
            "--seed" => options.seed = value.parse()?,
            _ => bail!("`{word}` is not known; `scale [--nodes N] [--restart-nodes N] [--seed N]`"),
        }
    }
    Ok(options)
}
