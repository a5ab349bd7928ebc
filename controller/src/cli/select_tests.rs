//! What the flags of a selection ask for, in small worlds.

use super::*;
use crate::cli::testing::{quiet, world};

fn flags(policy: Option<&str>, nodes: &[&str], playbook: Option<&str>) -> Selection {
    Selection {
        policy: policy.map(str::to_owned),
        node: nodes.iter().map(|node| (*node).to_owned()).collect(),
        playbook: playbook.map(str::to_owned),
        ..Selection::default()
    }
}

#[test]
fn a_policy_brings_everything_and_flags_go_before_it() {
    let mut selection = flags(Some("old-systemd"), &[], None);
    let request = selection.request(&quiet(), Asking::default()).unwrap();
    assert_eq!((request.pool.as_str(), request.version.as_str()), ("web", "1.1.0"));
    assert_eq!(request.parameters["targetVersion"], "219-78.el7_9.9");
    selection.set = vec![assignment("targetVersion=219-78.el7_9.7").unwrap()];
    selection.batch = vec![share("1").unwrap(), share("25%").unwrap()];
    let request = selection.request(&quiet(), Asking::default()).unwrap();
    assert_eq!(request.parameters["targetVersion"], "219-78.el7_9.7");
    assert_eq!(request.rollout.batches.len(), 2);
}

#[test]
fn the_pool_is_that_of_the_nodes_where_there_is_one() {
    let pool = |nodes: &[&str]| {
        let request = flags(None, nodes, Some("drain-and-reboot")).request(&world(), Asking::default());
        request.map(|request| request.pool).map_err(|error| error.to_string())
    };
    assert_eq!(pool(&["web-1", "web-2"]).as_deref(), Ok("web"));
    assert_eq!(pool(&["alone"]).unwrap_err(), "name the pool with --pool (web)");
}

#[test]
fn a_playbook_is_the_newest_unless_a_version_or_a_requirement_is_named() {
    let mut world = quiet();
    for version in ["1.9.0", "1.10.0", "2.0.0"] {
        let playbook =
            Playbook { version: version.into(), ..world.playbooks["drain-and-reboot-1.0.0"].clone() };
        world.playbooks.insert(playbook.object_name(), playbook);
    }
    let version = |wanted: &str| find_playbook(&world, wanted).map(|found| found.version.clone());
    assert_eq!(version("drain-and-reboot").unwrap(), "2.0.0");
    assert_eq!(version("drain-and-reboot@^1").unwrap(), "1.10.0");
    assert_eq!(version("drain-and-reboot@1.9.0").unwrap(), "1.9.0");
    assert!(
        version("drain-and-reboot@3").unwrap_err().to_string().contains("no version of it satisfies `3`")
    );
    assert!(matches!(version("nothing"), Err(CliError::NotFound { .. })));
}

#[test]
fn sizes_of_batches_are_numbers_or_shares() {
    assert!(share("3").is_ok() && share("10%").is_ok());
    assert!(share("110%").is_err() && share("few").is_err() && share("-1").is_err());
}
