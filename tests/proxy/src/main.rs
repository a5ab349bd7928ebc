//! `fault-proxy`: both proxies on their own, for a controller and a cluster that somebody else has started.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use nodemend_proxy::{ApiProxy, Engine, Identity, Plan, Seen, SshProxy, Upstream};
use tokio::net::TcpListener;

/// Faults between a controller and its API server and hosts, exactly where a plan says.
#[derive(Debug, Parser)]
struct Flags {
    /// The real API server
    #[arg(long, value_name = "ADDRESS:PORT")]
    server: SocketAddr,
    /// The CA that has signed its certificate
    #[arg(long, value_name = "FILE")]
    ca: PathBuf,
    /// Where the controller is to connect
    #[arg(long, default_value = "127.0.0.1:7443", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// The certificate that the controller is shown, for the address that it connects to
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
    /// Its key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Where connections to hosts are taken, on the hosts' own addresses, such as 0.0.0.0:2222
    #[arg(long, value_name = "ADDRESS:PORT")]
    ssh_listen: Option<SocketAddr>,
    /// Where the hosts' SSH servers listen
    #[arg(long, default_value_t = 22)]
    ssh_port: u16,
    /// The faults; without a plan or a seed there are none
    #[arg(long, value_name = "FILE", conflicts_with = "seed")]
    plan: Option<PathBuf>,
    /// Have a number choose one fault
    #[arg(long)]
    seed: Option<u64>,
    /// A file with the controller's process id, read when it is to be killed
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,
    /// Where each request is written down, a JSON object a line; without it they are printed
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    let plan = match (&flags.plan, flags.seed) {
        (Some(path), _) => Plan::read(path)?,
        (None, Some(seed)) => Plan::of_seed(seed),
        (None, None) => Plan::default(),
    };
    let mut log = open(flags.log.as_deref())?;
    let pid_file = flags.pid_file.clone();
    let killing = move || {
        if let Err(error) = kill_controller(pid_file.as_deref()) {
            eprintln!("the controller was not killed: {error:#}");
        }
    };
    let (lines, written) = std::sync::mpsc::channel();
    std::thread::spawn(move || written.iter().try_for_each(|line: String| writeln!(log, "{line}")));
    let engine = Arc::new(Engine::new(killing).telling(move |seen: &Seen| {
        // The thread lives as long as the process.
        let _ = serde_json::to_string(seen).map(|line| lines.send(line));
    }));
    engine.load(plan);
    serve(&flags, engine).await
}

async fn serve(flags: &Flags, engine: Arc<Engine>) -> anyhow::Result<()> {
    let upstream = Upstream::new(flags.server, &flags.ca, None)?;
    let identity = Identity { certificate: flags.certificate.clone(), key: flags.key.clone() };
    let api = ApiProxy::new(&identity, upstream, engine.clone())?;
    let listener = listen(flags.listen).await?;
    let Some(address) = flags.ssh_listen else { return Ok(api.serve(listener).await?) };
    let hosts = listen(address).await?;
    let ssh = SshProxy::new(flags.ssh_port, engine);
    tokio::select! {
        served = api.serve(listener) => Ok(served?),
        served = ssh.serve(hosts) => Ok(served?),
    }
}

async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

fn open(log: Option<&Path>) -> anyhow::Result<Box<dyn Write + Send>> {
    let Some(path) = log else { return Ok(Box::new(std::io::stdout())) };
    let file: File = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(Box::new(file))
}

fn kill_controller(pid_file: Option<&Path>) -> anyhow::Result<()> {
    let path = pid_file.context("the plan kills the controller: name its process with --pid-file")?;
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let pid = text.trim().parse().with_context(|| format!("{}: `{text}` is no pid", path.display()))?;
    Ok(kill(Pid::from_raw(pid), Signal::SIGKILL)?)
}
