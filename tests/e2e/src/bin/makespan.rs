//! `make bench`: how long a run over eight real nodes takes, against the least that it could take.
//!
//! Nothing is judged: all figures are of one run on one machine. The least is the number of batches times what one node
//! takes (the median); what is above it is told by where it went.

use std::time::Duration;

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use nodemend_bed::{Bed, HostSpec};
use nodemend_e2e::Stage;
use nodemend_e2e::journal::{Journal, Run, time};
use nodemend_e2e::objects::{self, API_VERSION, PoolSpec};
use nodemend_e2e::witness::{CordonChange, Witness};
use serde_json::json;

const POOL: &str = "web";
const NODES: usize = 8;
const BATCH: u32 = 2;
const OVER: Duration = Duration::from_mins(10);

fn main() -> anyhow::Result<()> {
    Bed::check_privileges()?;
    let names: Vec<_> = (1..=NODES).map(|number| format!("{POOL}-{number}")).collect();
    let hosts = names.iter().map(|name| HostSpec { pool: POOL.to_owned(), ..HostSpec::new(name) });
    let stage = Stage::start("makespan", hosts.collect())?;
    let pool = PoolSpec { max_unavailable: BATCH, ..PoolSpec::new(POOL) };
    let before = Timestamp::now();
    stage.apply([objects::guard(), objects::pool(pool, stage.login())])?;
    stage.start_controller()?;
    stage.reported(&names.iter().map(String::as_str).collect::<Vec<_>>(), before)?;
    let asked = Timestamp::now();
    stage.apply([run(&names, asked)])?;
    let run = stage.run_that(POOL, "is over", OVER, Run::is_over)?;
    anyhow::ensure!(run.phase() == "Succeeded", "{}", stage.situation());
    report(&stage, &run, asked)
}

fn run(names: &[String], asked: Timestamp) -> serde_json::Value {
    json!({
        "apiVersion": API_VERSION, "kind": "RepairRun", "metadata": {"name": "makespan"},
        "spec": {
            "pool": POOL, "playbook": "drain-and-reboot", "version": "1.0.0",
            "nodes": {"named": {"names": names}}, "rollout": {"batches": [BATCH]},
            "requestedBy": "bench", "startBefore": (asked + SignedDuration::from_hours(1)).to_string(),
        },
    })
}

/// When what happened in one batch, in milliseconds after the run was asked for.
#[derive(Debug)]
struct Batch {
    granted: i64,
    begun: i64,
    cordoned: i64,
    ended: i64,
    /// What each of its nodes took.
    took: Vec<i64>,
}

fn report(stage: &Stage, run: &Run, asked: Timestamp) -> anyhow::Result<()> {
    let since = |at: Timestamp| at.as_millisecond() - asked.as_millisecond();
    let makespan = since(time(&run.0["status"]["finishedAt"]).context("the run has no end")?);
    let batches = batches(stage, run, since)?;
    tell_run(&batches, makespan);
    tell_batches(&batches, makespan);
    Ok(())
}

/// The makespan against the least, and what the difference is made of.
fn tell_run(batches: &[Batch], makespan: i64) {
    let mut took: Vec<_> = batches.iter().flat_map(|batch| batch.took.clone()).collect();
    took.sort_unstable();
    let (fastest, median, slowest) = (took[0], took[took.len() / 2], took[took.len() - 1]);
    let least = batches.iter().map(|_| median).sum();
    let of_slowest: i64 = batches.iter().filter_map(|batch| batch.took.iter().max()).sum();
    println!("a node takes {} (median; {} to {})", seconds(median), seconds(fastest), seconds(slowest));
    println!("{} batches: least {}, makespan {}", batches.len(), seconds(least), seconds(makespan));
    println!("above the least: {}", percent(makespan - least, least));
    println!("  the slower node of a batch against the median: {}", percent(of_slowest - least, least));
    println!("  between nodes: {}", percent(makespan - of_slowest, least));
}

/// What passed between the end of one batch and the first cordon of the next.
fn tell_batches(batches: &[Batch], makespan: i64) {
    let mut before = 0;
    for (number, batch) in (1..).zip(batches) {
        let [granted, begun, cordoned] =
            [batch.granted, batch.begun, batch.cordoned].map(|at| seconds(at - before));
        println!(
            "batch {number}: granted after {granted}, begun after {begun}, first cordon after {cordoned}"
        );
        before = batch.ended;
    }
    println!("end of the run after {}", seconds(makespan - before));
}

/// The batches as the pool counted their starts.
fn batches(stage: &Stage, run: &Run, since: impl Fn(Timestamp) -> i64) -> anyhow::Result<Vec<Batch>> {
    let journals = stage.journals(run.name())?;
    let mut cordons = Witness::since(stage, Timestamp::UNIX_EPOCH)?.cordon_changes();
    cordons.retain(|change| change.cordoned);
    let starts = stage.get("repairpool", POOL)?["status"]["starts"].take();
    let starts = starts.as_array().into_iter().flatten().filter_map(|start| time(&start["at"]));
    let batch = |(number, granted)| {
        let of_batch = |journal: &&Journal| journal.0["spec"]["repairs"][0]["node"]["batch"] == number;
        let nodes: Vec<_> = journals.iter().filter(of_batch).collect();
        Batch::read(&nodes, granted, &cordons, &since)
    };
    (0_u32..).zip(starts).map(batch).collect()
}

impl Batch {
    fn read(
        nodes: &[&Journal],
        granted: Timestamp,
        cordons: &[CordonChange],
        since: impl Fn(Timestamp) -> i64,
    ) -> anyhow::Result<Self> {
        let times: Vec<_> = nodes.iter().filter_map(|node| node.times()).collect();
        let cordon = cordons.iter().find(|change| nodes.iter().any(|node| node.node() == change.node));
        Ok(Self {
            granted: since(granted),
            begun: times.iter().map(|(from, _)| since(*from)).min().context("a batch without nodes")?,
            cordoned: since(cordon.context("a batch without a cordon")?.at),
            ended: times.iter().map(|(_, to)| since(*to)).max().context("a batch without nodes")?,
            took: times.iter().map(|(from, to)| since(*to) - since(*from)).collect(),
        })
    }
}

/// Milliseconds as seconds.
fn seconds(milliseconds: i64) -> String {
    let sign = if milliseconds < 0 { "-" } else { "" };
    let size = milliseconds.abs();
    format!("{sign}{}.{:02} s", size / 1000, size % 1000 / 10)
}

fn percent(part: i64, whole: i64) -> String {
    let sign = if part < 0 { "-" } else { "" };
    let tenths = part.abs() * 1000 / whole.max(1);
    format!("{} ({sign}{}.{}%)", seconds(part), tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_zero_says_so() {
        assert_eq!(percent(3_300, 66_820), "3.30 s (4.9%)");
        assert_eq!(percent(-840, 81_080), "-0.84 s (-1.0%)");
    }
}
