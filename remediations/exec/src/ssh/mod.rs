//! Programs on hosts over SSH: blocking sessions on a bounded number of threads.

mod certificate;
mod hostkeys;
mod known_hosts;
mod line;
mod session;
mod verify;

use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::sync::Semaphore;

pub use hostkeys::{HostKeys, HostKeysError};

use crate::limits::{Limits, Pace};
use crate::target::Target;
use crate::transport::{CallError, Output, Transport};
use line::Line;
use session::Call;

/// SSH through ssh2: one connection and one session for each call.
#[derive(Debug)]
pub struct Ssh {
    threads: Arc<Semaphore>,
    pace: Pace,
}

impl Ssh {
    /// A transport within `limits`.
    pub fn new(limits: &Limits) -> Self {
        Self {
            threads: Arc::new(Semaphore::new(limits.connections_at_once.get())),
            pace: Pace::per_second(limits.connections_per_second),
        }
    }

    async fn run(&self, target: &Target, request: Vec<u8>) -> Result<Output, CallError> {
        let Ok(permit) = Arc::clone(&self.threads).acquire_owned().await else {
            return Err(CallError::stopped(false));
        };
        self.pace.wait().await;
        let line = Line::default();
        let call = Call::new(target, request, line.clone());
        // However this future ends, the thread must come back: a shut socket ends every blocked call.
        let _cut = line.cut_on_drop();
        let mut thread = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            call.run()
        });
        // The stages have limits of their own; this one is for a host that sends a byte now and then.
        if let Ok(ended) = tokio::time::timeout(target.ssh.timeouts.total(), &mut thread).await {
            return ended.unwrap_or_else(|_| Err(CallError::stopped(true)));
        }
        line.cut();
        thread.await.unwrap_or_else(|_| Err(CallError::stopped(true)))
    }
}

impl Transport for Ssh {
    fn call<'a>(&'a self, target: &'a Target, request: Vec<u8>) -> BoxFuture<'a, Result<Output, CallError>> {
        Box::pin(self.run(target, request))
    }
}

impl CallError {
    fn stopped(sent: bool) -> Self {
        Self { sent, reason: "Stopped", message: "the program is shutting down".to_owned(), retryable: true }
    }
}
