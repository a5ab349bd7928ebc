//! How each kind gets into what is known, and out of it. An object that cannot be decoded is remembered as such:
//! while it may be a Hold, a guard or a repair under way, nothing starts.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::core::DeserializeGuard;
use kube::{Api, Client, Resource, ResourceExt};
use nodemend_api::convert;
use nodemend_api::guard::{GUARD_NAME, RepairGuard};
use nodemend_api::hold::Hold;
use nodemend_api::plan_page::PlanPage;
use nodemend_api::playbook::Playbook;
use nodemend_api::policy::RepairPolicy;
use nodemend_api::pool::RepairPool;
use nodemend_api::remediation::Remediation;
use nodemend_api::report::DiagnosisReport;
use nodemend_api::run::RepairRun;
use nodemend_core::decide::PolicyStatus;
use nodemend_core::finding::CheckState;

use super::{Known, NodeView, World, follow};

/// How many kinds are watched.
pub(super) const KINDS: usize = 10;

pub(super) fn each_kind(client: &Client, world: &Arc<World>) {
    tokio::spawn(follow(Api::<NodeView>::all(client.clone()), world.clone()));
    own::<RepairGuard>(client, world);
    own::<RepairPool>(client, world);
    own::<RepairPolicy>(client, world);
    own::<Playbook>(client, world);
    own::<RepairRun>(client, world);
    own::<PlanPage>(client, world);
    own::<Remediation>(client, world);
    own::<Hold>(client, world);
    own::<DiagnosisReport>(client, world);
}

fn own<K>(client: &Client, world: &Arc<World>)
where
    K: Stored + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + Sync + 'static,
{
    tokio::spawn(follow(Api::<DeserializeGuard<K>>::all(client.clone()), world.clone()));
}

/// A kind that has a row.
pub(crate) trait Row: Resource<DynamicType = ()> {
    /// The kind's name.
    fn row_kind() -> &'static str;
    /// The object's name.
    fn row_name(&self) -> String;
    /// Puts the object in, or what it has become.
    fn put(self, known: &mut Known);
    /// Takes the object out.
    fn take_out(known: &mut Known, name: &str);
    /// The names that are in.
    fn names(known: &Known) -> Vec<String>;
}

impl Row for NodeView {
    fn row_kind() -> &'static str {
        "Node"
    }

    fn row_name(&self) -> String {
        self.name_any()
    }

    fn put(self, known: &mut Known) {
        let name = self.name_any();
        let addresses = self.status.iter().flat_map(|status| status.addresses.iter().flatten());
        let addresses = addresses.map(|a| (a.type_.clone(), a.address.clone())).collect();
        match convert::node(&self.metadata, self.spec.as_ref(), self.status.as_ref()) {
            Ok(row) => {
                known.addresses.insert(row.name.clone(), addresses);
                known.snapshot.nodes.insert(row.name.clone(), row);
            }
            Err(error) => {
                tracing::warn!(node = name, %error, "a node that cannot be decided on is left out");
                Self::take_out(known, &name);
            }
        }
    }

    fn take_out(known: &mut Known, name: &str) {
        known.addresses.remove(&name.into());
        known.snapshot.nodes.remove(&name.into());
    }

    fn names(known: &Known) -> Vec<String> {
        known.snapshot.nodes.keys().map(|name| name.0.clone()).collect()
    }
}

/// A kind of ours.
pub(crate) trait Stored: Resource<DynamicType = ()> {
    /// Puts the object's row in.
    fn store(&self, known: &mut Known) -> Result<(), convert::ConvertError>;
    /// Takes the row out.
    fn drop_row(known: &mut Known, name: &str);
    /// Names of the rows.
    fn row_names(known: &Known) -> Vec<String>;
}

impl<K: Stored> Row for DeserializeGuard<K> {
    fn row_kind() -> &'static str {
        // The kinds of our API are all written out in its derive.
        match K::kind(&()) {
            std::borrow::Cow::Borrowed(kind) => kind,
            std::borrow::Cow::Owned(_) => "unknown",
        }
    }

    fn row_name(&self) -> String {
        self.name_any()
    }

    fn put(self, known: &mut Known) {
        let name = self.name_any();
        let key = format!("{}/{name}", Self::row_kind().to_lowercase());
        let stored = match &self.0 {
            Ok(object) => object.store(known).map_err(|error| error.to_string()),
            Err(invalid) => Err(invalid.error.clone()),
        };
        match stored {
            Ok(()) => {
                known.snapshot.undecodable.remove(&key);
            }
            Err(error) => {
                tracing::warn!(object = key, %error, "cannot be decoded; what depends on it waits");
                known.snapshot.undecodable.insert(key, error);
            }
        }
    }

    fn take_out(known: &mut Known, name: &str) {
        known.snapshot.undecodable.remove(&format!("{}/{name}", Self::row_kind().to_lowercase()));
        K::drop_row(known, name);
    }

    fn names(known: &Known) -> Vec<String> {
        let prefix = format!("{}/", Self::row_kind().to_lowercase());
        let unread =
            known.snapshot.undecodable.keys().filter_map(|key| Some(key.strip_prefix(&prefix)?.to_owned()));
        unread.chain(K::row_names(known)).collect()
    }
}

/// A kind whose row lies in a map of the snapshot by its name.
macro_rules! stored {
    ($kind:ty, $map:ident) => {
        impl Stored for $kind {
            fn store(&self, known: &mut Known) -> Result<(), convert::ConvertError> {
                known.snapshot.$map.insert(self.name_any(), self.try_into()?);
                Ok(())
            }

            fn drop_row(known: &mut Known, name: &str) {
                known.snapshot.$map.remove(name);
            }

            fn row_names(known: &Known) -> Vec<String> {
                known.snapshot.$map.keys().cloned().collect()
            }
        }
    };
}

