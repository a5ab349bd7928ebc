//! `make demo`: a pool of four old nodes, one with a hung PID 1, heals itself in front of you.
//!
//! The bed stays when it is over. A second run puts the hosts back to the old systemd and repairs them again.

mod again;
mod cast;
mod show;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use jiff::Timestamp;
use nodemend_bed::fault::Fault;
use nodemend_bed::{Bed, BedConfig, state};
use nodemend_e2e::journal::Run;
use nodemend_e2e::{Stage, interrupt, objects, program};

/// The bed's name.
const BED: &str = "demo";

fn main() -> anyhow::Result<()> {
    match std::env::args().nth(1).as_deref() {
        None => play(),
        Some("down") => take_down(),
        Some(other) => bail!("`{other}` is not known; `demo` plays the demo, `demo down` takes it away"),
    }
}

fn take_down() -> anyhow::Result<()> {
    Bed::check_privileges()?;
    let _lock = only_one()?;
    std::fs::remove_file(lock_path())?;
    if !state::beds().iter().any(|bed| bed == BED) {
        println!("there is no demo to take down; `make demo` starts it");
        return Ok(());
    }
    state::stop(BED)?;
    println!("the demo is gone: no process, namespace, mount or folder of it is left");
    Ok(())
}

fn play() -> anyhow::Result<()> {
    Bed::check_privileges()?;
    let _lock = only_one()?;
    let started = Instant::now();
    let stage = Arc::new(stage()?);
    end_at_signal(Arc::clone(&stage))?;
    let healed = heal(&stage, started);
    let stopped = stage.stop_controller();
    healed?;
    Ok(stopped?)
}

/// Two demos would play on one bed. The lock goes with the process that holds it.
fn only_one() -> anyhow::Result<File> {
    std::fs::create_dir_all(state::root())?;
    let file = File::options().create(true).append(true).open(lock_path())?;
    file.try_lock().context("another demo is running: wait until it is over, or end it with Ctrl-C")?;
    Ok(file)
}

fn lock_path() -> PathBuf {
    state::root().join("demo.lock")
}

/// From here on Ctrl-C ends the controller first, then the demo.
fn end_at_signal(stage: Arc<Stage>) -> std::io::Result<()> {
    interrupt::end_at_signal(move || {
        eprintln!("\nended; `make demo` starts over, `make demo-down` takes everything away");
        // The demo ends either way, and the next one ends what is left.
        let _ = stage.stop_controller();
    })
}

/// The demo's bed with everything installed, and hosts as they were made.
fn stage() -> anyhow::Result<Stage> {
    if let Ok(bed) = Bed::attach(BED)
        && bed.kubectl(&["get", "--raw", "/readyz", "--request-timeout=5s"]).is_ok()
    {
        step("The demo's cluster is there: putting its hosts back to systemd 219-62.el7");
        let stage = Stage::on(bed)?;
        again::put_back(&stage)?;
        stage.install()?;
        return Ok(stage);
    }
    step("Starting a cluster: etcd, API server, and five nodes with systemd, SSH, containerd and a kubelet");
    let config = BedConfig { name: BED.to_owned(), hosts: cast::hosts(), ..BedConfig::default() };
    Bed::start(&config)?.detach()?;
    let stage = Stage::on(Bed::attach(BED)?)?;
    step("Installing kinds, the controller's restricted identity, and playbooks");
    stage.install()?;
    Ok(stage)
}

fn heal(stage: &Stage, started: Instant) -> anyhow::Result<()> {
    step("Pods on the nodes: two Deployments, a DaemonSet, a PodDisruptionBudget");
    cast::workloads(stage)?;
    step(&format!("PID 1 of {} stops answering", cast::HUNG));
    stage.host(cast::HUNG)?.inject(Fault::Pid1Hung)?;
    let before = show::states(stage)?;
    show::before(&before);
    step("A RepairGuard, a RepairPool, and the controller, which reads the hosts over SSH");
    let start = Timestamp::now();
    stage.apply([objects::guard(), cast::pool(stage)])?;
    stage.start_controller()?;
    stage.reported(&cast::NODES, start)?;
    show::findings(stage)?;
    step("A RepairPolicy: systemd of pool `web` is to be 219-78.el7_9.9, at most two nodes at a time");
    stage.apply([objects::policy(cast::POOL, "^1.0")])?;
    let new = |run: &Run| !run.is_over();
    let run = stage.run_that(cast::POOL, "has begun", Duration::from_secs(30), new)?;
    watch(stage, run.name())?;
    let settled = |r: &Run| r.name() == run.name() && (r.is_over() || r.phase() == "Stopped");
    let run = stage.run_that(cast::POOL, "is over or stopped", cast::HEALED, settled)?;
    show::proof(stage, &before, start)?;
    if run.phase() != "Succeeded" {
        bail!("run {} ended as {}: {}\n{}", run.name(), run.phase(), run.message(), stage.situation());
    }
    println!("\n{} nodes healed in {} s, all in all.", cast::NODES.len(), started.elapsed().as_secs());
    look_around(stage.bed().admin_kubeconfig(), run.name())
}

/// The operator's own view of the run, live.
fn watch(stage: &Stage, run: &str) -> anyhow::Result<()> {
    step(&format!("nodemend watch {run}"));
    let mut watch = program::command(stage.bed().admin_kubeconfig())?;
    let status = watch.args(["watch", run]).stdout(Stdio::inherit()).stderr(Stdio::inherit()).status();
    // Its exit status is about the run, which is looked at by itself.
    status.context("cannot run `nodemend watch`").map(drop)
}

fn look_around(kubeconfig: &Path, run: &str) -> anyhow::Result<()> {
    let nodemend = program::nodemend()?;
    // Both are where cargo puts programs; `make demo` builds both.
    let bed = nodemend.with_file_name("bed");
    let (kubeconfig, nodemend, bed) = (kubeconfig.display(), nodemend.display(), bed.display());
    println!(
        "\nThe cluster stays; its controller is stopped. Look around:\n\
         \n  export KUBECONFIG={kubeconfig}\n  {nodemend} get runs\n  {nodemend} get run {run}\
         \n  {bed} kubectl --name {BED} get repairpools,repairruns,remediations,diagnosisreports\n\
         \n`make demo` puts the hosts back and heals them again, `make demo-down` takes everything away."
    );
    Ok(())
}

/// Says what comes next.
fn step(text: &str) {
    println!("\n==> {text}");
}
