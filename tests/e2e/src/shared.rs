//! One stage for the tests of a file that run at the same time: the first starts it, the last one to end stops it.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use nodemend_bed::HostSpec;

use crate::{E2eError, Stage, objects};

/// Pools with the hosts in them: name and version of systemd.
pub type Pools = [(&'static str, &'static [(&'static str, &'static str)])];

/// A stage with these hosts, a RepairGuard and a controller; the pools are made by the tests that use them.
pub fn with_hosts_of(name: &str, pools: &Pools) -> Result<Stage, E2eError> {
    let spec = |pool: &str, (name, systemd): (&str, &str)| HostSpec {
        pool: pool.to_owned(),
        systemd: systemd.to_owned(),
        ..HostSpec::new(name)
    };
    let hosts = pools.iter().flat_map(|(pool, hosts)| hosts.iter().map(move |host| spec(pool, *host)));
    let stage = Stage::start(name, hosts.collect())?;
    stage.apply([objects::guard()])?;
    stage.start_controller()?;
    Ok(stage)
}

/// A stage that several tests use at once.
///
/// It is meant for a `static`, which is never dropped; the stage is owned by the tests that hold it, so that it ends also
/// when all of them fail.
#[derive(Debug)]
pub struct Shared {
    start: fn(name: &str) -> Result<Stage, E2eError>,
    name: &'static str,
    current: Mutex<Started>,
}

#[derive(Debug)]
struct Started {
    stage: Weak<Stage>,
    times: u32,
}

impl Shared {
    /// A stage that `start` starts, under a name made of `name`.
    pub const fn new(name: &'static str, start: fn(&str) -> Result<Stage, E2eError>) -> Self {
        Self { start, name, current: Mutex::new(Started { stage: Weak::new(), times: 0 }) }
    }

    /// The stage that is running, or a new one. Holding it keeps it running.
    pub fn stage(&self) -> Result<Arc<Stage>, E2eError> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stage) = current.stage.upgrade() {
            return Ok(stage);
        }
        // Another name than the last time: that one may still be stopping.
        current.times += 1;
        let stage = Arc::new((self.start)(&format!("{}{}", self.name, current.times))?);
        current.stage = Arc::downgrade(&stage);
        Ok(stage)
    }
}
