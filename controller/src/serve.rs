//! `nodemend controller`: everything that runs in the service, and how it starts and stops.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use kube::runtime::events::{Recorder, Reporter};
use kube::{Client, Config};
use nodemend_core::ids::{Epoch, NodeName};
use nodemend_exec::{Limits, Performer};
use tokio::sync::mpsc;

use crate::access::AccessResolver;
use crate::audit::Audit;
use crate::http::{self, Gauges};
use crate::leader::{self, Candidate, Loss, Tenure, TimingError};
use crate::planner::{Gatekeeper, History, Orphans, Planner};
use crate::prober::{Poke, Prober, Reports};
use crate::replicas::{OwnPod, Replicas};
use crate::saga;
use crate::saga::Sagas;
use crate::watch::{self, World};

/// How often the guard is compared with our own epoch.
const EPOCH_CHECK: Duration = Duration::from_millis(500);
/// How long effects that are being sent may take to end before the process does; a pod has 30 s by default.
const LAST_EFFECTS: Duration = Duration::from_secs(5);

/// Flags of the service.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Where /metrics, /healthz and /readyz are served.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS:PORT")]
    pub listen: SocketAddr,
    /// Append what is decided and done to this file, synced before it is done. While it cannot be written nothing new
    /// starts. Without it the same records are lines of the log alone
    #[arg(long, value_name = "FILE")]
    pub audit_log: Option<PathBuf>,
    /// How many hosts are read at once by the prober.
    #[arg(long, default_value_t = 16, value_name = "HOSTS")]
    pub probes_at_once: usize,
    /// The node that this process runs on, which is repaired after all others (fieldRef spec.nodeName)
    #[arg(long, env = "NODE_NAME", value_name = "NODE")]
    pub node_name: Option<String>,
    /// How many SSH connections are begun per second, by the prober and by repairs together.
    #[arg(long, default_value_t = Limits::default().connections_per_second, value_name = "CONNECTIONS")]
    pub ssh_per_second: NonZeroU32,
    /// How much of what is over is kept.
    #[command(flatten)]
    pub history: History,
    /// Which pod this is.
    #[command(flatten)]
    pub own_pod: OwnPod,
    /// How one of several replicas is chosen.
    #[command(flatten)]
    pub election: leader::Election,
}

impl Options {
    fn limits(&self) -> Limits {
        Limits { connections_per_second: self.ssh_per_second, ..Limits::default() }
    }
}

