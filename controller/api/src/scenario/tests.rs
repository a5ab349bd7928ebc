//! Scenarios that are read, and those that are refused with the place of their fault.

use nodemend_core::sim::{Ended, Simulation};
use nodemend_core::snapshot::RunPhase;

use super::*;

const POOL: &str = "
pools:
  web:
    nodeSelector: {matchLabels: {pool: web}}
    budget: {maxUnavailable: 2}
    approval: Never
nodes:
  - {name: web, count: 4, labels: {pool: web}, zones: [a, b], findings: [node.systemd-dbus]}
";
const RUN: &str = "
runs:
  first: {pool: web, playbook: drain-and-reboot, version: 1.0.0, nodes: {findings: {checks: [node.systemd-dbus]}}}
";

fn world(text: &str) -> Result<World, ScenarioError> {
    Scenario::read(text)?.world(Settings::default())
}

#[test]
fn a_scenario_is_a_cluster_that_can_be_simulated() {
    let mut simulation = Simulation::new(world(&format!("{POOL}{RUN}")).unwrap(), Span(250));
    assert_eq!(simulation.world.snapshot.nodes[&"web-2".into()].zone(), "b");
    assert_eq!(simulation.run(Span::minutes(600)), Ended::Over);
    let run = &simulation.report().runs[0];
    assert_eq!((run.phase, run.counts.repaired, run.batches.len()), (RunPhase::Succeeded, 4, 2));
}

#[test]
fn what_is_not_a_field_of_the_object_is_refused_by_its_path() {
    let error = |text: &str| world(text).unwrap_err().to_string();
    let text = POOL.replace("maxUnavailable: 2", "maxUnavailable: 2, maxInflight: 1");
    assert_eq!(error(&text), "repairpool/web: unknown field budget.maxInflight");
    let text = format!("{POOL}{}", RUN.replace("pool: web", "pol: web"));
    assert!(error(&text).starts_with("repairrun/first: missing field `pool`"), "{}", error(&text));
    assert!(error(&format!("{POOL}\nnode: []")).contains("node"), "{}", error(&format!("{POOL}\nnode: []")));
}

#[test]
fn what_happens_is_read_with_the_fields_of_the_objects() {
    let text = format!(
        "{POOL}{RUN}
steps:
  - at: 1m
    do:
      - hold: {{name: freeze, spec: {{scope: {{node: {{name: web-1}}}}}}}}
      - ready: {{node: web-2, status: 'False'}}
      - join: {{name: web-9, labels: {{pool: web}}}}
      - guard: none
"
    );
    let scenario = Scenario::read(&text).unwrap();
    let mut world = scenario.world(Settings::default()).unwrap();
    for act in &scenario.steps[0].acts {
        act.apply(&mut world).unwrap();
    }
    assert_eq!(world.snapshot.holds["freeze"].held_by, "ops");
    assert_eq!(world.snapshot.nodes[&"web-2".into()].ready(), Some(false));
    assert!(world.snapshot.nodes.contains_key(&"web-9".into()) && world.snapshot.guard.is_none());
}

#[test]
fn steps_stand_in_the_order_of_their_times() {
    let text = format!("{POOL}\nsteps: [{{at: 2m}}, {{at: 1m}}]");
    assert!(Scenario::read(&text).unwrap_err().to_string().contains("1m comes after 2m"));
}
