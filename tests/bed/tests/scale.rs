//! Plain nodes stay Ready, run pods and let go of them; the hosts behind them answer SSH, each for itself.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::collections::BTreeSet;
use std::process::{Command, Output};
use std::time::Duration;

use nodemend_bed::host::SshAccess;
use nodemend_bed::image::{NEW_SYSTEMD, OLD_SYSTEMD};
use nodemend_bed::process;
use nodemend_bed::scale::{LOGIN, PlainFault, PlainHosts, PlainNodes};
use nodemend_bed::workloads::{deployment, manifest};
use nodemend_bed::{Bed, BedConfig, BedError};

const NODES: usize = 60;
/// Leases are renewed every 10 s; short, so that the test outlives it and finds nodes whose leases are not.
const GRACE: Duration = Duration::from_secs(20);
const DEADLINE: Duration = Duration::from_secs(30);

fn count(bed: &Bed, arguments: &[&str]) -> Result<usize, BedError> {
    Ok(bed.kubectl(arguments)?.lines().count())
}

#[test]
fn plain_nodes_stay_ready_and_run_pods() {
    let config = BedConfig { name: "scale".into(), node_monitor_grace_period: GRACE, ..BedConfig::default() };
    let bed = Bed::start(&config).unwrap();
    PlainNodes::new(NODES).start(&bed).unwrap();
    assert_eq!(bed.ready_nodes().unwrap().len(), NODES);
    bed.apply(&manifest([deployment("web", 100, "workers")])).unwrap();
    let running = ["get", "pods", "--field-selector=status.phase=Running", "-o", "name"];
    bed.wait_for("all pods to run", DEADLINE, || Ok(count(&bed, &running)? == 100)).unwrap();
    bed.kubectl(&["scale", "deployment", "web", "--replicas=0"]).unwrap();
    bed.wait_for("all pods to end", DEADLINE, || Ok(count(&bed, &["get", "pods", "-o", "name"])? == 0))
        .unwrap();
    leases_are_renewed(&bed);
    assert_eq!(bed.ready_nodes().unwrap().len(), NODES);
}

/// Every lease is renewed three times, which takes longer than the grace period.
fn leases_are_renewed(bed: &Bed) {
    let renewed = "jsonpath={range .items[*]}{.spec.renewTime}{\"\\n\"}{end}";
    let times = || bed.kubectl(&["get", "leases", "-n", "kube-node-lease", "-o", renewed]);
    for _ in 0..3 {
        let before: Vec<_> = times().unwrap().lines().map(str::to_owned).collect();
        assert_eq!(before.len(), NODES);
        bed.wait_for("every lease to be renewed", DEADLINE, || {
            Ok(times()?.lines().zip(&before).all(|(now, before)| now != before))
        })
        .unwrap();
    }
}

const HOSTS: usize = 200;
/// The beginning of what the controller sends as its command.
const PROGRAM: &str = "exec sudo -n /bin/sh -c 'eval \"$1\"' nodemend '#'";

/// One request, as a frame of keys and base64 values, to one host over SSH with its certificate checked.
fn ask(bed: &Bed, number: usize, lines: &[&str]) -> Output {
    let (access, address) = (SshAccess::of(bed.hub()), PlainHosts::address(number));
    let request = format!("printf '%s\\n' {} end", lines.join(" "));
    let options =
        "-F none -o BatchMode=yes -o StrictHostKeyChecking=yes -o LogLevel=ERROR -o ConnectTimeout=5";
    let (key, known) = (access.client_key(), access.known_hosts());
    let ssh = format!("ssh {options} -i {} -o UserKnownHostsFile={}", key.display(), known.display());
    let mut shell: Command = bed.command("sh");
    shell.arg("-c").arg(format!("{request} | {ssh} {LOGIN}@{address} \"$0\"")).arg(PROGRAM);
    process::output(&mut shell).unwrap()
}

