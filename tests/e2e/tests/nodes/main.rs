//! One node at a time: what is left alone, what is said about it, and what is repaired against the odds.
//!
//! One bed for all; each test has a pool of its own, whose nodes carry its name.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod left_alone;
mod repaired;
mod services;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use nodemend_bed::image::OLD_SYSTEMD;
use nodemend_e2e::objects::{self, PoolSpec};
use nodemend_e2e::shared::{Shared, with_hosts_of};
use nodemend_e2e::{E2eError, Stage};

/// Until a run without a hung PID 1 is over, on a machine that has other tests to run too.
pub(crate) const OVER: Duration = Duration::from_mins(3);
/// With 90 s for the scriptlet of a package on a host whose PID 1 hangs.
pub(crate) const OVER_WITH_HUNG_PID1: Duration = Duration::from_mins(5);

/// The pools with the hosts in them: name and version of systemd.
const POOLS: [(&str, &[(&str, &str)]); 10] = [
    ("stranger", &[("stranger", OLD_SYSTEMD)]),
    ("cutoff", &[("cutoff", OLD_SYSTEMD)]),
    ("guarded", &[("guarded", OLD_SYSTEMD)]),
    ("passing", &[("passing", OLD_SYSTEMD)]),
    ("midway", &[("midway", OLD_SYSTEMD)]),
    ("stopped", &[("stopped", OLD_SYSTEMD)]),
    ("frozen", &[("frozen", OLD_SYSTEMD)]),
    ("runtime", &[("runtime", OLD_SYSTEMD)]),
    ("locked", &[("locked", OLD_SYSTEMD)]),
    ("zstream", &[("fixed", "219-62.el7_6.8"), ("unfixed", "219-62.el7_6.5")]),
];

static STAGE: Shared = Shared::new("nodes", start);

fn start(name: &str) -> Result<Stage, E2eError> {
    with_hosts_of(name, &POOLS)
}

/// The stage with the pool of one test on it, whose hosts the prober has read.
pub(crate) fn with_pool(name: &str) -> Arc<Stage> {
    let stage = STAGE.stage().unwrap();
    let start = Timestamp::now();
    stage.apply([objects::pool(PoolSpec::new(name), stage.login())]).unwrap();
    let hosts = POOLS.iter().find(|(pool, _)| *pool == name).map_or(&[][..], |(_, hosts)| hosts);
    let hosts: Vec<_> = hosts.iter().map(|(host, _)| *host).collect();
    stage.reported(&hosts, start).unwrap();
    stage
}
