//! A bed with everything on it but the plot: kinds, rights, credentials, playbooks, and a controller to start and kill.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use nodemend_bed::host::{Host, SshAccess};
use nodemend_bed::scale::LOGIN;
use nodemend_bed::workloads::manifest;
use nodemend_bed::{Bed, BedConfig, HostSpec};
use serde_json::Value;

use crate::controller::{self, Controller};
use crate::journal::{Journal, Run, time};
use crate::objects::{self, Login};
use crate::{E2eError, program};

/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(200);
/// Hosts are read every few seconds here; a hung one takes its time-outs on top.
const REPORTED: Duration = Duration::from_mins(1);
/// The playbooks as they are released.
const PLAYBOOKS: [&str; 5] = [
    include_str!("../../../playbooks/upgrade-systemd/1.0.0.yaml"),
    include_str!("../../../playbooks/upgrade-systemd/1.1.0.yaml"),
    include_str!("../../../playbooks/drain-and-reboot/1.0.0.yaml"),
    include_str!("../../../playbooks/restart-kubelet/1.0.0.yaml"),
    include_str!("../../../playbooks/restart-containerd/1.0.0.yaml"),
];

/// A cluster on which repairs can be played.
#[derive(Debug)]
pub struct Stage {
    /// First, so that it ends before the bed does.
    controller: Mutex<Option<Controller>>,
    bed: Bed,
    login: Login,
    /// Further options of every controller that is started.
    options: Vec<String>,
}

impl Stage {
    /// Starts a bed of this name with these hosts and installs everything but a RepairGuard, pools and policies.
    pub fn start(name: &str, hosts: Vec<HostSpec>) -> Result<Self, E2eError> {
        program::nodemend()?;
        let bed = Bed::start(&BedConfig { name: name.to_owned(), hosts, ..BedConfig::default() })?;
        let stage = Self::on(bed)?;
        stage.install()?;
        Ok(stage)
    }

    /// The stage on a bed where everything is installed already.
    pub fn on(bed: Bed) -> Result<Self, E2eError> {
        let access = SshAccess::of(bed.hub());
        let read = |path: &Path| std::fs::read_to_string(path).map_err(E2eError::file(path));
        let user = bed.hosts().first().map_or_else(|| LOGIN.to_owned(), |host| host.spec().login.clone());
        let (key, host_ca) = (read(&access.client_key())?, read(&access.host_ca_public_key())?);
        let login = Login { user, key, host_ca };
        Ok(Self { controller: Mutex::new(None), bed, login, options: Vec::new() })
    }

    /// The same with further options for its controllers.
    #[must_use]
    pub fn with_options(mut self, options: &[&str]) -> Self {
        self.options = options.iter().map(ToString::to_string).collect();
        self
    }

    /// Applies kinds, rights, credentials and the released playbooks.
    pub fn install(&self) -> Result<(), E2eError> {
        self.bed.apply(&program::manifests()?)?;
        self.bed.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"])?;
        self.furnish()
    }

    /// Applies credentials and the released playbooks: what neither `nodemend install` nor the chart brings.
    pub fn furnish(&self) -> Result<(), E2eError> {
        self.apply([objects::secret(&self.login)])?;
        for playbook in PLAYBOOKS {
            self.bed.apply(playbook)?;
        }
        Ok(())
    }

    /// The bed.
    pub fn bed(&self) -> &Bed {
        &self.bed
    }

    /// Ends the controller and hands the bed back.
    pub fn into_bed(self) -> Bed {
        drop(self.controller);
        self.bed
    }

    /// How hosts are reached.
    pub fn login(&self) -> &Login {
        &self.login
    }

    /// The host of that name.
    pub fn host(&self, name: &str) -> Result<&Host, E2eError> {
        Ok(self.bed.host(name)?)
    }

    /// Applies objects as the administrator.
    pub fn apply(&self, items: impl IntoIterator<Item = Value>) -> Result<(), E2eError> {
        self.bed.apply(&manifest(items))?;
        Ok(())
    }

    /// Deletes one of our objects and waits until it is gone.
    pub fn delete(&self, kind: &str, name: &str) -> Result<(), E2eError> {
        self.bed.kubectl(&["delete", kind, name, "--timeout=30s"])?;
        Ok(())
    }

    /// Starts the controller. One that runs is ended first.
    pub fn start_controller(&self) -> Result<(), E2eError> {
        let mut controller = self.lock();
        drop(controller.take());
        *controller = Some(Controller::start(&self.bed, &self.options)?);
        Ok(())
    }

    /// Kills the controller and starts another.
    pub fn kill_controller_and_start_again(&self) -> Result<(), E2eError> {
        let mut controller = self.lock();
        if let Some(mut running) = controller.take() {
            running.check()?;
            running.kill()?;
        }
        *controller = Some(Controller::start(&self.bed, &self.options)?);
        Ok(())
    }

    /// Kills the controller the way a power cut does.
    pub fn kill_controller(&self) -> Result<(), E2eError> {
        self.lock().take().map_or(Ok(()), |mut running| running.kill())
    }

    /// Asks the controller to end, and waits until it has.
    pub fn stop_controller(&self) -> Result<(), E2eError> {
        self.lock().take().map_or(Ok(()), Controller::stop)
    }

