//! The program on a host: what it can be asked, and what its answers mean.

mod ask;
mod jobs;
mod program;
mod protocol;

use std::collections::BTreeMap;
use std::sync::Arc;

use nodemend_core::ids::Epoch;
use nodemend_core::op::{Launch, OpFailure, OpResult, Probe};
use nodemend_core::time::Span;

pub use program::{PROGRAM, PROGRAM_DIGEST, command_line};

use crate::failure::Failed;
use crate::target::Target;
use crate::transport::Transport;
use protocol::Request;

/// What to read from a host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FactsRequest {
    /// Packages whose installed versions are asked for.
    pub packages: Vec<String>,
}

/// What a host obeys after it was fenced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fence {
    /// The epoch that it was given: every lower one is refused from now on.
    Obeys,
    /// A higher one, this: whoever gave the lower one has been replaced, or works from an old backup.
    Ahead(Epoch),
}

/// Values as the host gave them, by name: `os-release`, `uname-m`, `uname-r`, `boot-id`, `uptime`, `epoch`, `packages`,
/// `pid1-exe`, `pid1`, `units`, `kubelet-healthz`. What could not be read is absent. Data, never interpreted here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RawFacts(pub BTreeMap<String, String>);

impl RawFacts {
    /// One value.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }
}

/// Asks the program on hosts, over any transport.
#[derive(Debug)]
pub(crate) struct Host {
    transport: Arc<dyn Transport>,
}

impl Host {
    pub(crate) fn new(transport: Arc<dyn Transport>) -> Self {
        Self { transport }
    }

    pub(crate) async fn facts(&self, target: &Target, request: &FactsRequest) -> Result<RawFacts, OpFailure> {
        let seconds = target.pid1_timeout.as_secs().max(1);
        let request = Request::new("facts")
            .with("packages", &request.packages.join(" "))
            .with("pid1_timeout", &seconds.to_string());
        let answer = self.ask(target, request).await.map_err(Failed::into_failure)?;
        Ok(RawFacts(answer.into_values()))
    }

    pub(crate) async fn launch(&self, target: &Target, launch: &Launch) -> Result<OpResult, Failed> {
        let answer = self.ask(target, jobs::launch_request(launch)).await?;
        match answer.get("state") {
            Some("launched" | "already") => Ok(OpResult::Launched),
            _ => Err(Failed::unknown("ProgramError", "the answer to a launch names no state")),
        }
    }

    /// A look may be repeated whatever became of it, also one that voids: it ends as done or not done.
    pub(crate) async fn probe(&self, target: &Target, probe: &Probe) -> Result<OpResult, Failed> {
        let answer = self.ask(target, jobs::probe_request(probe)).await.map_err(Failed::without_effect)?;
        jobs::state(&answer).map(OpResult::Job).ok_or_else(|| {
            Failed::not_done(
                "ProgramError",
                format!("node {}: the answer to a look at a job cannot be read", target.node),
            )
        })
    }

    /// Makes the host refuse every epoch below `epoch`, unless it obeys a higher one.
    pub(crate) async fn fence(&self, target: &Target, epoch: Epoch) -> Result<Fence, OpFailure> {
        let request = Request::new("fence").with("epoch", &epoch.to_string());
        match self.ask_epoch(target, request, epoch).await.map_err(Failed::into_failure)? {
            seen if seen > epoch => Ok(Fence::Ahead(seen)),
            _ => Ok(Fence::Obeys),
        }
    }

    pub(crate) async fn clean(&self, target: &Target, epoch: Epoch, age: Span) -> Result<u64, OpFailure> {
        let days = age.as_duration().as_secs().div_ceil(86_400);
        let request = Request::new("clean").with("epoch", &epoch.to_string()).with("days", &days.to_string());
        let answer = self.ask(target, request).await.map_err(Failed::into_failure)?;
        Ok(answer.get("removed").and_then(|n| n.parse().ok()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
