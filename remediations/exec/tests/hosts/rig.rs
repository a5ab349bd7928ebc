//! A performer in the bed's network, and one host to use it on.

use std::fs::File;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::config::{KubeConfigOptions, Kubeconfig};
use nix::sched::{CloneFlags, setns};
use nodemend_bed::Bed;
use nodemend_bed::host::Host;
use nodemend_bed::image::NEW_SYSTEMD;
use nodemend_core::op::{
    HostJob, JobExit, JobState, Launch, Op, OpFailure, OpResult, PackageTransaction, Probe,
};
use nodemend_exec::{
    Act, FactsRequest, Fence, HostKeys, Limits, Performer, RawFacts, Secret, SshAccess, Target,
};
use tokio::runtime::Runtime;

/// The epoch of these tests.
pub(crate) const EPOCH: u64 = 3;

/// A performer, and the host that a scenario has for itself.
pub(crate) struct Rig<'a> {
    pub(crate) bed: &'a Bed,
    pub(crate) host: Host,
    pub(crate) target: Target,
    runtime: Runtime,
    performer: Arc<Performer>,
}

impl<'a> Rig<'a> {
    pub(crate) fn new(bed: &'a Bed, host: &str) -> Self {
        let host = bed.host(host).unwrap().clone();
        let runtime = runtime_in(&bed.hub().netns);
        let kubeconfig = Kubeconfig::read_from(bed.admin_kubeconfig()).unwrap();
        let performer = runtime.block_on(async {
            let options = KubeConfigOptions::default();
            let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
            Performer::new(nodemend_exec::client(config).unwrap(), Limits::default())
        });
        let target = target(bed, &host);
        Self { bed, host, target, runtime, performer: Arc::new(performer) }
    }

    pub(crate) fn perform_on(&self, target: &Target, op: Op) -> OpResult {
        let (performer, target) = (Arc::clone(&self.performer), target.clone());
        self.block_on(async move { performer.perform(&target, Act::of(&op).unwrap()).await })
    }

    pub(crate) fn perform(&self, op: Op) -> OpResult {
        self.perform_on(&self.target, op)
    }

    pub(crate) fn facts(&self) -> Result<RawFacts, OpFailure> {
        let (performer, target) = (Arc::clone(&self.performer), self.target.clone());
        let request = FactsRequest { packages: vec!["systemd".into(), "not-there".into()] };
        self.block_on(async move { performer.read_facts(&target, &request).await })
    }

    pub(crate) fn fence(&self, epoch: u64) -> Result<Fence, OpFailure> {
        let (performer, target) = (Arc::clone(&self.performer), self.target.clone());
        self.block_on(async move { performer.fence(&target, epoch).await })
    }

    pub(crate) fn launch(&self, intent: &str, job: HostJob) -> OpResult {
        self.perform(Op::Launch(Launch { intent: intent.into(), epoch: EPOCH, job }))
    }

    pub(crate) fn probe(&self, intent: &str) -> OpResult {
        self.perform(Op::Probe(Probe { intent: intent.into(), epoch: EPOCH, void_unstarted: false }))
    }

    /// Starts a job and looks until it is over; a host that is restarting cannot be asked for a while.
    pub(crate) fn run(&self, intent: &str, job: HostJob, deadline: Duration) -> JobExit {
        assert_eq!(self.launch(intent, job), OpResult::Launched);
        let end = Instant::now() + deadline;
        loop {
            match self.probe(intent) {
                OpResult::Job(JobState::Exited(exit)) => return exit,
                OpResult::Job(JobState::Running { .. }) | OpResult::NotDone(_) => {}
                other => panic!("{intent}: {other:?}"),
            }
            assert!(Instant::now() < end, "{intent} is not over in {deadline:?}: {:?}", self.probe(intent));
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// On the runtime's own threads, which are in the bed's network.
    fn block_on<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> T {
        self.runtime.block_on(self.runtime.spawn(future)).unwrap()
    }
}

fn target(bed: &Bed, host: &Host) -> Target {
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    let access = host.ssh_access();
    let keys = HostKeys::new(&[read(&access.host_ca_public_key())], &[]).unwrap();
    let uid =
        bed.kubectl(&["get", "node", host.name(), "--ignore-not-found", "-o", "jsonpath={.metadata.uid}"]);
    Target {
        node: host.name().into(),
        node_uid: uid.unwrap().into(),
        address: host.address().to_string(),
        ssh: Arc::new(SshAccess::new(&host.spec().login, Secret(read(&access.client_key())), keys)),
        pid1_timeout: Duration::from_secs(3),
        still: nodemend_exec::Still::default(),
    }
}

fn runtime_in(netns: &str) -> Runtime {
    let namespace = File::open(Path::new("/run/netns").join(netns)).unwrap();
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .on_thread_start(move || setns(&namespace, CloneFlags::CLONE_NEWNET).unwrap())
        .build()
        .unwrap()
}

pub(crate) fn to(version: &str) -> PackageTransaction {
    PackageTransaction { name: "systemd".into(), version: version.into(), allow: vec![] }
}

pub(crate) fn prepare() -> HostJob {
    HostJob::PackagePrepare(to(NEW_SYSTEMD))
}

pub(crate) fn install() -> HostJob {
    HostJob::PackageInstall(to(NEW_SYSTEMD))
}

pub(crate) fn failure(result: OpResult) -> OpFailure {
    match result {
        OpResult::NotDone(why) => why,
        other => panic!("it is not a failure: {other:?}"),
    }
}