    /// The most memory that the running controller has held at once, in KiB; 0 while none runs.
    pub fn controller_memory(&self) -> Result<u64, E2eError> {
        self.lock().as_ref().map_or(Ok(0), Controller::peak_memory)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Controller>> {
        // A test that failed beside this one leaves a usable controller.
        self.controller.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An object as JSON.
    pub fn get(&self, kind: &str, name: &str) -> Result<Value, E2eError> {
        self.json(&["get", kind, name, "-o", "json"])
    }

    /// All objects of a kind, in all namespaces.
    pub fn list(&self, kind: &str) -> Result<Vec<Value>, E2eError> {
        let mut list = self.json(&["get", kind, "-A", "-o", "json"])?;
        match list["items"].take() {
            Value::Array(items) => Ok(items),
            _ => Ok(Vec::new()),
        }
    }

    fn json(&self, request: &[&str]) -> Result<Value, E2eError> {
        let answer = self.bed.kubectl(request)?;
        let wrong = |error: serde_json::Error| E2eError::Answer {
            request: format!("kubectl {}", request.join(" ")),
            problem: error.to_string(),
        };
        serde_json::from_str(&answer).map_err(wrong)
    }

    /// The runs of a pool, oldest first.
    pub fn runs(&self, pool: &str) -> Result<Vec<Run>, E2eError> {
        let mut runs: Vec<_> = self.list("repairruns")?.into_iter().map(Run).collect();
        runs.retain(|run| run.pool() == pool);
        let created = |run: &Run| run.0["metadata"]["creationTimestamp"].as_str().map(str::to_owned);
        runs.sort_by_key(created);
        Ok(runs)
    }

    /// The journals of a run.
    pub fn journals(&self, run: &str) -> Result<Vec<Journal>, E2eError> {
        let mut journals: Vec<_> = self.list("remediations")?.into_iter().map(Journal).collect();
        journals.retain(|journal| journal.run() == run);
        Ok(journals)
    }

    /// Looks again and again until `look` returns something. The error at the deadline says how things stand.
    pub fn eventually<T>(
        &self,
        what: &str,
        deadline: Duration,
        look: impl FnMut() -> Result<Option<T>, E2eError>,
    ) -> Result<T, E2eError> {
        self.eventually_every(POLL, what, deadline, look)
    }

    /// The same with pauses of another length between two looks.
    pub fn eventually_every<T>(
        &self,
        pause: Duration,
        what: &str,
        deadline: Duration,
        mut look: impl FnMut() -> Result<Option<T>, E2eError>,
    ) -> Result<T, E2eError> {
        let started = Instant::now();
        loop {
            if let Some(found) = look()? {
                return Ok(found);
            }
            if let Some(controller) = self.lock().as_mut() {
                controller.check()?;
            }
            if started.elapsed() > deadline {
                let situation = self.situation();
                return Err(E2eError::Deadline { what: what.to_owned(), waited: deadline, situation });
            }
            std::thread::sleep(pause);
        }
    }

    /// The first run of a pool for which `wanted` holds.
    pub fn run_that(
        &self,
        pool: &str,
        what: &str,
        deadline: Duration,
        wanted: impl Fn(&Run) -> bool,
    ) -> Result<Run, E2eError> {
        let what = format!("a run of pool {pool} that {what}");
        self.eventually(&what, deadline, || Ok(self.runs(pool)?.into_iter().find(&wanted)))
    }

    /// The journal of a node of a pool, once `wanted` holds for it.
    pub fn journal_that(
        &self,
        node: &str,
        what: &str,
        deadline: Duration,
        wanted: impl Fn(&Journal) -> bool,
    ) -> Result<Journal, E2eError> {
        let what = format!("a repair of node {node} that {what}");
        let about = |journal: &Journal| journal.node() == node && wanted(journal);
        self.eventually(&what, deadline, || {
            Ok(self.list("remediations")?.into_iter().map(Journal).find(about))
        })
    }

    /// Waits until the prober has told of all these nodes what it saw after `since`.
    pub fn reported(&self, nodes: &[&str], since: Timestamp) -> Result<(), E2eError> {
        self.eventually(&format!("reports on {nodes:?} after {since}"), REPORTED, || {
            let reports = self.list("diagnosisreports")?;
            let told = |node: &&&str| {
                reports.iter().any(|report| {
                    report["spec"]["subject"]["name"] == ***node
                        && time(&report["status"]["observedAt"]).is_some_and(|at| at > since)
                })
            };
            Ok((nodes.iter().filter(told).count() == nodes.len()).then_some(()))
        })
    }

    /// The state of a check on a node, as the prober reported it last; empty while there is none.
    pub fn check_state(&self, node: &str, check: &str) -> Result<String, E2eError> {
        let reports = self.list("diagnosisreports")?;
        let report = reports.iter().find(|report| report["spec"]["subject"]["name"] == node);
        let results = report.and_then(|report| report["status"]["results"].as_array()).into_iter().flatten();
        let result = results.into_iter().find(|result| result["check"] == check);
        Ok(result.and_then(|result| result["state"].as_str()).unwrap_or_default().to_owned())
    }

    /// How things stand, for an error message.
    pub fn situation(&self) -> String {
        let summaries = |kind: &str, summary: fn(Value) -> String| match self.list(kind) {
            Ok(items) => items.into_iter().map(summary).collect::<Vec<_>>().join("\n"),
            Err(error) => error.to_string(),
        };
        let log = controller::last_lines(&controller::log_file(&self.bed));
        format!(
            "{}\n{}\n{}\nthe controller's last lines:\n{log}",
            summaries("repairpolicies", |policy| format!(
                "policy {} {}",
                policy["metadata"]["name"], policy["status"]
            )),
            summaries("repairruns", |run| Run(run).summary()),
            summaries("remediations", |journal| Journal(journal).summary()),
        )
    }
}
