//! A control plane with a pool of two nodes, and the tool to ask it with.

use std::process::{Command, Output, Stdio};

use nodemend_bed::{Bed, BedConfig};
use serde_json::{Value, json};

/// The nodes; `web-1` fails a check.
pub(crate) const NODES: [&str; 2] = ["web-1", "web-2"];
/// The check.
pub(crate) const CHECK: &str = "insp.version.systemd";

/// What the tool answered.
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) struct Cluster {
    bed: Bed,
}

impl Cluster {
    pub(crate) fn start(name: &str) -> Self {
        Self { bed: Bed::start(&BedConfig { name: name.to_owned(), ..BedConfig::default() }).unwrap() }
    }

    pub(crate) fn stop(self) {
        self.bed.stop().unwrap();
    }

    /// The tool, ready to be run as the administrator, without a terminal.
    pub(crate) fn tool(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nodemend"));
        command.args(arguments).env("KUBECONFIG", self.bed.admin_kubeconfig()).stdin(Stdio::null());
        command
    }

    /// Runs the tool to its end.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Answer {
        let Output { status, stdout, stderr } = self.tool(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Answer { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
    }

    /// Runs the tool, which has to succeed.
    pub(crate) fn says(&self, arguments: &[&str]) -> String {
        let answer = self.ask(arguments);
        assert_eq!(answer.code, Some(0), "{arguments:?}\n{}{}", answer.stdout, answer.stderr);
        answer.stdout
    }

    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        self.bed.kubectl(arguments).unwrap()
    }

    pub(crate) fn object(&self, kind: &str, name: &str) -> Value {
        serde_json::from_str(&self.kubectl(&["get", kind, name, "-o", "json"])).unwrap()
    }

    pub(crate) fn names(&self, kind: &str) -> Vec<String> {
        let list = self.kubectl(&["get", kind, "-o", "name"]);
        list.lines().map(|line| line.rsplit('/').next().unwrap().to_owned()).collect()
    }

    pub(crate) fn patch_status(&self, kind: &str, name: &str, status: &Value) {
        let patch = json!({"status": status}).to_string();
        self.kubectl(&["patch", kind, name, "--subresource=status", "--type=merge", "-p", &patch]);
    }

    /// Kinds, playbooks, a pool, a policy, two nodes and a report on one of them. No guard.
    pub(crate) fn furnish(&self) {
        self.bed.apply(&self.says(&["install"])).unwrap();
        self.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"]);
        self.bed.apply(&self.says(&["playbook", "builtin"])).unwrap();
        for object in [pool(), policy()].into_iter().chain(NODES.map(node)) {
            self.bed.apply(&object.to_string()).unwrap();
        }
        let ready = json!({
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": ""}],
            "nodeInfo": {"architecture": "amd64"},
        });
        for node in NODES {
            self.patch_status("node", node, &ready);
        }
        self.report();
    }

    fn report(&self) {
        let uid = self.object("node", NODES[0])["metadata"]["uid"].as_str().unwrap().to_owned();
        let name = format!("{uid}.prober");
        let report = json!({
            "apiVersion": "nodemend.dev/v1alpha1", "kind": "DiagnosisReport", "metadata": {"name": name},
            "spec": {"subject": {"kind": "Node", "name": NODES[0], "uid": uid}, "source": "prober"},
        });
        self.bed.apply(&report.to_string()).unwrap();
        let result = json!({
            "check": CHECK, "state": "Fail", "severity": "Error", "message": "systemd 219-62.el7 is affected",
            "fingerprint": "sha256:f", "failingSince": "2026-01-31T20:00:00Z", "observedAt": "2026-01-31T21:00:00Z",
        });
        let status = json!({"results": [result], "expiresAt": "2126-01-31T22:00:00Z", "failing": 1});
        self.patch_status("diagnosisreport", &name, &status);
    }
}

fn node(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {"pool": "web"}}})
}

fn pool() -> Value {
    json!({
        "apiVersion": "nodemend.dev/v1alpha1", "kind": "RepairPool", "metadata": {"name": "web"},
        "spec": {
            "nodeSelector": {"matchLabels": {"pool": "web"}},
            "access": {"observe": {"none": {}}, "repair": {"none": {}}},
            "budget": {"maxUnavailable": 1},
            "approval": "Never",
        },
    })
}

fn policy() -> Value {
    json!({
        "apiVersion": "nodemend.dev/v1alpha1", "kind": "RepairPolicy", "metadata": {"name": "old-systemd"},
        "spec": {
            "match": {"findings": [{"check": CHECK}]},
            "pools": ["web"],
            "playbook": {"name": "upgrade-systemd", "version": "^1.0"},
            "parameters": {"targetVersion": "219-78.el7_9.9"},
        },
    })
}
