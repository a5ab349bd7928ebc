//! A service that gates ask, on loopback inside the bed's network, where the controller runs.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use nix::sched::{CloneFlags, setns};
use nix::sys::socket;
use serde_json::Value;

/// Answers 503 with a reason to a path until that is opened, then 200. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Webhook {
    address: SocketAddr,
    listener: Arc<TcpListener>,
    known: Arc<Mutex<Known>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Known {
    open: BTreeSet<String>,
    asked: Vec<(String, Value)>,
}

impl Webhook {
    /// Listens in a network namespace.
    pub(crate) fn start(netns: &str) -> io::Result<Self> {
        let listener = Arc::new(listen(netns)?);
        let (address, known) = (listener.local_addr()?, Arc::<Mutex<Known>>::default());
        let thread = std::thread::spawn({
            let (listener, known) = (Arc::clone(&listener), Arc::clone(&known));
            move || {
                while let Ok((stream, _)) = listener.accept() {
                    // A client that goes away in the middle asks again.
                    let _ = answer(&stream, &known);
                }
            }
        });
        Ok(Self { address, listener, known, thread: Some(thread) })
    }

    /// Where it is asked.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// From now on says yes to this path.
    pub(crate) fn open(&self, path: &str) {
        lock(&self.known).open.insert(path.to_owned());
    }

    /// What was asked on this path.
    pub(crate) fn asked(&self, path: &str) -> Vec<Value> {
        let known = lock(&self.known);
        known.asked.iter().filter(|(asked, _)| asked == path).map(|(_, body)| body.clone()).collect()
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        // Wakes the thread, whose next accept fails.
        let _ = socket::shutdown(self.listener.as_raw_fd(), socket::Shutdown::Both);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn lock(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A socket belongs for ever to the namespace of the thread that made it.
fn listen(netns: &str) -> io::Result<TcpListener> {
    let namespace = File::open(format!("/run/netns/{netns}"))?;
    let inside = std::thread::spawn(move || {
        setns(&namespace, CloneFlags::CLONE_NEWNET)?;
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
    });
    inside.join().unwrap_or_else(|_| Err(io::Error::other("the thread in the namespace panicked")))
}

fn answer(stream: &TcpStream, known: &Mutex<Known>) -> io::Result<()> {
    let (path, body) = read(stream)?;
    let open = {
        let mut known = lock(known);
        known.asked.push((path.clone(), body));
        known.open.contains(&path)
    };
    let (status, text) =
        if open { ("200 OK", "go on") } else { ("503 Service Unavailable", "change freeze") };
    let length = text.len();
    write!(&*stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}")?;
    stream.shutdown(Shutdown::Write)
}

/// The path and the JSON of a POST.
fn read(stream: &TcpStream) -> io::Result<(String, Value)> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut length = 0;
    while line.trim() != "" {
        line.clear();
        reader.read_line(&mut line)?;
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok((path, serde_json::from_slice(&body)?))
}
