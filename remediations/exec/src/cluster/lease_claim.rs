//! What a look at a node's Lease leads to: take it, renew it, or leave it to its holder.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta, OwnerReference};
use nodemend_core::ids::{NodeName, NodeUid};

/// How the holder of our Leases is called.
const HOLDER: &str = "nodemend";
/// For how long a Lease is written, in seconds: what the medik8s operators take too.
const SECONDS: i32 = 3600;

/// What is to be done about a Lease.
#[derive(Debug, PartialEq)]
pub(super) enum Claim {
    /// Write this; with a resourceVersion in place of what was read, without one as a new Lease.
    Write(Box<Lease>),
    /// Another one has it.
    Held(Holder),
}

/// Another one who repairs the node.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Holder {
    /// What it calls itself.
    pub(super) identity: String,
    /// When its Lease runs out, unless it is renewed.
    pub(super) until: Timestamp,
}

impl Holder {
    /// Who, until when, and what to do.
    pub(super) fn message(&self, node: &NodeName) -> String {
        format!(
            "node {node} is under repair by {}: its Lease lasts until {}; wait until it is given back or runs out",
            self.identity, self.until
        )
    }
}

/// Takes `found` over, renews it, or makes a new one, unless another one holds it at `now`.
pub(super) fn claim(found: Option<&Lease>, node: &NodeName, uid: &NodeUid, now: Timestamp) -> Claim {
    if let Some(other) = found.and_then(|lease| holder(lease, now)) {
        return Claim::Held(other);
    }
    let old = found.cloned().unwrap_or_default();
    let spec = old.spec.unwrap_or_default();
    let ours = spec.holder_identity.as_deref() == Some(HOLDER);
    let changes = spec.lease_transitions.unwrap_or(0);
    let now = MicroTime(now);
    let spec = LeaseSpec {
        holder_identity: Some(HOLDER.to_owned()),
        lease_duration_seconds: Some(SECONDS),
        acquire_time: spec.acquire_time.filter(|_| ours).or_else(|| Some(now.clone())),
        lease_transitions: Some(if ours || found.is_none() { changes } else { changes.saturating_add(1) }),
        renew_time: Some(now),
        ..spec
    };
    let metadata = ObjectMeta {
        name: Some(super::name(node)),
        namespace: Some(super::NAMESPACE.to_owned()),
        owner_references: Some(vec![owner(node, uid)]),
        ..old.metadata
    };
    Claim::Write(Box::new(Lease { metadata, spec: Some(spec) }))
}

/// Who else holds the Lease at `now`. Without a time of renewal or a length it counts as given back, as it does for
/// the medik8s operators.
pub(super) fn holder(lease: &Lease, now: Timestamp) -> Option<Holder> {
    let spec = lease.spec.as_ref()?;
    let identity =
        spec.holder_identity.clone().filter(|identity| !identity.is_empty() && identity != HOLDER)?;
    let length = SignedDuration::from_secs(spec.lease_duration_seconds?.into());
    let until = spec.renew_time.as_ref()?.0.checked_add(length).unwrap_or(Timestamp::MAX);
    (until >= now).then_some(Holder { identity, until })
}

/// Whether we are its holder, also of one that has run out.
pub(super) fn is_ours(lease: &Lease) -> bool {
    lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref()) == Some(HOLDER)
}

/// The Lease goes with the node.
fn owner(node: &NodeName, uid: &NodeUid) -> OwnerReference {
    OwnerReference {
        api_version: "v1".to_owned(),
        kind: "Node".to_owned(),
        name: node.to_string(),
        uid: uid.to_string(),
        ..OwnerReference::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const RENEWED: &str = "2026-01-31T22:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// A Lease of 60 s, renewed at 22:00.
    fn lease(holder: &str) -> Value {
        json!({
            "metadata": { "name": "node-a", "namespace": "medik8s-leases", "resourceVersion": "7" },
            "spec": {
                "holderIdentity": holder, "leaseDurationSeconds": 60, "leaseTransitions": 3,
                "renewTime": "2026-01-31T22:00:00.000000Z", "acquireTime": "2026-01-31T21:00:00.000000Z",
            },
        })
    }

    fn claimed(lease: Option<Value>, now: &str) -> Claim {
        let lease: Option<Lease> = lease.map(|lease| serde_json::from_value(lease).unwrap());
        claim(lease.as_ref(), &"A".into(), &"uid-1".into(), at(now))
    }

    fn written(claim: Claim) -> (ObjectMeta, LeaseSpec) {
        match claim {
            Claim::Write(lease) => (lease.metadata, lease.spec.unwrap()),
            Claim::Held(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_new_lease_is_named_after_its_node_and_goes_with_it() {
        let (meta, spec) = written(claimed(None, RENEWED));
        assert_eq!((meta.name.as_deref(), meta.resource_version), (Some("node-a"), None));
        let owner = &meta.owner_references.unwrap()[0];
        assert_eq!((owner.kind.as_str(), owner.name.as_str(), owner.uid.as_str()), ("Node", "A", "uid-1"));
        assert_eq!(spec.holder_identity.as_deref(), Some("nodemend"));
        assert_eq!((spec.lease_duration_seconds, spec.lease_transitions), (Some(3600), Some(0)));
        assert_eq!(spec.renew_time, Some(MicroTime(at(RENEWED))));
        assert_eq!(spec.acquire_time, spec.renew_time);
    }

    #[test]
    fn a_lease_of_another_is_left_until_it_has_run_out() {
        let held = Holder { identity: "nmo".into(), until: at("2026-01-31T22:01:00Z") };
        assert!(held.message(&"a".into()).contains("by nmo: its Lease lasts until 2026-01-31T22:01:00Z"));
        for now in [RENEWED, "2026-01-31T22:01:00Z", "2026-01-31T21:59:00Z"] {
            assert_eq!(
                claimed(Some(lease("nmo")), now),
                Claim::Held(Holder { identity: "nmo".into(), ..held })
            );
        }
        let (meta, spec) = written(claimed(Some(lease("nmo")), "2026-01-31T22:01:01Z"));
        assert_eq!(meta.resource_version.as_deref(), Some("7"));
        assert_eq!((spec.holder_identity.as_deref(), spec.lease_transitions), (Some("nodemend"), Some(4)));
        assert_eq!(spec.acquire_time, Some(MicroTime(at("2026-01-31T22:01:01Z"))));
    }

    #[test]
    fn a_lease_that_was_given_back_is_taken() {
        let mut incomplete = [lease(""), lease("nmo"), lease("nmo"), lease("nmo")];
        incomplete[1]["spec"]["renewTime"] = json!(null);
        incomplete[2]["spec"]["leaseDurationSeconds"] = json!(null);
        incomplete[3]["spec"] = json!(null);
        for lease in incomplete {
            let (_, spec) = written(claimed(Some(lease.clone()), RENEWED));
            assert_eq!(spec.holder_identity.as_deref(), Some("nodemend"), "{lease}");
        }
    }

    #[test]
    fn ours_is_renewed_and_keeps_its_beginning() {
        for now in ["2026-01-31T22:00:30Z", "2026-02-01T00:00:00Z"] {
            let (_, spec) = written(claimed(Some(lease("nodemend")), now));
            assert_eq!(spec.renew_time, Some(MicroTime(at(now))));
            assert_eq!(spec.acquire_time, Some(MicroTime(at("2026-01-31T21:00:00Z"))));
            assert_eq!((spec.lease_duration_seconds, spec.lease_transitions), (Some(3600), Some(3)));
        }
    }
}