/// Why the service ended.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// No client can be made of the configuration.
    #[error("cannot use this kubeconfig: {0}")]
    Client(#[source] Box<kube::Error>),
    /// The port cannot be opened, or not served.
    #[error("cannot serve {address}: {source}; choose another with --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The certificate authorities that the machine trusts cannot be read.
    #[error(
        "cannot read the machine's certificate authorities, which gates over HTTPS are checked with: {0}"
    )]
    Roots(#[source] std::io::Error),
    /// Lengths of the election that do not go together.
    #[error(transparent)]
    Timing(#[from] TimingError),
    /// The process does not lead any more. It ends, so that nothing of its term goes on.
    #[error("the Lease is lost: {0}; this process ends and has to be started again")]
    LeaseLost(#[source] Loss),
    /// The thread that ends a process without a Lease cannot be started.
    #[error("cannot start the thread that watches the Lease: {0}")]
    Watchdog(#[source] std::io::Error),
    /// The audit log cannot be opened.
    #[error("the audit log: {0}")]
    Audit(#[from] crate::audit::OpenError),
    /// Another controller has raised the epoch: this one must not do anything any more.
    #[error("epoch {theirs} has been taken by another controller, ours is {ours}: this process ends")]
    Deposed {
        /// Ours.
        ours: Epoch,
        /// The guard's.
        theirs: Epoch,
    },
}

/// Runs until told to end, or until another controller leads.
pub async fn run(config: Config, options: Options) -> Result<(), ServeError> {
    let timing = options.election.timing()?;
    let candidate = Candidate::new(
        config.clone(),
        &options.election.lease_namespace,
        &options.election.lease_name,
        timing,
    );
    let candidate = candidate.map_err(ServeError::Client)?;
    // Watches last longer than a request may; everything else has a deadline and is never sent twice.
    let watching = Client::try_from(config.clone()).map_err(|e| ServeError::Client(Box::new(e)))?;
    let client = nodemend_exec::client(config).map_err(|e| ServeError::Client(Box::new(e)))?;
    let failed = |source| ServeError::Listen { address: options.listen, source };
    let listener = http::listen(options.listen).await.map_err(failed)?;
    let (world, gauges) = (Arc::new(World::default()), Gauges::default());
    world.look().snapshot.own_node = options.node_name.clone().map(NodeName::from);
    let audit = match &options.audit_log {
        Some(path) => Audit::open(path, world.clone())?,
        None => Audit::default(),
    };
    watch::start(&watching, &world);
    let service = Service {
        access: Arc::new(AccessResolver::new(client.clone())),
        performer: Arc::new(Performer::new(client.clone(), options.limits())),
        replicas: Replicas::new(client.clone(), options.own_pod.clone()),
        client,
        watching,
        world: world.clone(),
        gauges: gauges.clone(),
        tenure: candidate.tenure(),
        audit,
    };
    tokio::select! {
        served = http::serve(listener, &gauges, world) => served.map_err(failed),
        ended = serve_term(candidate, service, &options) => ended,
    }
}

/// Waits on standby, then works for as long as it leads. Told to end, it gives the Lease back once nothing is being sent.
async fn serve_term(mut candidate: Candidate, service: Service, options: &Options) -> Result<(), ServeError> {
    let told = told_to_end();
    tokio::pin!(told);
    tokio::select! {
        won = candidate.win() => won.map_err(ServeError::LeaseLost)?,
        () = &mut told => return Ok(()),
    }
    let tenure = candidate.tenure();
    tenure.watch().map_err(ServeError::Watchdog)?;
    service.gauges.leads();
    tokio::select! {
        loss = candidate.hold() => return Err(ServeError::LeaseLost(loss)),
        // On the heap: everything that a leader does is one future.
        ended = Box::pin(service.work(options)) => return ended,
        () = &mut told => tenure.end(),
    }
    tracing::info!(
        "told to end; what was launched on hosts goes on and is looked at again at the next start"
    );
    if tenure.is_idle_within(LAST_EFFECTS).await {
        candidate.release().await;
    } else {
        tracing::warn!("effects are still being sent, so the Lease is not given back; it runs out by itself");
    }
    Ok(())
}

/// What the tasks share.
struct Service {
    client: Client,
    watching: Client,
    world: Arc<World>,
    access: Arc<AccessResolver>,
    performer: Arc<Performer>,
    replicas: Replicas,
    gauges: Gauges,
    tenure: Tenure,
    audit: Audit,
}

impl Service {
    /// Observes and plans from the start; repairs once there is a guard and an epoch.
    async fn work(self, options: &Options) -> Result<(), ServeError> {
        let (poke, poked) = mpsc::unbounded_channel();
        tokio::spawn(self.prober(options.probes_at_once).run(poked));
        let reporter = Reporter { controller: "nodemend".into(), instance: None };
        let recorder = Recorder::new(self.client.clone(), reporter);
        let epoch = Arc::new(OnceLock::new());
        // Plans and says what it waits for from the start; grants need the epoch.
        let gatekeeper = Gatekeeper::new(self.client.clone()).map_err(ServeError::Roots)?;
        let planner = Planner {
            client: self.client.clone(),
            world: self.world.clone(),
            epoch: epoch.clone(),
            keep: (&options.history).into(),
            tenure: self.tenure.clone(),
            recorder: recorder.clone(),
            gauges: self.gauges.clone(),
            gatekeeper: gatekeeper.clone(),
            audit: self.audit.clone(),
            orphans: Orphans::default(),
        };
        tokio::select! {
            () = planner.run() => Ok(()),
            ended = self.repair(&epoch, recorder, poke, gatekeeper) => ended,
        }
    }

    fn prober(&self, at_once: usize) -> Prober {
        Prober {
            client: self.client.clone(),
            world: self.world.clone(),
            access: self.access.clone(),
            performer: self.performer.clone(),
            at_once,
            reports: Reports::default(),
        }
    }

    /// Takes an epoch and what is under way, then works on sagas until another process takes a higher one.
    async fn repair(
        self,
        epoch: &OnceLock<Epoch>,
        recorder: Recorder,
        poke: Poke,
        gatekeeper: Gatekeeper,
    ) -> Result<(), ServeError> {
        let ours = leader::take_epoch(&self.client).await;
        tracing::info!(epoch = ours, program = nodemend_exec::PROGRAM_DIGEST.as_str(), "repairing");
        self.gauges.epoch(ours);
        leader::take_over(self.takeover(ours)).await;
        // Nothing is granted before that.
        let _ = epoch.set(ours);
        self.world.ring();
        let (world, client) = (self.world.clone(), self.client.clone());
        let sagas = Sagas::new(saga::Parts {
            client: self.client,
            world: self.world,
            access: self.access,
            performer: self.performer,
            epoch: ours,
            tenure: self.tenure,
            recorder,
            gauges: self.gauges,
            poke,
            gatekeeper,
            audit: self.audit,
            replicas: self.replicas,
            live: saga::LiveReads::default(),
        });
        tokio::select! {
            () = saga::run(self.watching, sagas) => Ok(()),
            () = leader::behind::watch(&client, &world, ours) => Ok(()),
            theirs = deposed(&world, &client, ours) => Err(ServeError::Deposed { ours, theirs }),
        }
    }

    fn takeover(&self, epoch: Epoch) -> leader::Takeover {
        leader::Takeover {
            client: self.client.clone(),
            access: self.access.clone(),
            performer: self.performer.clone(),
            world: self.world.clone(),
            epoch,
        }
    }
}

/// Comes to an end when the guard's epoch is above ours. One that is below is a guard that was made again.
async fn deposed(world: &World, client: &Client, ours: Epoch) -> Epoch {
    let mut tick = tokio::time::interval(EPOCH_CHECK);
    loop {
        tick.tick().await;
        let guard = world.look().snapshot.guard.as_ref().map(|guard| guard.epoch);
        match guard {
            Some(theirs) if theirs > ours => return theirs,
            Some(theirs) if theirs < ours => match leader::restore_epoch(client, ours).await {
                Ok(true) => {
                    tracing::warn!(epoch = ours, "the RepairGuard was made again; it has our epoch now");
                }
                Ok(false) => {}
                Err(error) => tracing::debug!(%error, "epoch not restored yet"),
            },
            _ => {}
        }
    }
}

async fn told_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        Err(error) => {
            tracing::warn!(%error, "SIGTERM cannot be caught");
            std::future::pending::<()>().await;
        }
    }
}