fn answer(bed: &Bed, number: usize, lines: &[&str]) -> String {
    let output = ask(bed, number, lines);
    assert!(output.status.success(), "host {number}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// `reboot`, `package-install`, `systemd` and epoch 1 in base64.
fn launch(intent: &str, job: &[&'static str]) -> Vec<String> {
    let intent = format!("intent={intent}");
    ["launch", "epoch=MQ==", &intent].iter().chain(job).map(|line| (*line).to_owned()).collect()
}

#[test]
fn hosts_of_plain_nodes_are_reached_each_for_itself() {
    let bed = Bed::start(&BedConfig { name: "scalehosts".into(), ..BedConfig::default() }).unwrap();
    let hosts = PlainNodes::new(HOSTS).start(&bed).unwrap();
    let boots: BTreeSet<_> = (0..HOSTS)
        .map(|number| {
            let facts = answer(&bed, number, &["facts"]);
            facts.lines().find(|line| line.starts_with("boot-id=")).unwrap().to_owned()
        })
        .collect();
    assert_eq!(boots.len(), HOSTS, "each address has a boot of its own");
    a_package_and_a_restart_change_one_host(&bed, &hosts);
    faults_show(&bed, &hosts);
}

fn send(bed: &Bed, number: usize, request: &[String]) -> String {
    answer(bed, number, &request.iter().map(String::as_str).collect::<Vec<_>>())
}

const INSTALL: [&str; 3] = ["kind=cGFja2FnZS1pbnN0YWxs", "name=c3lzdGVtZA==", "version=MjE5LTc4LmVsN185Ljk="];
const REBOOT: [&str; 2] = ["kind=cmVib290", "grace=MTIw"];

fn a_package_and_a_restart_change_one_host(bed: &Bed, hosts: &PlainHosts) {
    let before = (hosts.state(7).unwrap(), hosts.state(8).unwrap());
    let install = launch("YQ==", &INSTALL);
    assert_eq!(send(bed, 7, &install), "state=bGF1bmNoZWQ=\nend\n");
    assert_eq!(send(bed, 7, &install), "state=YWxyZWFkeQ==\nend\n", "an intent starts once");
    let installed = || Ok(hosts.state(7)?.installed == NEW_SYSTEMD);
    bed.wait_for("the installation", DEADLINE, installed).unwrap();
    assert_eq!(hosts.state(7).unwrap().running, OLD_SYSTEMD, "until the machine restarts");
    send(bed, 7, &launch("Yg==", &REBOOT));
    let name = PlainNodes::name(7);
    bed.wait_for("the node not to be Ready", DEADLINE, || Ok(!bed.ready_nodes()?.contains(&name))).unwrap();
    bed.wait_for("the node to be Ready again", DEADLINE, || Ok(bed.ready_nodes()?.contains(&name))).unwrap();
    let after = hosts.state(7).unwrap();
    assert_eq!((after.reboots, after.running.as_str()), (1, NEW_SYSTEMD));
    let told = bed.kubectl(&["get", "node", &name, "-o", "jsonpath={.status.nodeInfo.bootID}"]).unwrap();
    assert_eq!(told, after.boot_id);
    assert_ne!(before.0.boot_id, after.boot_id);
    assert_eq!(hosts.state(8).unwrap(), before.1, "its neighbour is as it was");
}

fn faults_show(bed: &Bed, hosts: &PlainHosts) {
    hosts.inject(20, PlainFault::Unreachable).unwrap();
    assert!(!ask(bed, 20, &["facts"]).status.success());
    hosts.lift(20, PlainFault::Unreachable).unwrap();
    answer(bed, 20, &["facts"]);
    hosts.inject(21, PlainFault::InstallFails).unwrap();
    send(bed, 21, &launch("YQ==", &INSTALL));
    let probe = ["probe", "epoch=MQ==", "intent=YQ=="];
    let failed = || Ok(answer(bed, 21, &probe).contains("code=MQ=="));
    bed.wait_for("the installation to fail", DEADLINE, failed).unwrap();
    assert_eq!(hosts.state(21).unwrap().installed, OLD_SYSTEMD);
    hosts.inject(22, PlainFault::RebootNeverReturns).unwrap();
    send(bed, 22, &launch("Yg==", &REBOOT));
    let down = || Ok(!ask(bed, 22, &["facts"]).status.success());
    bed.wait_for("the host to go down", DEADLINE, down).unwrap();
    assert!(hosts.state(PlainNodes::new(HOSTS).count).is_err(), "there is no such host");
}
