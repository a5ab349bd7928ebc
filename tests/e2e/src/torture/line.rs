//! The line between the controller and everything else: both proxies, on a thread inside the bed's network.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc;

use nix::sched::{CloneFlags, setns};
use nodemend_bed::Bed;
use nodemend_bed::hub::{ADDRESS, API_PORT, netns_path};
use nodemend_proxy::{ApiProxy, Engine, Identity, SshProxy, Upstream};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use crate::E2eError;

/// Where the hosts' SSH servers listen.
const SSH: u16 = 22;
/// Where the proxy listens on all of their addresses.
pub(super) const SSH_THROUGH_PROXY: u16 = 2222;

/// The proxies. Dropping it ends them.
#[derive(Debug)]
pub(super) struct Line {
    /// Where the API server's proxy listens, inside the bed's network.
    pub(super) api: SocketAddr,
    /// Ends the thread when it is dropped.
    _end: oneshot::Sender<()>,
}

impl Line {
    /// Starts both proxies in the bed's network, and returns when they listen.
    pub(super) fn start(bed: &Bed, engine: &Arc<Engine>) -> Result<Self, E2eError> {
        let hub = bed.hub();
        let loopback = Ipv4Addr::LOCALHOST.to_string();
        let issued =
            hub.ca.server("fault-proxy", &[&loopback]).and_then(|pair| pair.write(bed.dir(), "proxy"));
        let (certificate, key) = issued.map_err(|error| E2eError::Answer {
            request: "a certificate for the fault proxy".into(),
            problem: error.to_string(),
        })?;
        let upstream = Upstream::new((ADDRESS, API_PORT).into(), &hub.ca_file(), None)?;
        let api = ApiProxy::new(&Identity { certificate, key }, upstream, engine.clone())?;
        let (ssh, network) = (SshProxy::new(SSH, engine.clone()), netns_path(&hub.netns));
        let ((end, ended), (tell, told)) = (oneshot::channel(), mpsc::channel());
        std::thread::spawn(move || serve(&network, api, ssh, ended, &tell));
        let address = told.recv().unwrap_or_else(|_| Err(io::Error::other("the proxies' thread ended")));
        let api = address.map_err(E2eError::file(netns_path(&hub.netns)))?;
        Ok(Self { api, _end: end })
    }
}

/// Runs until `ended`. Sockets belong to the network of the thread that makes them, so all of it is done on this one.
fn serve(
    network: &std::path::Path,
    api: ApiProxy,
    ssh: SshProxy,
    ended: oneshot::Receiver<()>,
    tell: &mpsc::Sender<io::Result<SocketAddr>>,
) {
    let outcome = File::open(network).and_then(|network| {
        setns(network, CloneFlags::CLONE_NEWNET)?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let of_api = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            let of_hosts = TcpListener::bind((Ipv4Addr::UNSPECIFIED, SSH_THROUGH_PROXY)).await?;
            // Nobody listens any more if the start was given up.
            let _ = tell.send(of_api.local_addr());
            tokio::select! {
                served = api.serve(of_api) => served,
                served = ssh.serve(of_hosts) => served,
                _ = ended => Ok(()),
            }
        })
    });
    if let Err(error) = outcome {
        let _ = tell.send(Err(error));
    }
}
