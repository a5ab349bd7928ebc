//! `model`: searches the orders of events around the shipped decisions, and counts what does not hold in any of them.

use std::time::Duration;

use clap::Parser;
use nodemend_model::checker::bug::{ALL, Bug};
use nodemend_model::checker::report::{Limits, search};
use nodemend_model::checker::settings::{limits, rivals, saga, whole};

/// Searches.
#[derive(Debug, Parser)]
struct Flags {
    #[arg(long)]
    setting: String,
    #[arg(long, default_value_t = 1)]
    trouble: u8,
    #[arg(long)]
    bug: Option<String>,
    #[arg(long, default_value_t = 100_000_000)]
    states: usize,
    #[arg(long, default_value_t = 600)]
    time: u64,
    #[arg(long, default_value_t = 2)]
    threads: usize,
    #[arg(long, default_value_t = 64)]
    one_in: u64,
}

fn main() {
    let flags = Flags::parse();
    let setting = match flags.setting.as_str() {
        "whole" => whole(flags.trouble),
        "saga" => saga(flags.trouble),
        "rivals" => rivals(flags.trouble),
        _ => limits(flags.trouble),
    };
    let setting = nodemend_model::checker::setting::Setting { one_in: flags.one_in, ..setting };
    let bugs: Vec<Bug> = match flags.bug.as_deref() {
        None => vec![Bug::Nothing],
        Some("all") => ALL.to_vec(),
        Some(name) => ALL.into_iter().filter(|bug| format!("{bug:?}") == name).collect(),
    };
    let bounds =
        Limits { states: flags.states, time: Duration::from_secs(flags.time), threads: flags.threads };
    for bug in bugs {
        let found = search(setting.clone(), bug, bounds);
        println!(
            "{} {bug:?}: {} states, depth {}, complete {}, {:?}",
            setting.name, found.states, found.depth, found.complete, found.took
        );
        for (name, events) in found.violated {
            println!("  {name} after {}:", events.len());
            for event in events {
                println!("    {event}");
            }
        }
    }
}
