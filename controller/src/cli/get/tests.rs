//! The tables, on a world in which something of everything goes on.

use nodemend_core::snapshot::HoldLevel;

use super::*;
use crate::cli::output::Look;
use crate::cli::testing::{NOW, quiet, world};

fn shown(snapshot: &Snapshot, what: What, names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let query = Query { snapshot, names: &names, pool: None, now: NOW, look: Look::plain() };
    known(&query, what).and_then(|()| table(&query, what)).unwrap_or_else(|error| format!("error: {error}"))
}

#[test]
fn nodes_say_what_is_wrong_and_what_is_done_about_it() {
    assert_eq!(
        shown(&world(), What::Nodes, &[]),
        "\
NODE   POOL  STATE            FINDINGS              RUN    REPAIR
alone  none  Ready            -                     -      -
web-1  web   Ready            none                  old-1  repaired 8m ago
web-2  web   Ready, cordoned  insp.version.systemd  old-1  HELD: install for 5m (step install failed: exit status 1: no space left on device)
web-3  web   Ready            insp.version.systemd  -      -
"
    );
}

#[test]
fn findings_that_are_old_are_not_known_and_none_is_not_healthy() {
    let mut world = quiet();
    for reports in world.reports.values_mut() {
        reports.get_mut("prober").unwrap().expires_at = NOW.before(nodemend_core::time::Span::minutes(3));
    }
    assert!(shown(&world, What::Nodes, &["web-1"]).contains("not known: last report expired 3m ago"));
    world.reports.clear();
    assert!(shown(&world, What::Nodes, &["web-1"]).contains("not observed yet"));
}

#[test]
fn pools_say_what_is_going_on_and_what_is_in_the_way() {
    assert_eq!(
        shown(&world(), What::Pools, &[]),
        "\
POOL  NODES  READY  FAILING  OUT OF SERVICE  IN FLIGHT  RUN              BLOCKED BY
web   3      3      2        1 of 1          1          old-1 (Stopped)  hold/pool-web-1, TooManyFailures repairrun/old-1
"
    );
    let mut stormy = world();
    stormy.holds.get_mut("pool-web-1").unwrap().message = Some("7 of 20 not Ready".into());
    assert!(shown(&stormy, What::Pools, &[]).contains("hold/pool-web-1 (7 of 20 not Ready), TooMany"));
    let without_guard = Snapshot { guard: None, ..quiet() };
    assert!(shown(&without_guard, What::Pools, &[]).contains("no RepairGuard"));
}

#[test]
fn holds_say_what_they_stop() {
    assert_eq!(
        shown(&world(), What::Holds, &[]),
        "\
HOLD        STOPS       HELD BY  REASON  AGE  UNTIL           RUNS IT STOPS
node-web-2  node web-2  bob      disk    2m   it is released  old-1
pool-web-1  pool web    ann      freeze  2m   it is released  old-1
"
    );
    assert_eq!(shown(&quiet(), What::Holds, &[]), "no Hold: nothing is stopped\n");
    let mut world = world();
    let hold = world.holds.get_mut("pool-web-1").unwrap();
    hold.level = HoldLevel::Pause;
    (hold.reason, hold.message) =
        ("Storm".into(), Some("7 of 20 nodes of pool web not Ready, 6 may be".into()));
    let shown = shown(&world, What::Holds, &["pool-web-1"]);
    assert!(
        shown.contains("new nodes of pool web  ann      Storm: 7 of 20 nodes of pool web not Ready"),
        "{shown}"
    );
}

#[test]
fn a_run_in_full_says_how_held_nodes_go_on() {
    assert_eq!(
        shown(&world(), What::Run, &["old-1"]),
        "\
Run old-1: Stopped
  nothing more starts: web-2: step install failed
  pool web, playbook upgrade-systemd 1.0.0
  asked by policy:old-systemd 11m ago
  plan 0123456789ab: 3 nodes, batch 2 of 3
  running for 10m

Waits for
  TooManyFailures  repairrun/old-1  3m  1 of at most 0 nodes failed

BATCH  NODE   STATE     STEP     TIME     WAITS FOR   MESSAGE
1      web-1  repaired  -        took 2m  -           repaired, and proven by the check that found the fault
2      web-2  HELD      install  5m       node/web-2  CommandFailed, see below
3      web-3  waiting   -        -        -           -

web-2 held (CommandFailed): step install failed: exit status 1: no space left on device
  next: look at the node
"
    );
}

#[test]
fn the_other_tables_have_a_line_per_object() {
    let world = world();
    assert!(
        shown(&world, What::Policies, &[]).contains("old-systemd  Enforce  web    upgrade-systemd ^1.0  2")
    );
    assert!(shown(&world, What::Runs, &[]).contains("old-1  web   upgrade-systemd 1.0.0  Stopped"));
    assert!(
        shown(&world, What::Playbooks, &["upgrade-systemd"]).contains("targetVersion  policy old-systemd")
    );
    let reports = shown(&world, What::Reports, &["web-2"]);
    assert!(
        reports.contains("web-2  insp.version.systemd  Fail   Error     30m  1m ago  prober"),
        "{reports}"
    );
    assert!(shown(&world, What::Guard, &[]).contains("granted 0 nodes"));
}

#[test]
fn what_is_not_there_is_named_with_the_next_step() {
    assert_eq!(
        shown(&world(), What::Policies, &["odl"]),
        "error: there is no RepairPolicy named odl\nnext: `nodemend get policies` lists those that exist"
    );
    let mut world = world();
    world.undecodable.insert("hold/bad".into(), "no scope".into());
    assert_eq!(shown(&world, What::Holds, &["bad"]), "error: hold/bad: it cannot be decoded: no scope");
    let guardless = Snapshot { guard: None, ..quiet() };
    assert!(shown(&guardless, What::Guard, &[]).contains("next: kubectl apply -f - <<END"));
}