stored!(RepairRun, runs);
stored!(Hold, holds);

impl Stored for Remediation {
    fn store(&self, known: &mut Known) -> Result<(), convert::ConvertError> {
        let mut row: nodemend_core::snapshot::Remediation = self.try_into()?;
        if let Some(journal) = row.journal.as_mut().filter(|journal| journal.is_finished())
            && !known.whole
        {
            // A cordon that is still there is one that a person was left with.
            (journal.steps, journal.prior) = (Vec::new(), None);
        }
        known.snapshot.remediations.insert(self.name_any(), row);
        Ok(())
    }

    fn drop_row(known: &mut Known, name: &str) {
        known.snapshot.remediations.remove(name);
    }

    fn row_names(known: &Known) -> Vec<String> {
        known.snapshot.remediations.keys().cloned().collect()
    }
}

impl Stored for RepairPool {
    fn store(&self, known: &mut Known) -> Result<(), convert::ConvertError> {
        known.snapshot.pools.insert(self.name_any(), self.try_into()?);
        let mut kept = self.clone();
        kept.metadata.managed_fields = None;
        known.pools.insert(self.name_any(), Arc::new(kept));
        Ok(())
    }

    fn drop_row(known: &mut Known, name: &str) {
        known.snapshot.pools.remove(name);
        known.pools.remove(name);
    }

    fn row_names(known: &Known) -> Vec<String> {
        known.snapshot.pools.keys().cloned().collect()
    }
}

impl Stored for RepairPolicy {
    fn store(&self, known: &mut Known) -> Result<(), convert::ConvertError> {
        let name = self.name_any();
        known.snapshot.policies.insert(name.clone(), self.try_into()?);
        let status = self.status.clone().unwrap_or_default();
        let status =
            PolicyStatus { matched: status.matched, last_run: status.last_run, blockers: status.blockers };
        known.snapshot.policy_status.insert(name, status);
        Ok(())
    }

    fn drop_row(known: &mut Known, name: &str) {
        known.snapshot.policies.remove(name);
        known.snapshot.policy_status.remove(name);
    }

    fn row_names(known: &Known) -> Vec<String> {
        known.snapshot.policies.keys().cloned().collect()
    }
}

impl Stored for Playbook {
    fn store(&self, known: &mut Known) -> Result<(), convert::ConvertError> {
        known.snapshot.playbooks.insert(self.name_any(), self.spec.0.clone());
        Ok(())
    }

    fn drop_row(known: &mut Known, name: &str) {
        known.snapshot.playbooks.remove(name);
    }

    fn row_names(known: &Known) -> Vec<String> {
        known.snapshot.playbooks.keys().cloned().collect()
    }
}

impl Stored for RepairGuard {
    fn store(&self, known: &mut Known) -> Result<(), convert::ConvertError> {
        if self.name_any() == GUARD_NAME {
            known.snapshot.guard = None;
            known.snapshot.guard = Some(self.try_into()?);
        }
        Ok(())
    }

    fn drop_row(known: &mut Known, name: &str) {
        if name == GUARD_NAME {
            known.snapshot.guard = None;
        }
    }

    fn row_names(known: &Known) -> Vec<String> {
        known.snapshot.guard.iter().map(|_| GUARD_NAME.to_owned()).collect()
    }
}

impl Stored for PlanPage {
    fn store(&self, known: &mut Known) -> Result<(), convert::ConvertError> {
        let pages = known.snapshot.pages.entry(self.spec.run_uid.clone()).or_default();
        pages.insert(self.spec.index, self.spec.page.clone());
        known.page_names.insert(self.name_any(), (self.spec.run_uid.clone(), self.spec.index));
        Ok(())
    }

    fn drop_row(known: &mut Known, name: &str) {
        let Some((run, index)) = known.page_names.remove(name) else { return };
        let Some(pages) = known.snapshot.pages.get_mut(&run) else { return };
        pages.remove(&index);
        if pages.is_empty() {
            known.snapshot.pages.remove(&run);
        }
    }

    fn row_names(known: &Known) -> Vec<String> {
        known.page_names.keys().cloned().collect()
    }
}

impl Stored for DiagnosisReport {
    fn store(&self, known: &mut Known) -> Result<(), convert::ConvertError> {
        let subject = self.spec.subject.uid.clone();
        known.report_names.insert(self.name_any(), (subject.clone(), self.spec.source.clone()));
        let mut row: nodemend_core::snapshot::Report = self.into();
        if !known.whole {
            // Nothing is decided on what a check that passes observed, nor on how it says so.
            for passing in row.results.values_mut().filter(|result| result.state == CheckState::Pass) {
                (passing.observed, passing.message) = (BTreeMap::new(), String::new());
            }
        }
        let reports = known.snapshot.reports.entry(subject).or_default();
        reports.insert(self.spec.source.clone(), row);
        Ok(())
    }

    fn drop_row(known: &mut Known, name: &str) {
        let Some((subject, source)) = known.report_names.remove(name) else { return };
        let Some(reports) = known.snapshot.reports.get_mut(&subject) else { return };
        reports.remove(&source);
        if reports.is_empty() {
            known.snapshot.reports.remove(&subject);
        }
    }

    fn row_names(known: &Known) -> Vec<String> {
        known.report_names.keys().cloned().collect()
    }
}
