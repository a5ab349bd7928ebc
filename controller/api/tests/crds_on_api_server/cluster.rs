//! A control plane with the kinds installed, and the two questions that are asked of it.

use std::cell::RefCell;
use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use nodemend_bed::kubectl::Kubectl;
use nodemend_bed::{Bed, BedConfig};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub(crate) struct Cluster {
    bed: Bed,
    /// Everything that the API server said when it refused.
    refusals: RefCell<String>,
}

impl Cluster {
    /// Starts a control plane and installs everything, without a single warning of the API server.
    pub(crate) fn start(name: &str) -> Self {
        let bed = Bed::start(&BedConfig { name: name.to_owned(), ..BedConfig::default() }).unwrap();
        let cluster = Self { bed, refusals: RefCell::default() };
        let installed = cluster.run(&["apply", "-f", "-"], Some(&nodemend_api::install::yaml().unwrap()));
        let complaints = String::from_utf8(installed.stderr).unwrap();
        assert!(installed.status.success() && complaints.is_empty(), "{complaints}");
        cluster.wait_until_served();
        cluster
    }

    fn wait_until_served(&self) {
        let mut wait = vec!["wait", "--for=condition=Established", "--timeout=20s"];
        let names: Vec<_> = nodemend_api::crds::all()
            .into_iter()
            .map(|crd| format!("crd/{}", crd.metadata.name.unwrap()))
            .collect();
        wait.extend(names.iter().map(String::as_str));
        self.bed.kubectl(&wait).unwrap();
    }

    pub(crate) fn stop(self) {
        self.bed.stop().unwrap();
    }

    /// `kubectl` as the controller's service account.
    pub(crate) fn as_controller(&self) -> Kubectl {
        self.bed.kubectl_as_admin().with_kubeconfig(self.bed.controller_kubeconfig())
    }

    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        self.bed.kubectl(arguments).unwrap()
    }

    /// Looks until the answer is `wanted`: controllers of the API server take a moment.
    pub(crate) fn eventually(&self, arguments: &[&str], wanted: &str) {
        let deadline = Duration::from_secs(20);
        self.bed.wait_for(wanted, deadline, || Ok(self.kubectl(arguments) == wanted)).unwrap();
    }

    /// Creates an object and reads it back as `T`.
    pub(crate) fn create<T: DeserializeOwned>(&self, object: &Value) -> T {
        let created = self.run(&["create", "-o", "json", "-f", "-"], Some(&object.to_string()));
        assert!(created.status.success(), "{object:#}\n{}", String::from_utf8_lossy(&created.stderr));
        serde_json::from_slice(&created.stdout).unwrap()
    }

    /// The object must be refused, with this in the message.
    pub(crate) fn refuses(&self, object: &Value, because: &str) {
        self.refused(&self.run(&["create", "-f", "-"], Some(&object.to_string())), because, object);
    }

    /// Patches an object, such as `repairrun/old`; `subresource` is empty or `status`.
    pub(crate) fn patch(&self, object: &str, subresource: &str, patch: &Value) {
        let patched = self.send_patch(object, subresource, patch);
        assert!(patched.status.success(), "{object} {patch}\n{}", String::from_utf8_lossy(&patched.stderr));
    }

    /// The patch must be refused, with this in the message.
    pub(crate) fn refuses_patch(&self, object: &str, subresource: &str, patch: &Value, because: &str) {
        self.refused(&self.send_patch(object, subresource, patch), because, patch);
    }

    /// Every rule of every kind must have refused something by now.
    pub(crate) fn every_rule_has_refused(&self) {
        let kinds = serde_json::to_value(nodemend_api::crds::all()).unwrap();
        let mut messages = Vec::new();
        rule_messages(&kinds, &mut messages);
        assert!(!messages.is_empty());
        for message in messages {
            assert!(
                self.refusals.borrow().contains(&message),
                "nothing shows that this rule works: {message}"
            );
        }
    }

    fn refused(&self, output: &Output, because: &str, what: &Value) {
        let refusal = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "was accepted: {what:#}");
        assert!(
            refusal.contains(because),
            "{what:#}\nwas refused for another reason than `{because}`:\n{refusal}"
        );
        self.refusals.borrow_mut().push_str(&refusal);
    }

    fn send_patch(&self, object: &str, subresource: &str, patch: &Value) -> Output {
        let subresource = format!("--subresource={subresource}");
        let patch = patch.to_string();
        let mut arguments = vec!["patch", object, "--type=merge", "-p", &patch];
        if subresource.ends_with("status") {
            arguments.push(&subresource);
        }
        self.run(&arguments, None)
    }

    fn run(&self, arguments: &[&str], input: Option<&str>) -> Output {
        let mut command = self.bed.kubectl_as_admin().command();
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        match input {
            Some(input) => feed(&mut command, input),
            None => command.stdin(Stdio::null()).output().unwrap(),
        }
    }
}

/// From a file, so that nothing blocks on a pipe.
fn feed(command: &mut Command, input: &str) -> Output {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(input.as_bytes()).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    command.stdin(file).output().unwrap()
}

/// An object of ours.
pub(crate) fn object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "nodemend.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

/// `base` with the members of `changes` in place of its own; `null` takes one away.
pub(crate) fn with(base: &Value, changes: &Value) -> Value {
    let mut object = base.clone();
    for (key, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(object.as_object_mut().unwrap().remove(key)),
            value => object[key] = value.clone(),
        }
    }
    object
}

fn rule_messages(value: &Value, messages: &mut Vec<String>) {
    let rules = value["x-kubernetes-validations"].as_array().into_iter().flatten();
    messages.extend(rules.map(|rule| rule["message"].as_str().unwrap().to_owned()));
    match value {
        Value::Object(members) => members.values().for_each(|member| rule_messages(member, messages)),
        Value::Array(items) => items.iter().for_each(|item| rule_messages(item, messages)),
        _ => {}
    }
}
