//! Objects of our API out of the specs that a scenario has: named, stored and converted as the API server's are.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time as MetaTime;
use kube::Resource;
use nodemend_core::snapshot;
use nodemend_core::time::Time;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::ScenarioError;
use crate::guard::{GUARD_NAME, RepairGuard};
use crate::hold::Hold;
use crate::policy::RepairPolicy;
use crate::pool::RepairPool;
use crate::run::RepairRun;

/// A RepairPool. Its access is that of a pool that may be repaired, unless it says otherwise.
pub(super) fn pool(name: &str, spec: &Value, now: Time) -> Result<snapshot::Pool, ScenarioError> {
    let mut spec = spec.clone();
    let ssh = json!({"ssh": {
        "user": "scenario",
        "credentialsSecret": {"namespace": "scenario", "name": "scenario"},
        "hostKeys": {"authorities": ["ssh-ed25519 AAAA"]},
    }});
    with_default(&mut spec, "access", json!({"observe": ssh, "repair": ssh}));
    let object: RepairPool = object(name, &spec, now)?;
    convert("repairpool", name, &object)
}

/// A RepairPolicy.
pub(super) fn policy(name: &str, spec: &Value, now: Time) -> Result<snapshot::Policy, ScenarioError> {
    convert("repairpolicy", name, &object::<RepairPolicy>(name, spec, now)?)
}

/// The RepairGuard, whose epoch is that of the one controller there is.
pub(super) fn guard(spec: &Value, now: Time) -> Result<snapshot::Guard, ScenarioError> {
    let guard: snapshot::Guard =
        convert("repairguard", GUARD_NAME, &object::<RepairGuard>(GUARD_NAME, spec, now)?)?;
    Ok(snapshot::Guard { epoch: 1, ..guard })
}

/// A Hold, made by `ops` unless it says otherwise.
pub(super) fn hold(name: &str, spec: &Value, now: Time) -> Result<snapshot::Hold, ScenarioError> {
    let mut spec = spec.clone();
    with_default(&mut spec, "heldBy", json!("ops"));
    with_default(&mut spec, "reason", json!("scenario"));
    convert("hold", name, &object::<Hold>(name, &spec, now)?)
}

/// A RepairRun, asked for by `ops` and to be started within an hour unless it says otherwise.
pub(super) fn run(name: &str, spec: &Value, now: Time) -> Result<snapshot::Run, ScenarioError> {
    let mut spec = spec.clone();
    with_default(&mut spec, "requestedBy", json!("ops"));
    let start_before = now.after(nodemend_core::time::Span::minutes(60));
    with_default(&mut spec, "startBefore", json!(start_before.to_string()));
    convert("repairrun", name, &object::<RepairRun>(name, &spec, now)?)
}

fn with_default(spec: &mut Value, field: &str, default: Value) {
    if let Value::Object(fields) = spec {
        fields.entry(field).or_insert(default);
    }
}

fn object<K>(name: &str, spec: &Value, now: Time) -> Result<K, ScenarioError>
where
    K: Resource<DynamicType = ()> + DeserializeOwned + Serialize,
{
    let (kind, api_version) = (K::kind(&()), K::api_version(&()));
    let wrong = |problem: String| ScenarioError::Object {
        object: format!("{}/{name}", kind.to_lowercase()),
        problem,
    };
    let value = json!({
        "apiVersion": api_version, "kind": kind, "spec": spec,
        "metadata": {"name": name, "uid": format!("{name}-uid")},
    });
    let mut object: K = serde_json::from_value(value).map_err(|error| wrong(error.to_string()))?;
    let known = serde_json::to_value(&object).map_err(|error| wrong(error.to_string()))?;
    if let Some(field) = unknown(spec, &known["spec"]) {
        return Err(wrong(format!("unknown field {field}")));
    }
    object.meta_mut().creation_timestamp = jiff::Timestamp::from_millisecond(now.0).ok().map(MetaTime);
    Ok(object)
}

fn convert<'a, K, R>(kind: &str, name: &str, object: &'a K) -> Result<R, ScenarioError>
where
    R: TryFrom<&'a K>,
    R::Error: std::fmt::Display,
{
    object.try_into().map_err(|error: R::Error| ScenarioError::Object {
        object: format!("{kind}/{name}"),
        problem: error.to_string(),
    })
}

/// The path of the first field that was written and that the object does not have.
fn unknown(written: &Value, known: &Value) -> Option<String> {
    match (written, known) {
        (Value::Object(written), Value::Object(known)) => written.iter().find_map(|(key, value)| {
            let below = match known.get(key) {
                Some(known) => unknown(value, known)?,
                // Left out because it says the same as nothing.
                None if is_empty(value) => return None,
                None => String::new(),
            };
            Some(if below.is_empty() { key.clone() } else { format!("{key}.{below}") })
        }),
        (Value::Array(written), Value::Array(known)) => {
            written.iter().zip(known).find_map(|(written, known)| unknown(written, known))
        }
        _ => None,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}
