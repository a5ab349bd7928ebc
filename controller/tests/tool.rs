//! The tool without a cluster: what it checks, what it prints, and how it says that nobody answers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn nodemend(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nodemend"));
    command.args(arguments).env_remove("KUBECONFIG").env("HOME", "/nonexistent").output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn released() -> [PathBuf; 2] {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../playbooks");
    ["upgrade-systemd", "drain-and-reboot"].map(|name| folder.join(name).join("1.0.0.yaml"))
}

#[test]
fn released_playbooks_are_in_order() {
    let [upgrade, reboot] = released();
    let output = nodemend(&["playbook", "lint", upgrade.to_str().unwrap(), reboot.to_str().unwrap()]);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), ""), "{}", stderr(&output));
}

#[test]
fn every_fault_of_a_file_is_a_line_that_an_editor_can_follow() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.yaml");
    let [upgrade, _] = released();
    let text = std::fs::read_to_string(upgrade).unwrap();
    let bad = text.replace("risk: High", "risk: Enormous").replace("phase: Prepare", "phase: Release");
    std::fs::write(&file, bad).unwrap();
    let output = nodemend(&["playbook", "lint", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let found = stdout(&output);
    let line_of = |word: &str| text.lines().position(|line| line.contains(word)).unwrap() + 1;
    for fault in [line_of("risk: High"), line_of("phase: Prepare")] {
        let place = format!("{}:{fault}:", file.display());
        assert!(found.lines().any(|line| line.starts_with(&place)), "no fault at {place}\n{found}");
    }
    assert_eq!(nodemend(&["playbook", "lint", "/nonexistent.yaml"]).status.code(), Some(2));
}

#[test]
fn what_install_prints_has_the_kinds_and_the_identity_and_no_object_of_them() {
    let text = stdout(&nodemend(&["install"]));
    let kinds = stdout(&nodemend(&["crds"]));
    assert!(text.starts_with(&kinds), "the kinds come first");
    for kind in ["Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"] {
        assert!(text.contains(&format!("\nkind: {kind}\n")), "{kind}");
    }
    assert!(
        !text.contains("\nkind: RepairGuard\n"),
        "whether anything may be repaired is the operator's word"
    );
}

#[test]
fn built_in_playbooks_are_printed_as_they_are_released() {
    let printed = stdout(&nodemend(&["playbook", "builtin"]));
    for file in released() {
        assert!(printed.contains(&std::fs::read_to_string(&file).unwrap()), "{}", file.display());
    }
}

#[test]
fn without_a_cluster_the_answer_names_what_to_do() {
    let output = nodemend(&["get", "nodes"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("next: name another with --kubeconfig"), "{}", stderr(&output));
    let output = nodemend(&["--kubeconfig", "/nonexistent", "get", "nodes"]);
    assert!(stderr(&output).contains("error: --kubeconfig /nonexistent: "), "{}", stderr(&output));
}

#[test]
fn an_api_server_that_does_not_answer_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kubeconfig");
    // Port 1 of the loopback device: nothing listens there.
    let text = "{clusters: [{name: a, cluster: {server: 'https://127.0.0.1:1'}}], users: [{name: a, user: {}}], \
                contexts: [{name: a, context: {cluster: a, user: a}}], current-context: a}";
    std::fs::write(&file, text).unwrap();
    let output = nodemend(&["--kubeconfig", file.to_str().unwrap(), "get", "runs"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("no answer from the API server https://127.0.0.1:1"),
        "{}",
        stderr(&output)
    );
}
