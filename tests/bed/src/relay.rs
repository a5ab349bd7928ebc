//! Relays: an address inside the hub made reachable on 127.0.0.1, from an ordinary shell and from inside the hub alike.
//!
//! `systemd-socket-proxyd` does the forwarding. It runs inside the hub and accepts on sockets that were made elsewhere, so
//! a port that is listened on in the machine's own namespace leads into the hub. It outlives this process with the bed.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::Stdio;

use nix::sched::{CloneFlags, setns};

use crate::hub::{HubContext, netns_path};
use crate::process::{self, ProcessError};

/// Why an address could not be relayed.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// No listening socket could be made.
    #[error("cannot listen for {target} on loopback: {source}")]
    Listen {
        /// The address that was to be reached.
        target: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// The proxy could not be started.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

/// `systemd-socket-proxyd` as Debian and most distributions install it; it is not on the PATH.
const PROXY: &str = "/usr/lib/systemd/systemd-socket-proxyd";
/// The socket arrives as standard input and leaves as descriptor 3, the first that a socket-activated program looks at.
const ACTIVATE: &str = "exec 3<&0 0</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\"";

/// Relays `target`, an address in the hub, from a free port of the machine's loopback. Both processes end with the bed.
///
/// The same port on loopback inside the hub leads there too, so that one kubeconfig serves both sides.
pub fn from_loopback(hub: &HubContext, target: SocketAddr) -> Result<SocketAddr, RelayError> {
    let failed = |source| RelayError::Listen { target, source };
    let outside = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
    let address = outside.local_addr().map_err(failed)?;
    let inside = inside(&hub.netns, move || TcpListener::bind(address)).map_err(failed)?;
    start_proxy(hub, outside, target)?;
    start_proxy(hub, inside, target)?;
    Ok(address)
}

fn start_proxy(hub: &HubContext, listener: TcpListener, target: SocketAddr) -> Result<(), RelayError> {
    let mut command = hub.command("sh");
    command.args(["-c", ACTIVATE, "sh", PROXY, "--connections-max=4096", &target.to_string()]);
    let log = hub.log("relay");
    let open = || File::options().create(true).append(true).open(&log);
    let output = open().map_err(|source| ProcessError::File { path: log.clone(), source })?;
    command.stdin(OwnedFd::from(listener)).stdout(Stdio::null()).stderr(output).process_group(0);
    let proxy =
        command.spawn().map_err(|source| ProcessError::Start { program: PROXY.to_owned(), source })?;
    process::leave_running(proxy);
    Ok(())
}

/// Runs `work` on a thread of its own inside a network namespace: sockets made there belong to it for ever.
fn inside<T: Send>(netns: &str, work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    let namespace = File::open(netns_path(netns))?;
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            setns(&namespace, CloneFlags::CLONE_NEWNET)?;
            work()
        });
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread in the namespace panicked")))
    })
}
