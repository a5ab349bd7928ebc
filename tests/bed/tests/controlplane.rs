//! The control plane is real, reachable from an ordinary shell, and leaves nothing behind.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nodemend_bed::{Bed, BedConfig, BedError, state};

fn start(name: &str) -> Bed {
    Bed::start(&BedConfig { name: name.into(), ..BedConfig::default() }).unwrap()
}

/// Network namespaces of a bed, and whether its control group and folder exist.
fn traces(name: &str) -> (BTreeSet<String>, bool, bool) {
    let prefix = format!("nmbed-{name}-");
    let names = fs::read_dir("/run/netns").into_iter().flatten().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    let group = nodemend_bed::cgroup::Cgroup::for_bed(name);
    (
        names.filter(|name| name.starts_with(&prefix)).collect(),
        group.path().exists(),
        state::folder(name).exists(),
    )
}

const NOTHING: (BTreeSet<String>, bool, bool) = (BTreeSet::new(), false, false);

#[test]
fn a_bed_is_a_real_cluster_and_leaves_nothing_behind() {
    let bed = start("cpreal");
    let version: serde_json::Value =
        serde_json::from_str(&bed.kubectl(&["version", "-o", "json"]).unwrap()).unwrap();
    assert_eq!(version["serverVersion"]["gitVersion"], "v1.36.3");
    assert_eq!(version["serverVersion"]["minor"], "36");
    anonymous_is_refused(&bed);
    the_controller_has_no_rights(&bed);
    both_sides_use_one_kubeconfig(&bed);
    bed.stop().unwrap();
    assert_eq!(traces("cpreal"), NOTHING);
}

/// The API server knows no basic authentication, so a request with a password is one of nobody. With anonymous requests
/// on, `/version` would be answered.
fn anonymous_is_refused(bed: &Bed) {
    let nobody = bed.dir().join("nobody.kubeconfig");
    fs::copy(bed.admin_kubeconfig(), &nobody).unwrap();
    let nobody = bed.kubectl_as_admin().with_kubeconfig(&nobody);
    nobody.run(&["config", "delete-user", "bed"]).unwrap();
    nobody.run(&["config", "set-credentials", "bed", "--username=nobody", "--password=none"]).unwrap();
    let refused = nobody.run(&["get", "--raw", "/version"]).unwrap_err().to_string();
    assert!(refused.contains("Unauthorized") || refused.contains("must be logged in"), "{refused}");
}

fn the_controller_has_no_rights(bed: &Bed) {
    let controller = bed.kubectl_as_admin().with_kubeconfig(bed.controller_kubeconfig());
    let who = controller.run(&["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"]).unwrap();
    assert_eq!(who, "system:serviceaccount:nodemend-system:nodemend");
    let refused = controller.run(&["get", "nodes"]).unwrap_err().to_string();
    assert!(refused.contains("Forbidden") && refused.contains("nodes"), "{refused}");
}

/// The same file works in the machine's own namespace and inside the hub.
fn both_sides_use_one_kubeconfig(bed: &Bed) {
    let kubectl = bed.hub().binaries.control_plane("kubectl");
    for mut command in [Command::new(&kubectl), bed.command(&kubectl)] {
        command.env("KUBECONFIG", bed.admin_kubeconfig()).args(["get", "--raw", "/readyz"]);
        let output = command.output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "ok", "{output:?}");
    }
}

#[test]
fn the_audit_log_shows_what_was_patched_on_a_node_and_by_whom() {
    let bed = start("cpaudit");
    bed.apply("{apiVersion: v1, kind: Node, metadata: {name: witness}}").unwrap();
    bed.kubectl(&["cordon", "witness"]).unwrap();
    let cordons = |bed: &Bed| -> Result<bool, BedError> {
        Ok(bed.audit_events()?.iter().any(|event| {
            event["verb"] == "patch"
                && event["objectRef"]["name"] == "witness"
                && event["user"]["username"] == "admin"
                && event["requestObject"]["spec"]["unschedulable"] == true
        }))
    };
    bed.wait_for("the cordon in the audit log", Duration::from_secs(5), || cordons(&bed)).unwrap();
}

#[test]
fn two_beds_run_side_by_side() {
    let (one, two) = (start("cpone"), start("cptwo"));
    one.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: here}}").unwrap();
    assert!(one.kubectl(&["get", "configmap", "here"]).is_ok());
    let absent = two.kubectl(&["get", "configmap", "here"]).unwrap_err().to_string();
    assert!(absent.contains("NotFound"), "{absent}");
    let taken =
        Bed::start(&BedConfig { name: "cpone".into(), ..BedConfig::default() }).unwrap_err().to_string();
    assert!(taken.contains("belongs to process"), "{taken}");
    drop(one);
    assert_eq!(traces("cpone"), NOTHING);
    assert_eq!(two.kubectl(&["get", "--raw", "/readyz"]).unwrap(), "ok");
}

#[test]
fn the_next_start_sweeps_the_bed_of_a_killed_process() {
    let mut owner = Command::new(env!("CARGO_BIN_EXE_bed"))
        .args(["up", "--name", "cpkilled"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for_line(&mut owner, "is up after");
    owner.kill().unwrap();
    owner.wait().unwrap();
    assert!(!processes_in("cpkilled").is_empty(), "the bed outlives its killed owner until it is swept");
    let _other = start("cpsweeper");
    assert_eq!(traces("cpkilled"), NOTHING);
}

#[test]
fn a_detached_bed_stays_until_it_is_taken_down() {
    let bed = |arguments: &[&str]| Command::new(env!("CARGO_BIN_EXE_bed")).args(arguments).output().unwrap();
    let up = bed(&["up", "--name", "cpdetached", "--detach"]);
    assert!(up.status.success(), "{up:?}");
    let _other = start("cpbystander");
    let nodes = bed(&["kubectl", "--name", "cpdetached", "get", "--raw", "/readyz"]);
    let inside = bed(&["exec", "--name", "cpdetached", "--", "ip", "-brief", "address", "show", "br0"]);
    let down = bed(&["down", "--name", "cpdetached"]);
    assert_eq!(String::from_utf8_lossy(&nodes.stdout), "ok", "{nodes:?}");
    assert!(String::from_utf8_lossy(&inside.stdout).contains("10.200.0.1/24"), "{inside:?}");
    assert!(down.status.success(), "{down:?}");
    assert_eq!(traces("cpdetached"), NOTHING);
}

#[test]
fn a_failed_start_names_the_cause_and_leaves_nothing() {
    let error = Bed::start(&BedConfig { name: "not-a-name".into(), ..BedConfig::default() }).unwrap_err();
    assert!(error.to_string().contains("`not-a-name` is not a bed name"), "{error}");
    assert_eq!(traces("not-a-name"), NOTHING);
}

fn processes_in(name: &str) -> String {
    let group = nodemend_bed::cgroup::Cgroup::for_bed(name).child("hub");
    fs::read_to_string(group.procs_file()).unwrap()
}

/// Reads a process's output until a line holds `text`; ends with the process.
fn wait_for_line(process: &mut Child, text: &str) {
    let output = process.stdout.take().unwrap();
    let found = BufReader::new(output).lines().map_while(Result::ok).any(|line| line.contains(text));
    assert!(found, "the process ended before it said `{text}`");
}
