//! Every file in `tests/scenarios`: a cluster, what happens to it, and what has to come of it.

mod expect;

use std::path::{Path, PathBuf};

use expect::{Expect, Seen};
use nodemend_api::scenario::{Scenario, Step};
use nodemend_core::sim::{Settings, Simulation};
use nodemend_core::time::Span;

/// How long the planner has for a step before its expectations are looked at: a plan takes it a few rounds.
const SETTLES: Span = Span::seconds(2);

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let Ok(entries) = folder.read_dir() else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut files: Vec<_> = paths.filter(|path| path.extension().is_some_and(|e| e == "yaml")).collect();
    files.sort();
    files
}

/// Plays a scenario. The error says at which line what is not as expected.
fn play(name: &str, text: &str) -> Result<(), String> {
    let at_file = |error: &dyn std::fmt::Display| format!("{name}: {error}");
    let scenario = Scenario::read(text).map_err(|error| at_file(&error))?;
    let settings = Settings { node_time: scenario.node_time, ..Settings::default() };
    let world = scenario.world(settings).map_err(|error| at_file(&error))?;
    let mut simulation = Simulation::new(world, Span(250));
    let mut seen = Seen::default();
    for (number, step) in scenario.steps.iter().enumerate() {
        let at_step = |error: String| format!("{name}:{}: step at {}: {error}", line(text, number), step.at);
        simulation.run_to(scenario.start.after(step.at));
        one_step(&mut simulation, step, &mut seen).map_err(at_step)?;
    }
    Ok(())
}

fn one_step(simulation: &mut Simulation, step: &Step, seen: &mut Seen) -> Result<(), String> {
    for act in &step.acts {
        act.apply(&mut simulation.world).map_err(|error| error.to_string())?;
    }
    let soon = simulation.world.now.after(SETTLES);
    simulation.run_to(soon);
    if step.expect.is_null() {
        return Ok(());
    }
    let expect: Expect = serde_json::from_value(step.expect.clone()).map_err(|error| error.to_string())?;
    expect.check(&simulation.world, seen)
}

/// The line on which a step begins.
fn line(text: &str, step: usize) -> usize {
    let steps = text.lines().enumerate().filter(|(_, line)| line.trim_start().starts_with("- at:"));
    steps.map(|(number, _)| number + 1).nth(step).unwrap_or(0)
}

#[test]
fn every_scenario_comes_out_as_it_says() {
    let files = files();
    assert!(files.len() >= 10, "{} scenarios found", files.len());
    let mut wrong = Vec::new();
    for file in &files {
        let name = format!("tests/scenarios/{}", file.file_name().unwrap().to_string_lossy());
        let text = std::fs::read_to_string(file).unwrap();
        wrong.extend(play(&name, &text).err());
    }
    assert!(wrong.is_empty(), "{} of {} scenarios:\n{}", wrong.len(), files.len(), wrong.join("\n"));
}

#[test]
fn a_mismatch_is_told_with_file_line_and_step() {
    let text = "\
pools:
  web: {nodeSelector: {matchLabels: {pool: web}}, budget: {maxUnavailable: 1}, approval: Never}
nodes:
  - {name: web-1, labels: {pool: web}, findings: [node.systemd-dbus]}
runs:
  r: {pool: web, playbook: drain-and-reboot, version: 1.0.0, nodes: {named: {names: [web-1]}}}
steps:
  - at: 0s
    expect: {granted: [web-1]}
  - at: 20m
    expect: {runs: {r: {phase: Running}}}
";
    let error = play("x.yaml", text).unwrap_err();
    assert_eq!(error, "x.yaml:10: step at 20m: run r: phase is Succeeded, expected Running");
    assert_eq!(play("x.yaml", &text.replace("Running", "Succeeded")), Ok(()));
}
