//! What a view of one run needs, kept up to date by watches that come back after an error.

use std::collections::BTreeSet;

use futures::stream::{BoxStream, StreamExt, select};
use kube::core::DeserializeGuard;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, ResourceExt};
use nodemend_api::plan_page::PlanPage;
use nodemend_api::remediation::Remediation;
use nodemend_api::run::RepairRun;
use nodemend_core::plan::page::page_name;
use nodemend_core::snapshot::{self, Snapshot};

use crate::cli::CliError;
use crate::cli::client::Cluster;
use crate::cli::error::Asked;

/// How long the API server keeps a silent watch open, in seconds.
const WATCH_SECONDS: u32 = 60;

/// One thing that a watch has brought.
enum Seen {
    Run(Box<Result<Event<DeserializeGuard<RepairRun>>, watcher::Error>>),
    Remediation(Box<Result<Event<DeserializeGuard<Remediation>>, watcher::Error>>),
}

/// One run, its plan and its repairs.
pub(super) struct Feed {
    cluster: Cluster,
    name: String,
    seen: BoxStream<'static, Seen>,
    /// The run, its pages and its Remediations; nothing else.
    pub(super) snapshot: Snapshot,
    /// The names that a list in progress has brought.
    listing: BTreeSet<String>,
    /// Whether the list in progress has brought the run.
    run_is_there: bool,
    run_listed: bool,
    remediations_listed: bool,
    trouble: Option<String>,
}

impl Feed {
    /// Starts the watches.
    pub(super) fn start(cluster: Cluster, name: &str) -> Self {
        let config = || watcher::Config::default().timeout(WATCH_SECONDS);
        let runs: Api<DeserializeGuard<RepairRun>> = Api::all(cluster.client.clone());
        let one = config().fields(&format!("metadata.name={name}"));
        let remediations: Api<DeserializeGuard<Remediation>> = Api::all(cluster.client.clone());
        let runs = watcher(runs, one).default_backoff().map(|event| Seen::Run(Box::new(event)));
        let remediations =
            watcher(remediations, config()).default_backoff().map(|event| Seen::Remediation(Box::new(event)));
        Self {
            cluster,
            name: name.to_owned(),
            seen: select(runs, remediations).boxed(),
            snapshot: Snapshot::default(),
            listing: BTreeSet::new(),
            run_is_there: false,
            run_listed: false,
            remediations_listed: false,
            trouble: None,
        }
    }

    /// Takes in the next thing that a watch brings. Only a refusal ends it.
    pub(super) async fn next(&mut self) -> Result<(), CliError> {
        match self.seen.next().await {
            Some(Seen::Run(event)) => match *event {
                Ok(event) => self.take_run(event),
                Err(error) => return self.trouble_with("RepairRun", &error),
            },
            Some(Seen::Remediation(event)) => match *event {
                Ok(event) => self.take_remediation(event),
                Err(error) => return self.trouble_with("Remediation", &error),
            },
            None => return Err(CliError::Negative("the watches have ended".to_owned())),
        }
        self.trouble = None;
        Ok(())
    }

    /// Whether what is known is all there is: before the first lists have ended, nodes seem to wait that do not.
    pub(super) const fn is_listed(&self) -> bool {
        self.run_listed && self.remediations_listed
    }

    /// Whether the run is not there any more.
    pub(super) fn is_gone(&self) -> bool {
        self.run_listed && !self.snapshot.runs.contains_key(&self.name)
    }

    /// Why nothing is heard, while nothing is heard.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    fn trouble_with(&mut self, kind: &str, error: &watcher::Error) -> Result<(), CliError> {
        let source = match error {
            watcher::Error::InitialListFailed(source)
            | watcher::Error::WatchStartFailed(source)
            | watcher::Error::WatchFailed(source) => Some(source),
            _ => None,
        };
        match source.map(|source| self.cluster.failed(Asked { verb: "watch", kind, name: None }, source)) {
            Some(refused @ CliError::Forbidden { .. }) => return Err(refused),
            Some(CliError::Unreachable { problem, .. }) => {
                self.trouble = Some(format!("no answer from the API server: {problem}"));
            }
            // The API server ends watches now and then: the next one begins where this one ended.
            _ if matches!(error, watcher::Error::WatchError(_)) => {}
            _ => self.trouble = Some(format!("watching {kind}: {error}")),
        }
        Ok(())
    }

    fn take_run(&mut self, event: Event<DeserializeGuard<RepairRun>>) {
        match event {
            Event::Init => self.run_is_there = false,
            Event::InitApply(run) | Event::Apply(run) => {
                self.run_is_there = true;
                self.put_run(&run);
            }
            Event::InitDone => {
                self.run_listed = true;
                // Deleted while nothing was heard.
                if !self.run_is_there {
                    self.snapshot.runs.clear();
                }
            }
            Event::Delete(_) => self.snapshot.runs.clear(),
        }
    }

    fn put_run(&mut self, run: &DeserializeGuard<RepairRun>) {
        let row = run.0.as_ref().map_err(|error| error.error.clone());
        match row.and_then(|run| snapshot::Run::try_from(run).map_err(|error| error.to_string())) {
            Ok(row) => {
                self.snapshot.runs.insert(self.name.clone(), row);
            }
            Err(error) => self.trouble = Some(format!("run {} cannot be decoded: {error}", self.name)),
        }
    }

    fn take_remediation(&mut self, event: Event<DeserializeGuard<Remediation>>) {
        match event {
            Event::Init => self.listing.clear(),
            Event::InitApply(remediation) => {
                self.listing.insert(remediation.name_any());
                self.put_remediation(&remediation);
            }
            Event::InitDone => {
                let listing = std::mem::take(&mut self.listing);
                self.snapshot.remediations.retain(|name, _| listing.contains(name));
                self.remediations_listed = true;
            }
            Event::Apply(remediation) => self.put_remediation(&remediation),
            Event::Delete(remediation) => {
                self.snapshot.remediations.remove(&remediation.name_any());
            }
        }
    }

    /// Those of other runs are left out.
    fn put_remediation(&mut self, remediation: &DeserializeGuard<Remediation>) {
        let Ok(remediation) = &remediation.0 else { return };
        if remediation.spec.run != self.name {
            return;
        }
        if let Ok(row) = snapshot::Remediation::try_from(remediation) {
            self.snapshot.remediations.insert(row.name.clone(), row);
        }
    }

    /// Reads the pages of the plan, once there is one. They never change; one that is not there yet is read later.
    pub(super) async fn complete(&mut self) {
        let Some(run) = self.snapshot.runs.get(&self.name) else { return };
        let Some(plan) = &run.status.plan else { return };
        let (uid, wanted) = (run.uid.clone(), plan.page_digests.len());
        let pages = self.snapshot.pages.entry(uid).or_default();
        let api: Api<PlanPage> = Api::all(self.cluster.client.clone());
        for index in pages.len()..wanted {
            let Ok(page) = api.get(&page_name(&self.name, index)).await else { return };
            pages.insert(page.spec.index, page.spec.page);
        }
    }
}
