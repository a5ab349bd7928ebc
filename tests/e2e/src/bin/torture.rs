//! `make torture`: each fault at each write and each connection of the main playbooks, and what became of it.
//!
//! `torture [--sites N] [--sample N] [--seed N] [--only TEXT] [--deadline SECONDS] [--results FILE] [--again]`. It goes on
//! with a results file that is there, unless `--again` is said. `torture --plan FILE` plays a plan of one's own with each
//! playbook, or those that `--only` names. Ends with 1 if anything diverged or was done twice.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nodemend_bed::Bed;
use nodemend_e2e::interrupt;
use nodemend_e2e::scale::Seed;
use nodemend_e2e::torture::oracle::Verdict;
use nodemend_e2e::torture::{Crew, Record, Results, Story, TorturePlan, Work, estimate, steps};
use nodemend_proxy::Plan;

const USAGE: &str = "torture [--sites N] [--sample N] [--seed N] [--only TEXT] [--deadline SECONDS] [--results FILE] [--again] [--plan FILE]";

struct Options {
    sites: usize,
    sample: usize,
    seed: u64,
    only: String,
    deadline: Duration,
    results: PathBuf,
    again: bool,
    plan: Option<PathBuf>,
}

fn main() -> anyhow::Result<ExitCode> {
    Bed::check_privileges()?;
    let options = options()?;
    let crew = Crew { name: "torture".into(), sites: options.sites, deadline: options.deadline };
    interrupt::stop_beds_at_signal(crew.beds())?;
    if options.again && options.results.exists() {
        std::fs::remove_file(&options.results).with_context(|| options.results.display().to_string())?;
    }
    let results = Mutex::new(Results::open(&options.results)?);
    println!("==> the stories without faults");
    let mut site = crew.first()?;
    let work = Work::find(&mut site, &Story::ALL, options.deadline)?;
    let chosen = choose(&work.plans, &options)?;
    println!("==> {} of {} plans; results in {}", chosen.len(), work.plans.len(), options.results.display());
    let (started, done) = (Instant::now(), AtomicUsize::new(0));
    crew.play(site, &work, &chosen, &results, |record, left| {
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        tell(record, left, estimate(started, done, left));
    })?;
    let tally = results
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .tally(chosen.iter().map(|plan| plan.name.as_str()));
    println!("not counted: {} plans whose fault never came", tally.unreached);
    println!("{tally}");
    Ok(if tally.diverged + tally.repeated == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn choose(plans: &[TorturePlan], options: &Options) -> anyhow::Result<Vec<TorturePlan>> {
    let own = options.plan.as_deref().map(own).transpose()?;
    let plans = own.as_deref().unwrap_or(plans);
    let named: Vec<_> = plans.iter().filter(|plan| plan.name.contains(&options.only)).cloned().collect();
    Ok(steps::representative(&named, options.sample, &mut Seed::new(options.seed)))
}

/// The plan in a file, for each story. Its results are told apart from those of other files by its path.
fn own(path: &Path) -> anyhow::Result<Vec<TorturePlan>> {
    let plan = Plan::read(path)?;
    let with = |story| {
        let name = format!("{story}: {}", path.display());
        TorturePlan { story, name, kind: "own".into(), plan: plan.clone() }
    };
    Ok(Story::ALL.map(with).into())
}

fn tell(record: &Record, left: usize, estimate: Duration) {
    let Record { plan, verdict, took, note } = record;
    let minutes = estimate.as_secs().div_ceil(60);
    println!("{verdict:?} after {took} ms: {plan} ({left} left, about {minutes} min)");
    if matches!(verdict, Verdict::Held | Verdict::Diverged | Verdict::Repeated) {
        println!("    {note}");
    }
}

fn options() -> anyhow::Result<Options> {
    let mut options = Options {
        sites: 4,
        sample: usize::MAX,
        seed: 1,
        only: String::new(),
        deadline: Duration::from_secs(90),
        results: PathBuf::from("target/torture.jsonl"),
        again: false,
        plan: None,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        if word == "--again" {
            options.again = true;
            continue;
        }
        let value = words.next().with_context(|| format!("`{word}` needs a value; {USAGE}"))?;
        match word.as_str() {
            "--sites" => options.sites = value.parse::<usize>()?.max(1),
            "--sample" => options.sample = value.parse()?,
            "--seed" => options.seed = value.parse()?,
            "--only" => options.only = value,
            "--deadline" => options.deadline = Duration::from_secs(value.parse()?),
            "--plan" => options.plan = Some(value.into()),
            "--results" => options.results = value.into(),
            _ => bail!("`{word}` is not known; {USAGE}"),
        }
    }
    Ok(options)
}
