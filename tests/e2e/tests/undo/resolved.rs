//! A transaction whose end nobody saw: a person looks, says so, and the repair goes on.

use jiff::Timestamp;
use nodemend_bed::fault::Fault;
use nodemend_bed::image::NEW_SYSTEMD;
use nodemend_e2e::journal::Run;
use nodemend_e2e::proof::{self, HostState, NodeState};

use crate::{OVER, UNSEEN, resolve, upgrade, with_pool};

/// Kills the job that waits for a package command, as the kernel does when memory is short: it leaves no exit record.
const KILL_JOB: &str = "kill -9 $(cut -d ' ' -f 1 /var/lib/nodemend/jobs/install-1-*/pid)";

#[test]
fn a_transaction_whose_end_nobody_saw_is_told_by_a_person_and_not_done_again() {
    let stage = with_pool(UNSEEN);
    let host = stage.host(UNSEEN).unwrap();
    let start = Timestamp::now();
    host.inject(Fault::CommandHangs).unwrap();
    stage.apply([upgrade("ends-unseen", UNSEEN, &[UNSEEN])]).unwrap();
    stage
        .eventually("a transaction that hangs", OVER, || {
            let hangs = host.run("test -s /run/bed/hang.pid")?;
            Ok((hangs.code == Some(0)).then_some(()))
        })
        .unwrap();
    host.run_checked(KILL_JOB).unwrap();
    host.lift(Fault::CommandHangs).unwrap();
    let held = stage.journal_that(UNSEEN, "is held", OVER, |journal| journal.mode() == "Held").unwrap();
    assert_eq!(held.step("install"), "Indeterminate", "{}", held.summary());
    let next = held.blockers()[0]["next"].as_str().unwrap_or_default();
    assert!(next.contains("nodemend resolve ends-unseen --node unseen --step install"), "{next}");
    assert_eq!(host.installed_systemd().unwrap(), NEW_SYSTEMD, "what the person finds");
    resolve(&stage, "ends-unseen", UNSEEN, "install", "succeeded");
    let run = stage.run_that(UNSEEN, "is over", OVER, Run::is_over).unwrap();
    assert_eq!(run.phase(), "Succeeded", "{}", stage.situation());
    let after = HostState::of(host).unwrap();
    assert_eq!((after.package.as_str(), after.running.as_str()), (NEW_SYSTEMD, NEW_SYSTEMD));
    assert_eq!(proof::reboots(&stage, UNSEEN, start).unwrap().len(), 1);
    let jobs = host.run_checked("ls -d /var/lib/nodemend/jobs/install-*").unwrap();
    assert_eq!(jobs.lines().count(), 1, "not installed again: {jobs}");
    assert_eq!(NodeState::of(&stage, UNSEEN).unwrap(), NodeState::default());
}
