//! Forced overlaps of two leaders on a real API server, counted: a leader is held up for longer than its Lease lasts, as a
//! process is that was stopped, while another one takes over.
//!
//! Needs root, like everything that starts a bed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kube::api::PostParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use nodemend::leader::{self, Candidate, Tenure, Timing};
use nodemend_api::guard::{GUARD_NAME, RepairGuard};
use nodemend_api::install::{self, NAMESPACE};
use nodemend_bed::{Bed, BedConfig};
use serde_json::json;

/// Short, for many overlaps in a minute; the rules are the same.
const TIMING: Timing = Timing {
    lease: Duration::from_secs(1),
    renew_deadline: Duration::from_millis(700),
    retry: Duration::from_millis(150),
};
/// How many elections go on side by side, each with a Lease of its own, all with one guard.
const ELECTIONS: usize = 8;
const LASTS: Duration = Duration::from_mins(1);
/// Fewer would not be worth the name; a free machine makes some 300.
const AT_LEAST: usize = 40;

#[derive(Debug, Default)]
struct Counts {
    epochs: BTreeSet<u64>,
    overlaps: usize,
    equal_epochs: usize,
    two_leaders: usize,
    late_writes_accepted: usize,
}

#[tokio::test(flavor = "multi_thread")]
async fn two_leaders_never_overlap_and_no_two_epochs_are_equal() {
    let bed = Bed::start(&BedConfig { name: "leaders".to_owned(), ..BedConfig::default() }).unwrap();
    bed.apply(&install::yaml().unwrap()).unwrap();
    bed.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"]).unwrap();
    let guard = json!({"apiVersion": "nodemend.dev/v1alpha1", "kind": "RepairGuard", "metadata": {"name": "cluster"}, "spec": {}});
    bed.apply(&guard.to_string()).unwrap();
    let kubeconfig = Kubeconfig::read_from(bed.controller_kubeconfig()).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    let counts = Arc::new(Mutex::new(Counts::default()));
    let until = Instant::now() + LASTS;
    let elections =
        (0..ELECTIONS).map(|number| tokio::spawn(election(number, config.clone(), until, counts.clone())));
    for election in futures::future::join_all(elections).await {
        election.unwrap();
    }
    let counts = counts.lock().unwrap();
    eprintln!(
        "overlaps {}, epochs {}, equal {}, two leaders {}, late writes accepted {}",
        counts.overlaps,
        counts.epochs.len(),
        counts.equal_epochs,
        counts.two_leaders,
        counts.late_writes_accepted
    );
    assert!(counts.overlaps >= AT_LEAST, "only {} overlaps", counts.overlaps);
    assert_eq!((counts.equal_epochs, counts.two_leaders, counts.late_writes_accepted), (0, 0, 0));
    bed.stop().unwrap();
}

/// One Lease, whose leader is held up again and again.
async fn election(number: usize, config: Config, until: Instant, counts: Arc<Mutex<Counts>>) {
    let client = Client::try_from(config.clone()).unwrap();
    let name = format!("election-{number}");
    let candidate = || Candidate::new(config.clone(), NAMESPACE, &name, TIMING).unwrap();
    let mut old = candidate();
    old.win().await.unwrap();
    let mut epoch = take(&client, &counts).await;
    while Instant::now() < until {
        // Nobody polls `old` any more: it is as a process that was stopped, and believes what it believed.
        let mut new = candidate();
        let watch = tokio::spawn(watch([old.tenure(), new.tenure()], counts.clone()));
        new.win().await.unwrap();
        let next = take(&client, &counts).await;
        let accepted = write_late(&client, epoch).await;
        // It goes on, and finds out.
        old.hold().await;
        watch.abort();
        let mut counts = counts.lock().unwrap();
        counts.overlaps += 1;
        counts.late_writes_accepted += usize::from(accepted);
        drop(counts);
        (old, epoch) = (new, next);
    }
}

/// Takes an epoch and takes it down.
async fn take(client: &Client, counts: &Mutex<Counts>) -> u64 {
    let epoch = leader::take_epoch(client).await;
    let mut counts = counts.lock().unwrap();
    if !counts.epochs.insert(epoch) {
        counts.equal_epochs += 1;
    }
    epoch
}

/// Looks all the time whether both believe that they lead.
async fn watch(tenures: [Tenure; 2], counts: Arc<Mutex<Counts>>) {
    loop {
        if tenures.iter().all(Tenure::holds) {
            counts.lock().unwrap().two_leaders += 1;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Whether the API server takes the guard's status from a leader that was replaced, on the newest version.
async fn write_late(client: &Client, epoch: u64) -> bool {
    let api: Api<RepairGuard> = Api::all(client.clone());
    loop {
        let mut guard = api.get(GUARD_NAME).await.unwrap();
        guard.status.as_mut().unwrap().epoch = epoch;
        match api.replace_status(GUARD_NAME, &PostParams::default(), &guard).await {
            Ok(_) => return true,
            // Another election has taken an epoch in between.
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(error) => {
                assert!(error.to_string().contains("newer epoch"), "{error}");
                return false;
            }
        }
    }
}
