//! The proxy in front of hosts: a connection is passed on to the SSH server at the address that it was made to.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::engine::Engine;
use crate::plan::{Fault, When};
use crate::request::Request;
use crate::stages::{Stage, Stages};

/// The most that is read at once.
const PIECE: usize = 16 * 1024;

/// Passes connections to hosts on, but for what the engine says.
///
/// It listens on a port of all the hosts' own addresses, so the address that the client chose says which host is meant.
#[derive(Debug, Clone)]
pub struct SshProxy {
    /// The port of the real SSH servers.
    port: u16,
    engine: Arc<Engine>,
}

/// One connection of the controller and the one behind it.
struct Passage {
    client: (OwnedReadHalf, OwnedWriteHalf),
    server: (OwnedReadHalf, OwnedWriteHalf),
    stages: Stages,
    fault: Option<Fault>,
}

/// What is done with a piece.
enum Next {
    Pass,
    /// It is kept from the other side.
    Swallow,
    /// Half of it is passed on, and then the fault happens.
    Half,
    /// The fault happens.
    Fault,
}

impl SshProxy {
    /// A proxy in front of servers that listen on this port.
    pub const fn new(port: u16, engine: Arc<Engine>) -> Self {
        Self { port, engine }
    }

    /// Serves for ever.
    pub async fn serve(self, listener: TcpListener) -> io::Result<()> {
        loop {
            let (socket, _) = listener.accept().await?;
            // A connection that fails is the client's to make again.
            tokio::spawn(self.clone().talk(socket));
        }
    }

    async fn talk(self, client: TcpStream) -> io::Result<()> {
        let host = client.local_addr()?.ip();
        let fault = self.engine.meet(&Request::ssh(&host.to_string()));
        let server = TcpStream::connect(SocketAddr::new(host, self.port)).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (client, server) = (client.into_split(), server.into_split());
        let mut passage = Passage { client, server, stages: Stages::default(), fault };
        if passage.run().await?
            && let Some(fault) = fault
        {
            self.strike(fault).await;
        }
        Ok(())
    }

    /// What happens when the connection has come as far as the fault says. Both sides are closed after it.
    async fn strike(&self, fault: Fault) {
        self.engine.strike(fault);
        match fault {
            Fault::Kill(_) => self.engine.kill(),
            Fault::Hang { seconds, .. } => tokio::time::sleep(Duration::from_secs(seconds)).await,
            _ => {}
        }
    }
}

impl Passage {
    /// Passes pieces on until one side is done, or until the fault: then it returns true.
    async fn run(&mut self) -> io::Result<bool> {
        let (mut from_client, mut from_server) = (vec![0; PIECE], vec![0; PIECE]);
        loop {
            tokio::select! {
                read = self.client.0.read(&mut from_client) => {
                    let piece = &from_client[..read?];
                    if piece.is_empty() {
                        return Ok(false);
                    }
                    let next = client_piece(self.fault, self.stages.client_said(piece.len()));
                    if pass(&mut self.server.1, piece, &next).await? {
                        return Ok(true);
                    }
                }
                read = self.server.0.read(&mut from_server) => {
                    let piece = &from_server[..read?];
                    if piece.is_empty() {
                        return Ok(false);
                    }
                    let next = server_piece(self.fault, self.stages.server_said(piece.len()));
                    if pass(&mut self.client.1, piece, &next).await? {
                        return Ok(true);
                    }
                }
            }
        }
    }
}

/// Passes as much of a piece on as is said. Whether this was the last.
async fn pass(to: &mut OwnedWriteHalf, piece: &[u8], next: &Next) -> io::Result<bool> {
    match next {
        Next::Pass => to.write_all(piece).await.map(|()| false),
        Next::Swallow => Ok(false),
        Next::Half => to.write_all(&piece[..piece.len() / 2]).await.map(|()| true),
        Next::Fault => Ok(true),
    }
}

const fn when(fault: Option<Fault>) -> Option<When> {
    match fault {
        Some(Fault::Kill(when) | Fault::Drop(when) | Fault::Hang { when, .. }) => Some(when),
        _ => None,
    }
}

fn client_piece(fault: Option<Fault>, stage: Stage) -> Next {
    match (when(fault), stage) {
        (Some(When::Before), Stage::Command | Stage::Request) => Next::Fault,
        (Some(When::During), Stage::Request) => Next::Half,
        _ => Next::Pass,
    }
}

/// Nothing that the host says of a request that it has got is passed on, once nobody is to hear of it.
fn server_piece(fault: Option<Fault>, stage: Stage) -> Next {
    match (when(fault), stage) {
        (Some(When::After), Stage::Answer) => Next::Fault,
        (Some(When::After), Stage::Request) => Next::Swallow,
        _ => Next::Pass,
    }
}
