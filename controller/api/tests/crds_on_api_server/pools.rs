//! What people write about pools: RepairPool, RepairPolicy, RepairGuard, Hold.

use nodemend_api::guard::RepairGuard;
use nodemend_api::hold::Hold;
use nodemend_api::policy::RepairPolicy;
use nodemend_api::pool::RepairPool;
use nodemend_core::snapshot;
use serde_json::{Value, json};

use crate::cluster::{Cluster, object, with};

fn ssh() -> Value {
    json!({"ssh": {
        "user": "ops",
        "credentialsSecret": {"namespace": "nodemend-system", "name": "ssh"},
        "hostKeys": {"authorities": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI"]},
    }})
}

fn pool_spec() -> Value {
    json!({
        "nodeSelector": {"matchLabels": {"pool": "web"}},
        "access": {"observe": ssh(), "repair": ssh()},
        "budget": {"maxUnavailable": "20%"},
        "checkConfig": {"insp.version.systemd": {"minVersion": "219-67"}},
    })
}

pub(crate) fn pools(cluster: &Cluster) {
    let refuses = |changes: &Value, because: &str| {
        cluster.refuses(&object("RepairPool", "bad", &with(&pool_spec(), changes)), because);
    };
    refuses(&json!({"nodeSelector": {}}), "an empty selector is refused");
    refuses(&json!({"nodeSelector": {"matchLabels": {}}}), "an empty selector is refused");
    refuses(&json!({"budget": null}), "spec.budget: Required value");
    refuses(&json!({"budget": {"maxUnavailable": "150%"}}), "spec.budget.maxUnavailable");
    refuses(&json!({"budget": {"maxUnavailable": -1}}), "spec.budget.maxUnavailable");
    refuses(&json!({"observeInterval": "often"}), "spec.observeInterval");
    refuses(&json!({"storm": {"maxNotReady": "many"}}), "spec.storm.maxNotReady");
    refuses(&json!({"storm": {"atLeast": 0}}), "spec.storm.atLeast");
    access(&refuses);
    windows(&refuses);
    let impatient = json!({"drain": {"rules": [{"action": "Block", "timeout": "5m"}]}});
    refuses(&impatient, "a rule that blocks ends the drain at once");
    let pool: RepairPool = cluster.create(&object("RepairPool", "web", &pool_spec()));
    let row = snapshot::Pool::try_from(&pool).unwrap();
    assert_eq!((row.repairable, row.unsupported.len()), (true, 0));
    let full = with(
        &pool_spec(),
        &json!({
            "access": {"observe": ssh(), "repair": {"none": {}}},
            "nodeSelector": {"matchExpressions": [{"key": "pool", "operator": "In", "values": ["db"]}]},
            "windows": [{"days": ["Sat"], "start": "22:00", "duration": "4h"}, {"start": "22:00", "end": "04:00"}],
            "storm": {"maxNotReady": 3, "admitChecks": ["insp.version.systemd"]},
            "drain": {"rules": [{"namespaces": ["batch"], "action": "Wait", "timeout": "30m"}]},
        }),
    );
    let pool: RepairPool = cluster.create(&object("RepairPool", "db", &full));
    let row = snapshot::Pool::try_from(&pool).unwrap();
    assert_eq!((row.unsupported.len(), row.repairable), (0, false));
    assert_eq!(
        (row.windows.len(), row.storm.calm.to_string().as_str()),
        (2, "10m"),
        "defaults are filled in"
    );
    cluster.patch(
        "repairpool/db",
        "status",
        &json!({"status": {"storm": {
            "since": "2026-01-31T22:00:00Z", "cause": "7 of 20 nodes of pool db not Ready, 6 may be",
        }}}),
    );
    pool_epochs(cluster, "repairpool/db");
}

fn access(refuses: &impl Fn(&Value, &str)) {
    let one = "must validate one and only one schema (oneOf)";
    refuses(&json!({"access": {"observe": ssh(), "repair": {}}}), one);
    refuses(&json!({"access": {"observe": with(&ssh(), &json!({"none": {}})), "repair": ssh()}}), one);
    let mut keyless = ssh();
    keyless["ssh"]["hostKeys"] = json!({"authorities": [], "knownHosts": []});
    refuses(&json!({"access": {"observe": ssh(), "repair": keyless}}), "unknown host keys are refused");
}

fn windows(refuses: &impl Fn(&Value, &str)) {
    let one = "give exactly one of duration and end";
    refuses(&json!({"windows": [{"start": "22:00"}]}), one);
    refuses(&json!({"windows": [{"start": "22:00", "duration": "1h", "end": "23:00"}]}), one);
    refuses(&json!({"windows": [{"start": "25:00", "duration": "1h"}]}), "spec.windows[0].start");
}

pub(crate) fn policies(cluster: &Cluster) {
    let spec = json!({
        "match": {"findings": [{"check": "insp.version.systemd", "minSeverity": "Warning"}]},
        "pools": ["web"],
        "playbook": {"name": "upgrade-systemd", "version": "^1.0"},
    });
    let refuses = |changes: &Value, because: &str| {
        cluster.refuses(&object("RepairPolicy", "bad", &with(&spec, changes)), because);
    };
    refuses(&json!({"match": {}}), "give at least one finding or condition");
    refuses(&json!({"match": {"findings": [], "conditions": []}}), "give at least one finding or condition");
    refuses(&json!({"pools": []}), "spec.pools");
    refuses(&json!({"pools": ["web", "web"]}), "Duplicate value");
    refuses(&json!({"mode": "Destroy"}), "spec.mode: Unsupported value");
    let policy: RepairPolicy = cluster.create(&object("RepairPolicy", "old-systemd", &spec));
    let row = snapshot::Policy::try_from(&policy).unwrap();
    assert_eq!((row.mode, row.unsupported.len()), (snapshot::PolicyMode::Observe, 0));
    let condition = json!({"type": "Ready", "status": ["False", "Unknown"], "for": "10m", "confirmBy": "node.systemd-dbus"});
    let by_condition = with(&spec, &json!({"match": {"conditions": [condition]}}));
    let _: RepairPolicy = cluster.create(&object("RepairPolicy", "hung", &by_condition));
}

/// A writer that was replaced cannot write grants any more.
fn pool_epochs(cluster: &Cluster, pool: &str) {
    let older = "the pool belongs to a newer epoch";
    let status = |epoch: u64| json!({"status": {"epoch": epoch}});
    cluster.patch(pool, "status", &status(7));
    cluster.refuses_patch(pool, "status", &status(6), older);
    cluster.refuses_patch(pool, "status", &json!({"status": null}), older);
    cluster.patch(pool, "status", &status(8));
}

pub(crate) fn guard(cluster: &Cluster) {
    cluster.refuses(&object("RepairGuard", "mine", &json!({})), "the only RepairGuard is named `cluster`");
    let _: RepairGuard =
        cluster.create(&object("RepairGuard", "cluster", &json!({"budget": {"maxUnavailable": 2}})));
    let older = "the guard belongs to a newer epoch";
    let status = |epoch: u64| json!({"status": {"epoch": epoch}});
    cluster.patch("repairguard/cluster", "status", &status(7));
    cluster.patch("repairguard/cluster", "status", &status(7));
    cluster.refuses_patch("repairguard/cluster", "status", &status(6), older);
    cluster.refuses_patch("repairguard/cluster", "status", &json!({"status": null}), older);
    cluster.patch("repairguard/cluster", "status", &status(8));
}

pub(crate) fn holds(cluster: &Cluster) {
    let spec = json!({"scope": {"pool": {"name": "web"}}, "heldBy": "ops", "reason": "change freeze"});
    let one = "must validate one and only one schema (oneOf)";
    let refuses = |changes: &Value, because: &str| {
        cluster.refuses(&object("Hold", "bad", &with(&spec, changes)), because);
    };
    refuses(&json!({"scope": {}}), one);
    refuses(&json!({"scope": {"cluster": {}, "pool": {"name": "web"}}}), one);
    refuses(&json!({"reason": ""}), "spec.reason");
    refuses(&json!({"level": "Freeze"}), "spec.level: Unsupported value");
    let until = with(&spec, &json!({"until": "2026-01-31T22:00:00Z"}));
    let hold: Hold = cluster.create(&object("Hold", "freeze", &until));
    assert_eq!(snapshot::Hold::try_from(&hold).unwrap().until, Some("2026-01-31T22:00:00Z".parse().unwrap()));
    let _: Hold = cluster.create(&object("Hold", "all", &with(&spec, &json!({"scope": {"cluster": {}}}))));
    for change in [
        json!({"until": null}),
        json!({"heldBy": "someone"}),
        json!({"level": "Pause"}),
        json!({"scope": {"pool": {"name": "db"}}}),
    ] {
        cluster.refuses_patch("hold/freeze", "", &json!({"spec": change}), "a hold is immutable");
    }
}
