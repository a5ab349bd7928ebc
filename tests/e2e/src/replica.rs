//! One of several controllers, each as in a pod of its own: it sees no process of another, so that only the Lease says who
//! leads. It can be killed, stopped and let go on, and is never left behind.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Child;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use nodemend_bed::cgroup::Cgroup;
use nodemend_bed::{Bed, process};

use crate::{E2eError, program};

/// How long the service's port may take to answer.
const ANSWERS: Duration = Duration::from_secs(5);

/// A running controller beside others.
#[derive(Debug)]
pub struct Replica {
    process: Child,
    group: Cgroup,
    log: PathBuf,
    /// Where its service is reached from the machine's own network.
    service: SocketAddr,
}

impl Replica {
    /// Starts one that serves on `port` of the bed's network. Its log is named after the port.
    pub fn start(bed: &Bed, port: u16) -> Result<Self, E2eError> {
        let hub = bed.hub();
        let name = format!("nodemend-{port}");
        let group = hub.cgroup.child(&name);
        group.create().map_err(E2eError::file(group.path()))?;
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut command = process::command(&group, Some(&hub.netns), "unshare");
        command.args(["--pid", "--fork", "--mount-proc", "--"]).arg(program::nodemend()?);
        command.args(["controller", "--listen", &listen.to_string(), "--kubeconfig"]);
        command.arg(bed.controller_kubeconfig()).env_remove("KUBECONFIG");
        let log = hub.log(&name);
        let process = process::start_logged(&mut command, &log)?;
        let relay = |error: nodemend_bed::relay::RelayError| E2eError::Answer {
            request: listen.to_string(),
            problem: error.to_string(),
        };
        Ok(Self { process, group, log, service: hub.relay(listen).map_err(relay)? })
    }

    /// Ends it the way a power cut does: nothing of it runs any more when this returns.
    pub fn kill(mut self) -> Result<(), E2eError> {
        self.group.kill().and_then(|()| self.process.wait()).map_err(E2eError::file(&self.log))?;
        Ok(())
    }

    /// SIGSTOP: it does nothing until it is let go on, and does not know.
    pub fn stop(&self) -> Result<(), E2eError> {
        self.signal(Signal::SIGSTOP)
    }

    /// SIGCONT.
    pub fn go_on(&self) -> Result<(), E2eError> {
        self.signal(Signal::SIGCONT)
    }

    /// Asks it to end.
    pub fn ask_to_end(&self) -> Result<(), E2eError> {
        self.signal(Signal::SIGTERM)
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> Result<bool, E2eError> {
        Ok(self.process.try_wait().map_err(E2eError::file(&self.log))?.is_some())
    }

    /// What it has logged.
    pub fn log(&self) -> Result<String, E2eError> {
        fs::read_to_string(&self.log).map_err(E2eError::file(&self.log))
    }

    /// The answer of its service to `GET path`, head and body.
    pub fn answer(&self, path: &str) -> Result<String, E2eError> {
        let ask = || {
            let mut stream = TcpStream::connect_timeout(&self.service, ANSWERS)?;
            stream.set_read_timeout(Some(ANSWERS))?;
            write!(stream, "GET {path} HTTP/1.1\r\nHost: nodemend\r\nConnection: close\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).map(|_| answer)
        };
        ask().map_err(E2eError::file(path))
    }

    /// All of its processes but `unshare`, which only waits.
    fn signal(&self, signal: Signal) -> Result<(), E2eError> {
        let procs = self.group.procs_file();
        let pids = fs::read_to_string(&procs).map_err(E2eError::file(&procs))?;
        for pid in pids.lines().filter(|pid| is_nodemend(pid)).filter_map(|pid| pid.parse().ok()) {
            kill(Pid::from_raw(pid), signal).map_err(|error| E2eError::file(&procs)(error.into()))?;
        }
        Ok(())
    }
}

fn is_nodemend(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "nodemend")
}

impl Drop for Replica {
    fn drop(&mut self) {
        // A group that is empty already is what is wanted.
        let _ = self.group.kill();
        let _ = self.process.wait();
    }
}
