//! Connections to a host that end before, during or after a command, as its server sees them and as its client does.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use nodemend_proxy::plan::When;
use nodemend_proxy::{Engine, Fault, Plan, Request, SshProxy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// As long as the messages of a connection of the controller.
const LOGIN: usize = 3_000;
const COMMAND: usize = 27_000;
const STARTED: usize = 40;
const REQUEST: usize = 120;
const ANSWER: usize = 180;

/// A server that goes through the turns of a command, and tells how many bytes it has got.
async fn server(tell: mpsc::UnboundedSender<usize>) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut got = 0;
        for (wanted, said) in [(LOGIN, LOGIN), (COMMAND, STARTED), (REQUEST, ANSWER)] {
            let read = read_up_to(&mut socket, wanted).await;
            got += read;
            if read < wanted || socket.write_all(&vec![1; said]).await.is_err() {
                break;
            }
        }
        tell.send(got).unwrap();
        // Who cut the connection is the proxy or the client.
        let _ = socket.read_to_end(&mut Vec::new()).await;
    });
    address
}

async fn read_up_to(socket: &mut TcpStream, wanted: usize) -> usize {
    let (mut buffer, mut got) = (vec![0; wanted], 0);
    while got < wanted {
        match socket.read(&mut buffer[got..]).await {
            Ok(0) | Err(_) => break,
            Ok(read) => got += read,
        }
    }
    got
}

/// How many bytes the server got and the client got of a command that meets the fault.
async fn command(fault: Option<Fault>) -> (usize, usize) {
    let (tell, mut told) = mpsc::unbounded_channel();
    let behind = server(tell).await;
    let engine = Arc::new(Engine::new(|| {}));
    let at = Request::ssh("127.0.0.1");
    engine.load(fault.map_or_else(Plan::default, |fault| Plan::at(&at, 1, fault)));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    tokio::spawn(SshProxy::new(behind.port(), engine.clone()).serve(listener));
    let mut got = 0;
    for (said, wanted) in [(LOGIN, LOGIN), (COMMAND, STARTED), (REQUEST, ANSWER)] {
        let read = match client.write_all(&vec![2; said]).await {
            Ok(()) => read_up_to(&mut client, wanted).await,
            Err(_) => 0,
        };
        got += read;
        if read < wanted {
            break;
        }
    }
    drop(client);
    assert!(engine.has_acted(), "{fault:?}");
    (told.recv().await.unwrap(), got)
}

#[tokio::test]
async fn a_connection_passes_through() {
    assert_eq!(command(None).await, (LOGIN + COMMAND + REQUEST, LOGIN + STARTED + ANSWER));
}

#[tokio::test]
async fn cut_before_the_command_does_not_start() {
    let (server, client) = command(Some(Fault::Drop(When::Before))).await;
    assert!((LOGIN..LOGIN + COMMAND).contains(&server), "{server}");
    assert_eq!(client, LOGIN);
}

#[tokio::test]
async fn cut_during_half_of_the_request_arrives() {
    assert_eq!(
        command(Some(Fault::Drop(When::During))).await,
        (LOGIN + COMMAND + REQUEST / 2, LOGIN + STARTED)
    );
}

#[tokio::test]
async fn cut_after_the_command_is_done_and_nobody_hears_of_it() {
    assert_eq!(command(Some(Fault::Drop(When::After))).await, (LOGIN + COMMAND + REQUEST, LOGIN + STARTED));
}
