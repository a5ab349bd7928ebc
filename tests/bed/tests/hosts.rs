//! Hosts are real machines and real nodes: login, packages, PID 1, reboot, pods.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::process::Command;
use std::time::Duration;

use nodemend_bed::host::{Host, RunningSystemd};
use nodemend_bed::image::{NEW_SYSTEMD, OLD_SYSTEMD};
use nodemend_bed::workloads::{daemon_set, manifest};
use nodemend_bed::{Bed, BedConfig, HostSpec};

/// Five nodes are Ready within ten seconds on an idle machine; a minute is what the bed promises.
const NODES_READY: Duration = Duration::from_mins(1);
/// The API shows a reboot after two to four seconds.
const REBOOTED: Duration = Duration::from_secs(30);

fn running(version: &str, deleted: bool) -> RunningSystemd {
    RunningSystemd { version: Some(version.to_owned()), deleted }
}

fn node_field(bed: &Bed, node: &str, path: &str) -> String {
    bed.kubectl(&["get", "node", node, "-o", &format!("jsonpath={{{path}}}")]).unwrap()
}

#[test]
fn hosts_are_machines_and_nodes() {
    let specs: Vec<_> = (1..=5).map(|n| HostSpec::new(&format!("host-{n}"))).collect();
    let hosts =
        [specs, vec![HostSpec { pool: "batch".into(), zone: "zone-b".into(), ..HostSpec::new("labelled") }]];
    let bed = Bed::start(&BedConfig { name: "hosts".into(), hosts: hosts.concat(), ..BedConfig::default() });
    let bed = bed.unwrap();
    every_node_is_ready_with_a_pod(&bed);
    let host = bed.host("host-1").unwrap();
    the_login_is_an_unprivileged_user_of_an_el7_host(host);
    the_host_key_is_vouched_for_by_the_ca_alone(&bed, host);
    the_node_says_where_it_belongs(&bed, bed.host("labelled").unwrap());
    an_upgrade_replaces_the_running_manager(host);
    without_scriptlets_the_old_manager_goes_on(bed.host("host-2").unwrap());
    a_reboot_is_seen_by_the_api(&bed, host);
    power_loss_in_a_transaction_leaves_both_versions(&bed, bed.host("host-3").unwrap());
    a_reset_host_is_as_it_was_made(&bed, host);
}

fn every_node_is_ready_with_a_pod(bed: &Bed) {
    bed.kubectl(&["wait", "--for=condition=Ready", "node", "--all", "--timeout=60s"]).unwrap();
    bed.apply(&manifest([daemon_set("agent")])).unwrap();
    bed.wait_for("a ready pod on every node", NODES_READY, || {
        let ready = bed.kubectl(&["get", "daemonset", "agent", "-o", "jsonpath={.status.numberReady}"])?;
        Ok(ready == "6")
    })
    .unwrap();
}

fn the_login_is_an_unprivileged_user_of_an_el7_host(host: &Host) {
    let seen = host
        .ssh("id -un; id -u; sudo id -u; . /etc/os-release; echo $ID $VERSION_ID; cat /proc/1/comm")
        .unwrap();
    assert_eq!(seen.stdout, "nodemend\n1000\n0\ncentos 7\nsystemd\n", "{}", seen.stderr);
    let refused = host.ssh("cat /etc/shadow").unwrap();
    assert!(!refused.success(), "the user reads root's files without sudo");
    let programs = host.ssh("command -v yum rpm; command -v dnf dnf-3").unwrap();
    assert_eq!(programs.stdout, "/usr/bin/yum\n/usr/bin/rpm\n", "el7 has yum and rpm, and no dnf");
}

/// The key is shown to a client that trusts another CA, and to one that has the very key in its known hosts.
fn the_host_key_is_vouched_for_by_the_ca_alone(bed: &Bed, host: &Host) {
    let folder = tempfile::tempdir().unwrap();
    let stranger = folder.path().join("ca");
    let mut generate = Command::new("ssh-keygen");
    assert!(
        generate.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&stranger).status().unwrap().success()
    );
    let key = std::fs::read_to_string(stranger.with_extension("pub")).unwrap();
    let known_hosts = folder.path().join("known_hosts");
    std::fs::write(&known_hosts, format!("@cert-authority * {key}")).unwrap();
    assert_eq!(login(bed, host, &known_hosts), Some(255), "a key of another CA is accepted");
    let key = host.ssh("cat /etc/ssh/ssh_host_ed25519_key.pub").unwrap().stdout;
    std::fs::write(&known_hosts, format!("{} {key}", host.address())).unwrap();
    assert_eq!(login(bed, host, &known_hosts), Some(0), "the host's own key is not accepted");
}

/// The exit status of a login with another file of known hosts.
fn login(bed: &Bed, host: &Host, known_hosts: &std::path::Path) -> Option<i32> {
    let mut ssh = bed.command("ssh");
    ssh.args(["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-i"]);
    ssh.arg(host.ssh_access().client_key())
        .arg("-o")
        .arg(format!("UserKnownHostsFile={}", known_hosts.display()));
    ssh.arg(format!("{}@{}", host.spec().login, host.address())).arg("true");
    ssh.output().unwrap().status.code()
}

