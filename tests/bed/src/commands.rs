//! What each subcommand of `bed` does.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nix::sys::signal::{SigSet, Signal};
use nodemend_bed::build::Binaries;
use nodemend_bed::image::BaseImage;
use nodemend_bed::oci::{Content, Image};
use nodemend_bed::scale::PlainNodes;
use nodemend_bed::state::{self, Owner, State};
use nodemend_bed::{Bed, BedConfig, Host, KubernetesRelease, deps, images};

use crate::cli::{self, Cli, Command, Down, FaultOnHost, Name, Run, Ssh, Up};

pub(crate) fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Deps => Ok(deps::ensure()?),
        Command::Build => build(),
        Command::Up(up) => start(up),
        Command::Down(down) => stop(&down),
        Command::Status => status(),
        Command::Env(Name { name }) => env(&name),
        Command::Kubectl(run) => kubectl(&run),
        Command::Exec(run) => exec(&run),
        Command::Ssh(target) => ssh(&target),
        Command::Image(image) => make_image(image),
        Command::Fault(request) => fault(&request),
    }
}

fn build() -> anyhow::Result<()> {
    deps::ensure()?;
    images::archives(&Binaries::build(KubernetesRelease::default())?)?;
    BaseImage::ensure()?;
    Ok(())
}

fn start(up: Up) -> anyhow::Result<()> {
    Bed::check_privileges()?;
    // Before signals are held back: a long build must end at Ctrl-C.
    build()?;
    let signals = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]);
    signals.thread_block()?;
    let started = Instant::now();
    let grace = Duration::from_secs(up.node_monitor_grace_period);
    let hosts = up.nodes.into_iter().flatten().collect();
    let config =
        BedConfig { name: up.bed.name, hosts, node_monitor_grace_period: grace, ..BedConfig::default() };
    let bed = Bed::start(&config)?;
    if up.plain_nodes > 0 {
        PlainNodes::new(up.plain_nodes).start(&bed)?;
    }
    let seconds = started.elapsed().as_secs_f32();
    let kubeconfig = bed.admin_kubeconfig().display();
    let news =
        format!("bed `{}` is up after {seconds:.1} s\nexport KUBECONFIG={kubeconfig}\n", bed.hub().bed);
    if up.detach {
        bed.detach()?;
        return print(&news);
    }
    print(&format!("{news}Ctrl-C stops it\n"))?;
    signals.wait()?;
    Ok(bed.stop()?)
}

fn stop(down: &Down) -> anyhow::Result<()> {
    let names = if down.all { state::beds() } else { vec![down.bed.name.clone()] };
    for name in names {
        state::stop(&name)?;
        print(&format!("bed `{name}` is stopped\n"))?;
    }
    Ok(())
}

fn status() -> anyhow::Result<()> {
    let beds = state::beds();
    if beds.is_empty() {
        return print("no bed is running; `bed up` starts one\n");
    }
    beds.iter()
        .try_for_each(|name| print(&format!("{name}\t{}\t{}\n", owner(name), state::folder(name).display())))
}

fn owner(name: &str) -> String {
    match State::read(name).map(|state| state.owner) {
        Ok(Owner::Detached) => "detached".to_owned(),
        Ok(owner @ Owner::Process { pid, .. }) if owner.is_alive() => format!("owned by process {pid}"),
        // Killed, or while it was being made: either way the next start removes it.
        _ => "left over; the next `bed up` removes it".to_owned(),
    }
}

fn env(name: &str) -> anyhow::Result<()> {
    let bed = Bed::attach(name)?;
    let (admin, controller) = (bed.admin_kubeconfig().display(), bed.controller_kubeconfig().display());
    print(&format!(
        "export NODEMEND_BED={name}\nexport KUBECONFIG={admin}\nexport NODEMEND_BED_CONTROLLER_KUBECONFIG={controller}\n"
    ))
}

/// Unlike `println!`, does not panic when the reader is gone.
fn print(text: &str) -> anyhow::Result<()> {
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

fn kubectl(run: &Run) -> anyhow::Result<()> {
    let bed = Bed::attach(&run.bed.name)?;
    become_program(bed.kubectl_as_admin().command().args(&run.arguments))
}

fn exec(run: &Run) -> anyhow::Result<()> {
    let bed = Bed::attach(&run.bed.name)?;
    let (program, arguments) =
        run.arguments.split_first().ok_or_else(|| anyhow::anyhow!("name a program to run"))?;
    become_program(bed.command(program).args(arguments))
}

fn ssh(target: &Ssh) -> anyhow::Result<()> {
    let bed = Bed::attach(&target.bed.name)?;
    let host = bed.host(&target.host)?;
    let access = host.ssh_access();
    let known_hosts = format!("UserKnownHostsFile={}", access.known_hosts().display());
    let mut command = bed.command("ssh");
    command
        .args(["-F", "none", "-o", "StrictHostKeyChecking=yes", "-o", &known_hosts, "-i"])
        .arg(access.client_key());
    command.arg(format!("{}@{}", host.spec().login, host.address())).args(&target.command);
    become_program(&mut command)
}

fn make_image(wanted: cli::Image) -> anyhow::Result<()> {
    let read = |path: &Path| std::fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let program = wanted.program.file_name().and_then(OsStr::to_str).context("the program has no name")?;
    let mut files =
        vec![Content { path: program.to_owned(), executable: true, bytes: read(&wanted.program)? }];
    for (file, path) in wanted.file {
        files.push(Content { path, executable: false, bytes: read(&file)? });
    }
    if let Some(folder) = wanted.output.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let image =
        Image { name: wanted.name, entrypoint: vec![format!("/{program}")], user: wanted.user, files };
    let digest =
        image.write(&wanted.output).with_context(|| format!("cannot write {}", wanted.output.display()))?;
    print(&format!("{} {digest} {}\n", image.name, wanted.output.display()))
}

fn fault(request: &FaultOnHost) -> anyhow::Result<()> {
    let bed = Bed::attach(&request.bed.name)?;
    let host = bed.host(&request.host)?;
    let change = if request.lift { Host::lift } else { Host::inject };
    change(host, request.fault)?;
    Ok(())
}

/// Replaces this process, so that signals, terminal and exit status are the program's own. Returns only an error.
fn become_program(command: &mut std::process::Command) -> anyhow::Result<()> {
    Err(command.exec().into())
}
