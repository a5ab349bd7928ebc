//! One candidate: looks at the Lease and writes into it for as long as the process lasts.

use kube::{Client, Config};
use nodemend_core::time::Span;

use super::elector::{Decision, Elector, Loss, Timing};
use super::identity::identity;
use super::lease::{LeaseError, LeaseStore};
use super::tenure::Tenure;
use crate::clock::since_boot;

/// Flags of the election.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Leader election")]
pub struct Election {
    /// The namespace of the Lease by which one of several replicas leads
    #[arg(long, env = "POD_NAMESPACE", default_value = nodemend_api::install::NAMESPACE, value_name = "NAMESPACE")]
    pub lease_namespace: String,
    /// The Lease's name
    #[arg(long, default_value = nodemend_api::install::NAME, value_name = "NAME")]
    pub lease_name: String,
    /// How long a Lease has to stand unchanged before another replica takes it
    #[arg(long, default_value = "15s", value_name = "TIME")]
    pub lease_duration: Span,
    /// How long a leader that cannot renew its Lease goes on before its process ends
    #[arg(long, default_value = "10s", value_name = "TIME")]
    pub renew_deadline: Span,
    /// How often the Lease is renewed, or looked at
    #[arg(long, default_value = "2s", value_name = "TIME")]
    pub retry_period: Span,
}

/// Lengths that do not go together.
#[derive(Debug, thiserror::Error)]
#[error(
    "--lease-duration {lease}, --renew-deadline {renew_deadline}, --retry-period {retry}: a leader ends up to two \
     seconds after the renew deadline, so the lease has to last longer than that, and the deadline longer than the \
     retry period"
)]
pub struct TimingError {
    lease: Span,
    renew_deadline: Span,
    retry: Span,
}

impl Election {
    /// The lengths, if two can never lead at once by them.
    pub fn timing(&self) -> Result<Timing, TimingError> {
        let (lease, renew_deadline, retry) = (self.lease_duration, self.renew_deadline, self.retry_period);
        if lease.0 < renew_deadline.0 + super::ENDS_WITHIN.0 || renew_deadline <= retry || retry.0 == 0 {
            return Err(TimingError { lease, renew_deadline, retry });
        }
        let [lease, renew_deadline, retry] = [lease, renew_deadline, retry].map(Span::as_duration);
        Ok(Timing { lease, renew_deadline, retry })
    }
}

/// A candidate for the leadership.
#[derive(Debug)]
pub struct Candidate {
    store: LeaseStore,
    elector: Elector,
    tenure: Tenure,
}

impl Candidate {
    /// A candidate with a client of its own, so that nothing else that is asked of the API server holds renewals up.
    pub fn new(
        mut config: Config,
        namespace: &str,
        name: &str,
        timing: Timing,
    ) -> Result<Self, Box<kube::Error>> {
        // Three tries within the deadline.
        let deadline = timing.renew_deadline / 3;
        config.connect_timeout = Some(deadline);
        config.read_timeout = Some(deadline);
        config.reset_reader_on_write = true;
        config.default_retry = false;
        let client = Client::try_from(config).map_err(Box::new)?;
        Ok(Self {
            store: LeaseStore::new(client, namespace, name, deadline),
            elector: Elector::new(identity(), timing),
            tenure: Tenure::default(),
        })
    }

    /// Our name in the Lease.
    pub fn identity(&self) -> &str {
        self.elector.identity()
    }

    /// What says whether we lead.
    pub fn tenure(&self) -> Tenure {
        self.tenure.clone()
    }

    /// Waits until we lead. What was won and lost at once, by a process that was stopped in between, is lost.
    pub async fn win(&mut self) -> Result<(), Loss> {
        let mut told = None;
        loop {
            match self.turn().await {
                Ok(None) => break,
                Ok(holder) if holder == told => {}
                Ok(holder) => {
                    tracing::info!(
                        identity = self.identity(),
                        holder,
                        "standby: watches, and repairs nothing"
                    );
                    told = holder;
                }
                Err(Failed::Lost(loss)) => return Err(loss),
                Err(Failed::Request(error)) => self.tell(&error),
            }
            tokio::time::sleep(self.elector.timing().retry).await;
        }
        tracing::info!(identity = self.identity(), lease = self.store.object(), "leads");
        Ok(())
    }

    /// Renews for as long as we lead; why we do no more.
    pub async fn hold(&mut self) -> Loss {
        loop {
            tokio::time::sleep(self.elector.timing().retry).await;
            let left = self.elector.left(since_boot());
            match tokio::time::timeout(left, self.turn()).await.unwrap_or(Err(Failed::Lost(Loss::NotRenewed)))
            {
                Err(Failed::Lost(loss)) => {
                    self.tenure.end();
                    return loss;
                }
                Err(Failed::Request(error)) => self.tell(&error),
                Ok(_) => {}
            }
        }
    }

    /// Gives the Lease back, so that another one need not wait for it to run out.
    pub async fn release(mut self) {
        self.tenure.end();
        let given_back = match self.store.read().await {
            Ok(Some(found)) if found.holder.as_deref() == Some(self.elector.identity()) => {
                self.store.write(None, self.elector.timing().lease).await
            }
            other => other.map(drop),
        };
        if let Err(error) = given_back {
            tracing::warn!(lease = self.store.object(), %error, "not given back; it runs out by itself");
        }
    }

    /// One look, and one write if it leads to one; who else leads, if another one does.
    async fn turn(&mut self) -> Result<Option<String>, Failed> {
        let leads = self.elector.leads(since_boot());
        let found = match self.store.last().filter(|_| leads) {
            // What we wrote ourselves is renewed without another look.
            Some(ours) => Some(ours),
            None => self.store.read().await?,
        };
        match self.elector.decide(found.as_ref(), since_boot()) {
            Decision::Wait => Ok(Some(found.and_then(|found| found.holder).unwrap_or_default())),
            Decision::Lost(loss) => Err(Failed::Lost(loss)),
            Decision::Write => self.write().await.map(|()| None),
        }
    }

    async fn write(&mut self) -> Result<(), Failed> {
        let sent = since_boot();
        self.store.write(Some(self.elector.identity()), self.elector.timing().lease).await?;
        let until = self.elector.written(sent);
        self.tenure.lasts(until);
        Ok(())
    }

    fn tell(&self, error: &LeaseError) {
        let lease = self.store.object();
        match error {
            LeaseError::Conflict => tracing::debug!(lease, %error, "the Lease is looked at again"),
            error => tracing::warn!(
                lease,
                %error,
                "the Lease cannot be read or written; is the namespace there, and may this identity get, create and update it?"
            ),
        }
    }
}

/// Why a turn came to no good end.
#[derive(Debug)]
enum Failed {
    Lost(Loss),
    Request(LeaseError),
}

impl From<LeaseError> for Failed {
    fn from(error: LeaseError) -> Self {
        Self::Request(error)
    }
}
