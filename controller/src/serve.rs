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
use crate::planner::{Gatekeeper, Planner};
use crate::prober::{Poke, Prober, Reports};
use crate::saga::Sagas;
use crate::watch::{self, World};
use crate::{epoch, saga};

/// How often the guard is compared with our own epoch.
const EPOCH_CHECK: Duration = Duration::from_millis(500);

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

/// Runs until told to end, or until another controller takes over.
pub async fn run(config: Config, options: Options) -> Result<(), ServeError> {
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
        client,
        watching,
        world: world.clone(),
        gauges: gauges.clone(),
        audit,
    };
    tokio::select! {
        served = http::serve(listener, &gauges, world) => served.map_err(failed),
        ended = service.work(options.probes_at_once) => ended,
        () = told_to_end() => {
            tracing::info!("told to end; what was launched on hosts goes on and is looked at again at the next start");
            Ok(())
        }
    }
}

/// What the tasks share.
struct Service {
    client: Client,
    watching: Client,
    world: Arc<World>,
    access: Arc<AccessResolver>,
    performer: Arc<Performer>,
    gauges: Gauges,
    audit: Audit,
}

impl Service {
    /// Observes and plans from the start; repairs once there is a guard and an epoch.
    async fn work(self, probes_at_once: usize) -> Result<(), ServeError> {
        let (poke, poked) = mpsc::unbounded_channel();
        let prober = Prober {
            client: self.client.clone(),
            world: self.world.clone(),
            access: self.access.clone(),
            performer: self.performer.clone(),
            at_once: probes_at_once,
            reports: Reports::default(),
        };
        tokio::spawn(prober.run(poked));
        let reporter = Reporter { controller: "nodemend".into(), instance: None };
        let recorder = Recorder::new(self.client.clone(), reporter);
        let epoch = Arc::new(OnceLock::new());
        // Plans and says what it waits for from the start; grants need the epoch.
        let gatekeeper = Gatekeeper::new(self.client.clone()).map_err(ServeError::Roots)?;
        let planner = Planner {
            client: self.client.clone(),
            world: self.world.clone(),
            epoch: epoch.clone(),
            recorder: recorder.clone(),
            gauges: self.gauges.clone(),
            gatekeeper: gatekeeper.clone(),
            audit: self.audit.clone(),
        };
        tokio::select! {
            () = planner.run() => Ok(()),
            ended = self.repair(&epoch, recorder, poke, gatekeeper) => ended,
        }
    }

    /// Takes an epoch, then works on sagas until another process takes a higher one.
    async fn repair(
        self,
        epoch: &OnceLock<Epoch>,
        recorder: Recorder,
        poke: Poke,
        gatekeeper: Gatekeeper,
    ) -> Result<(), ServeError> {
        let taken = epoch::take(&self.client).await;
        let ours = *epoch.get_or_init(|| taken);
        tracing::info!(epoch = ours, program = nodemend_exec::PROGRAM_DIGEST.as_str(), "repairing");
        self.gauges.epoch(ours);
        self.world.ring();
        let sagas = Sagas::new(saga::Parts {
            client: self.client.clone(),
            world: self.world.clone(),
            access: self.access,
            performer: self.performer,
            epoch: ours,
            recorder,
            gauges: self.gauges,
            poke,
            gatekeeper,
            audit: self.audit,
            live: saga::LiveReads::default(),
        });
        tokio::select! {
            () = saga::run(self.watching, sagas) => Ok(()),
            theirs = deposed(&self.world, &self.client, ours) => Err(ServeError::Deposed { ours, theirs }),
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
            Some(theirs) if theirs < ours => match epoch::restore(client, ours).await {
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
