//! The stand-in for the hosts of plain nodes: one SSH server behind thousands of addresses (`go/plainhosts`).
//!
//! It takes the controller's logins for real and answers for its host program by a state of each address: facts, package
//! jobs that take a moment, a restart after which the node's status names another boot. It runs no command. The program
//! itself is tested on real hosts.

use std::io::{BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::PlainNodes;
use crate::bed::Bed;
use crate::build;
use crate::error::BedError;
use crate::host::SshAccess;
use crate::image::{NEW_SYSTEMD, OLD_SYSTEMD};
use crate::process;

/// The user who may log in; the stand-in takes any name, with the bed's client key.
pub const LOGIN: &str = "nodemend";
/// The network of the hosts, all of it local to the hub.
const NETWORK: &str = "10.210.0.0/16";
/// The address of node 0; the others follow.
const FIRST: Ipv4Addr = Ipv4Addr::new(10, 210, 0, 1);
/// How long the stand-in may take to listen.
const LISTENS: Duration = Duration::from_secs(10);

/// What can be wrong with the host of a plain node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainFault {
    /// The package manager's transaction fails; nothing is changed.
    InstallFails,
    /// Each connection is cut before a word is said.
    Unreachable,
    /// A restart that is ordered from now on ends with a host that is down for good.
    RebootNeverReturns,
    /// The kubelet does not run, and its node is not Ready; a restart of the service starts it. Lifting it does so too.
    KubeletStopped,
    /// The work of each job is done twice, as a controller that repeats itself would have it done.
    JobsRunTwice,
}

impl PlainFault {
    const fn word(self) -> &'static str {
        match self {
            Self::InstallFails => "install-fails",
            Self::Unreachable => "unreachable",
            Self::RebootNeverReturns => "reboot-never-returns",
            Self::KubeletStopped => "kubelet-stopped",
            Self::JobsRunTwice => "jobs-run-twice",
        }
    }
}

/// The state of one host, as the stand-in says: a witness of what was done to it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlainHost {
    /// The version of systemd in the package database.
    pub installed: String,
    /// The version that PID 1 runs.
    pub running: String,
    /// The boot id.
    #[serde(rename = "bootID")]
    pub boot_id: String,
    /// How often it was restarted.
    pub reboots: u32,
    /// How many package transactions changed it.
    pub installs: u32,
    /// How often its kubelet was started again.
    pub restarts: u32,
    /// How many jobs were launched on it, but for those that only prepare.
    pub launches: u32,
    /// How often the work of one intent was begun, of the intent for which it was most.
    pub most_begun: u32,
    /// How many connections were made to it.
    pub logins: u32,
    /// The highest epoch that it has seen.
    pub epoch: u64,
}

/// The hosts of a bed's plain nodes. They end with the bed.
#[derive(Debug)]
pub struct PlainHosts {
    control: PathBuf,
}

impl PlainHosts {
    /// Starts the stand-in for `count` hosts and returns when it listens.
    pub(super) fn start(bed: &Bed, count: usize, hasten: u32) -> Result<Self, BedError> {
        let hub = bed.hub();
        let access = SshAccess::of(hub);
        access.ensure()?;
        // A whole network is the hub's own: a server on all addresses answers for each of them.
        let route = ["-n", &hub.netns, "route", "add", "local", NETWORK, "dev", "lo"];
        process::run(Command::new("ip").args(route))?;
        let hosts = Self { control: hub.dir.join("plainhosts.sock") };
        let mut command = bed.command(build::plain_hosts()?.join("plainhosts"));
        command.arg("-control").arg(&hosts.control).arg("-keys").arg(access.folder());
        command.arg("-pki").arg(hub.dir.join("pki")).args(["-server", &hub.api_server()]);
        command.args(["-first-address", &FIRST.to_string(), "-count", &count.to_string()]);
        command.args(["-installed", OLD_SYSTEMD, "-available", NEW_SYSTEMD]);
        command.args(["-hasten", &hasten.to_string()]);
        // It ends with the bed's control group; its exit status is of no use to anyone.
        process::leave_running(process::start_logged(&mut command, &hub.log("plainhosts"))?);
        bed.wait_for("the stand-in for hosts to listen", LISTENS, || Ok(hosts.control.exists()))?;
        Ok(hosts)
    }

    /// The address of the host with that number.
    pub fn address(number: usize) -> String {
        address(number)
    }

    /// How the host stands.
    pub fn state(&self, number: usize) -> Result<PlainHost, BedError> {
        self.ask(&json!({"node": PlainNodes::name(number)}))
    }

    /// Breaks the host.
    pub fn inject(&self, number: usize, fault: PlainFault) -> Result<(), BedError> {
        self.ask(&json!({"node": PlainNodes::name(number), "fault": fault.word()})).map(drop)
    }

    /// Takes a fault away. A host that is down for good stays so.
    pub fn lift(&self, number: usize, fault: PlainFault) -> Result<(), BedError> {
        self.ask(&json!({"node": PlainNodes::name(number), "fault": fault.word(), "lift": true})).map(drop)
    }

    fn ask(&self, order: &Value) -> Result<PlainHost, BedError> {
        let failed = |source| BedError::File { path: self.control.clone(), source };
        let line = converse(&self.control, order).map_err(failed)?;
        let wrong = |source| BedError::Answer { request: order.to_string(), source };
        let answer: Value = serde_json::from_str(&line).map_err(wrong)?;
        match answer["error"].as_str() {
            Some(error) => Err(failed(std::io::Error::other(error))),
            None => serde_json::from_value(answer).map_err(wrong),
        }
    }
}

fn converse(control: &Path, order: &Value) -> std::io::Result<String> {
    let mut socket = UnixStream::connect(control)?;
    writeln!(socket, "{order}")?;
    let mut line = String::new();
    BufReader::new(socket).read_line(&mut line)?;
    Ok(line)
}

pub(super) fn address(number: usize) -> String {
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    Ipv4Addr::from_bits(FIRST.to_bits().saturating_add(number)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_node_has_an_address_of_its_own() {
        assert_eq!(address(0), "10.210.0.1");
        assert_eq!(address(5000), "10.210.19.137");
    }
}
