//! A node that gets worse while it is being repaired.

use jiff::Timestamp;
use nodemend_bed::fault::Fault;
use nodemend_bed::image::NEW_SYSTEMD;
use nodemend_e2e::journal::Run;
use nodemend_e2e::objects;
use nodemend_e2e::proof::{self, HostState, NodeState};

use crate::{OVER_WITH_HUNG_PID1, with_pool};

#[test]
fn a_pid1_that_hangs_in_the_transaction_does_not_stop_the_repair() {
    let stage = with_pool("midway");
    let host = stage.host("midway").unwrap();
    let start = Timestamp::now();
    host.inject(Fault::Pid1HangsMidTransaction).unwrap();
    stage.apply([objects::policy("midway", "=1.0.0")]).unwrap();
    let run = stage.run_that("midway", "is over", OVER_WITH_HUNG_PID1, Run::is_over).unwrap();
    assert_eq!(run.phase(), "Succeeded", "{}", stage.situation());
    let after = HostState::of(host).unwrap();
    assert_eq!((after.package.as_str(), after.running.as_str()), (NEW_SYSTEMD, NEW_SYSTEMD));
    let reboots = proof::reboots(&stage, "midway", start).unwrap();
    assert_eq!(reboots.len(), 1, "{reboots:?}");
    assert_eq!(reboots[0].boot_id, after.boot_id);
    assert_eq!(NodeState::of(&stage, "midway").unwrap(), NodeState::default());
}