fn the_node_says_where_it_belongs(bed: &Bed, host: &Host) {
    let labels = node_field(bed, host.name(), ".metadata.labels");
    assert!(labels.contains(r#""nodemend.test/pool":"batch""#), "{labels}");
    assert!(labels.contains(r#""topology.kubernetes.io/zone":"zone-b""#), "{labels}");
    assert_eq!(node_field(bed, host.name(), ".spec.providerID"), "bed://hosts/labelled");
    let address = r#".status.addresses[?(@.type=="InternalIP")].address"#;
    assert_eq!(node_field(bed, host.name(), address), host.address().to_string());
}

fn an_upgrade_replaces_the_running_manager(host: &Host) {
    assert_eq!(host.installed_systemd().unwrap(), OLD_SYSTEMD);
    assert_eq!(host.running_systemd().unwrap(), running(OLD_SYSTEMD, false));
    let boot_id = host.boot_id().unwrap();
    let upgrade = host.ssh(&format!("sudo yum -y -q upgrade systemd-{NEW_SYSTEMD}")).unwrap();
    assert!(upgrade.success(), "{}", upgrade.stderr);
    assert_eq!(host.installed_systemd().unwrap(), NEW_SYSTEMD);
    assert_eq!(host.running_systemd().unwrap(), running(NEW_SYSTEMD, false));
    assert_eq!(host.boot_id().unwrap(), boot_id, "the scriptlet makes the manager anew, not the boot");
}

fn without_scriptlets_the_old_manager_goes_on(host: &Host) {
    let upgrade = format!("sudo yum -y -q --setopt=tsflags=noscripts upgrade systemd-{NEW_SYSTEMD}");
    assert!(host.ssh(&upgrade).unwrap().success());
    assert_eq!(host.installed_systemd().unwrap(), NEW_SYSTEMD);
    assert_eq!(host.running_systemd().unwrap(), running(OLD_SYSTEMD, true));
    host.ssh("sudo systemctl daemon-reexec").unwrap();
    assert_eq!(host.running_systemd().unwrap(), running(NEW_SYSTEMD, false));
}

fn a_reboot_is_seen_by_the_api(bed: &Bed, host: &Host) {
    let before = host.boot_id().unwrap();
    assert_eq!(node_field(bed, host.name(), ".status.nodeInfo.bootID"), before);
    host.ssh("sudo systemctl reboot").unwrap();
    host.wait_for_reboot(&before, REBOOTED).unwrap();
    let after = host.boot_id().unwrap();
    bed.wait_for("the new boot id in the API", REBOOTED, || {
        Ok(node_field(bed, host.name(), ".status.nodeInfo.bootID") == after)
    })
    .unwrap();
    bed.wait_for("the kubelet's own event", REBOOTED, || {
        let selector = format!("reason=Rebooted,involvedObject.name={}", host.name());
        let arguments =
            ["get", "events", "-A", "--field-selector", &selector, "-o", "jsonpath={.items[*].message}"];
        Ok(bed.kubectl(&arguments)?.contains(&after))
    })
    .unwrap();
    assert_eq!(host.running_systemd().unwrap(), running(NEW_SYSTEMD, false), "the disk outlives a reboot");
}

/// The scriptlet waits until the power goes; when it runs, the new version is recorded and the old one not yet removed.
fn power_loss_in_a_transaction_leaves_both_versions(bed: &Bed, host: &Host) {
    let waiting = "219-78.el7_9.13";
    let package = nodemend_bed::image::systemd_package(host.base_image(), waiting).unwrap();
    let repository = nodemend_bed::image::Repository::of(bed.hub(), host.base_image());
    repository.add(&package.post("touch /run/in-scriptlet; exec sleep infinity")).unwrap();
    host.ssh(&format!("setsid -f sudo yum -y -q upgrade systemd-{waiting} </dev/null >/dev/null 2>&1"))
        .unwrap();
    host.wait("the scriptlet", REBOOTED, |host| host.run_checked("test -e /run/in-scriptlet").is_ok())
        .unwrap();
    host.power_off().unwrap();
    assert!(host.ssh("true").is_err(), "a host without power answers");
    host.power_on().unwrap();
    assert_eq!(host.installed_systemd().unwrap(), format!("{OLD_SYSTEMD}\n{waiting}"));
    assert_eq!(host.running_systemd().unwrap(), running(waiting, false));
    repository.remove(&format!("systemd-{waiting}")).unwrap();
}

fn a_reset_host_is_as_it_was_made(bed: &Bed, host: &Host) {
    host.ssh("touch left-behind").unwrap();
    host.reset().unwrap();
    assert_eq!(host.installed_systemd().unwrap(), OLD_SYSTEMD);
    assert_eq!(host.running_systemd().unwrap(), running(OLD_SYSTEMD, false));
    assert!(!host.ssh("test -e left-behind").unwrap().success());
    let boot_id = host.boot_id().unwrap();
    bed.wait_for("the node under its new boot id", REBOOTED, || {
        Ok(node_field(bed, host.name(), ".status.nodeInfo.bootID") == boot_id)
    })
    .unwrap();
}
