//! The API server as the administrator sees it, asked without `kubectl`: thousands of looks would each start a program.

use std::net::SocketAddr;
use std::time::Duration;

use http::{Method, StatusCode};
use nodemend_bed::Bed;
use nodemend_proxy::{Answer, Identity, Upstream};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use crate::E2eError;

/// Where our kinds are.
const OURS: &str = "/apis/nodemend.dev/v1alpha1";

/// How often a request is sent that the API server has no time for: it says so too while a new kind's store is set up.
const PATIENCE: u32 = 60;
/// The pauses between.
const PAUSE: Duration = Duration::from_millis(500);

/// A client that waits for each answer.
#[derive(Debug)]
pub(super) struct Cluster {
    upstream: Upstream,
    runtime: Runtime,
}

/// The path of one of our objects, or of all of a kind if the name is empty.
pub(super) fn ours(plural: &str, name: &str) -> String {
    match name {
        "" => format!("{OURS}/{plural}"),
        name => format!("{OURS}/{plural}/{name}"),
    }
}

impl Cluster {
    /// The administrator of a bed, from outside of its network.
    pub(super) fn of(bed: &Bed) -> Result<Self, E2eError> {
        let pki = bed.dir().join("pki");
        let identity = Identity { certificate: pki.join("admin.crt"), key: pki.join("admin.key") };
        let upstream = Upstream::new(relayed(bed)?, &bed.hub().ca_file(), Some(&identity))?;
        let runtime =
            Builder::new_current_thread().enable_all().build().map_err(E2eError::file("a runtime"))?;
        Ok(Self { upstream, runtime })
    }

    /// The object there, if there is one.
    pub(super) fn get(&self, path: &str) -> Result<Option<Value>, E2eError> {
        let answer = self.ask(&Method::GET, path, None)?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(None),
            _ => whole(path, answer).map(Some),
        }
    }

    /// All objects there.
    pub(super) fn list(&self, path: &str) -> Result<Vec<Value>, E2eError> {
        let mut list = self.get(path)?.unwrap_or_default();
        match list["items"].take() {
            Value::Array(items) => Ok(items),
            _ => Ok(Vec::new()),
        }
    }

    /// Creates an object at the path of its kind.
    pub(super) fn create(&self, path: &str, object: &Value) -> Result<Value, E2eError> {
        whole(path, self.ask(&Method::POST, path, Some(object))?)
    }

    /// Deletes an object, or all of a kind, without asking whom their finalizers are for.
    pub(super) fn remove(&self, path: &str) -> Result<(), E2eError> {
        self.ask(&Method::DELETE, path, None)?;
        Ok(())
    }

    /// Takes all finalizers off an object.
    pub(super) fn unfinalize(&self, path: &str) -> Result<(), E2eError> {
        let nothing = json!({"metadata": {"finalizers": null}});
        self.ask(&Method::PATCH, path, Some(&nothing))?;
        Ok(())
    }

    fn ask(&self, method: &Method, path: &str, object: Option<&Value>) -> Result<Answer, E2eError> {
        let mut tries = 0;
        loop {
            let asked = self.upstream.ask(method.clone(), path, object);
            let answer = self.runtime.block_on(asked).map_err(|error| wrong(path, error.to_string()))?;
            tries += 1;
            if answer.status != StatusCode::TOO_MANY_REQUESTS || tries == PATIENCE {
                return Ok(answer);
            }
            std::thread::sleep(PAUSE);
        }
    }
}

fn whole(path: &str, answer: Answer) -> Result<Value, E2eError> {
    if answer.status.is_success() { Ok(answer.object) } else { Err(wrong(path, answer.object.to_string())) }
}

fn wrong(path: &str, problem: String) -> E2eError {
    E2eError::Answer { request: path.to_owned(), problem }
}

/// Where the bed's API server is reached from outside of its network, as the administrator's kubeconfig says.
fn relayed(bed: &Bed) -> Result<SocketAddr, E2eError> {
    let path = bed.admin_kubeconfig();
    let text = std::fs::read_to_string(path).map_err(E2eError::file(path))?;
    let config: Value = serde_json::from_str(&text).unwrap_or_default();
    let server = config.pointer("/clusters/0/cluster/server").and_then(Value::as_str).unwrap_or_default();
    let address = server.strip_prefix("https://").and_then(|address| address.parse().ok());
    address.ok_or_else(|| wrong(&path.display().to_string(), format!("it names no address: `{server}`")))
}
