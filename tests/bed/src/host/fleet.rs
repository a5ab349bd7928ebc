//! The hosts of a bed together: making several at once, and finding those that are there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::{Host, HostError, HostNumber, HostSpec, SshAccess};
use crate::hub::{self, HubContext};
use crate::image::{BaseImage, NEW_SYSTEMD, OLD_SYSTEMD, Repository, systemd_layer, systemd_package};
use crate::process;

/// How many inotify instances the machine must allow: every kubelet and systemd takes some, and with the usual 128 nodes die
/// of "too many open files" beyond five.
const INOTIFY_INSTANCES: u32 = 8192;
const INOTIFY_FILE: &str = "/proc/sys/fs/inotify/max_user_instances";

/// What is kept about a host is in this file of its folder.
const RECORD_FILE: &str = "host.json";

/// What is kept about a host between processes.
#[derive(Serialize, Deserialize)]
struct Record {
    number: HostNumber,
    spec: HostSpec,
}

/// Makes hosts and boots them all at once; returns when every one can be logged in to.
///
/// Starts the bed's package repository with both versions of systemd if it is not served yet.
pub fn start_all(hub: &HubContext, specs: &[HostSpec]) -> Result<Vec<Host>, HostError> {
    let base = BaseImage::ensure()?;
    SshAccess::of(hub).ensure()?;
    allow_many_nodes()?;
    forward_between_hosts(hub)?;
    serve_packages(hub, &base)?;
    let hosts = register(hub, &base, specs)?;
    // One after the other: those who want the same one would wait for each other, and say so.
    for spec in specs {
        systemd_layer(&base, &spec.systemd)?;
    }
    on_all(&hosts, |host| {
        host.make(hub)?;
        host.power_on()
    })?;
    Ok(hosts)
}

/// All hosts of a bed, in the order in which they were made.
pub fn list(hub: &HubContext) -> Result<Vec<Host>, HostError> {
    let base = BaseImage::ensure()?;
    let mut records = records(hub)?;
    records.sort_by_key(|record| record.number);
    Ok(records.into_iter().map(|record| Host::of(hub, &base, record.spec, record.number)).collect())
}

/// The host of a bed that is called `name`.
pub fn find(hub: &HubContext, name: &str) -> Result<Host, HostError> {
    let hosts = list(hub)?;
    let names: Vec<_> = hosts.iter().map(|host| host.name().to_owned()).collect();
    let found = hosts.into_iter().find(|host| host.name() == name);
    found.ok_or_else(|| HostError::Unknown(name.to_owned(), names.join(", ")))
}

/// Does something on every host at the same time; the first failure is returned after all have ended.
fn on_all(hosts: &[Host], work: impl Fn(&Host) -> Result<(), HostError> + Sync) -> Result<(), HostError> {
    let work = &work;
    std::thread::scope(|scope| {
        let threads: Vec<_> = hosts.iter().map(|host| (host, scope.spawn(move || work(host)))).collect();
        let results = threads.into_iter().map(|(host, thread)| {
            thread.join().unwrap_or_else(|_| Err(HostError::Off(host.name().to_owned())))
        });
        results.collect::<Vec<_>>().into_iter().collect()
    })
}

/// Gives every new host its number and writes down what it is.
fn register(hub: &HubContext, base: &BaseImage, specs: &[HostSpec]) -> Result<Vec<Host>, HostError> {
    let records = records(hub)?;
    let mut names: BTreeSet<_> = records.iter().map(|record| record.spec.name.clone()).collect();
    let taken: BTreeSet<_> = records.iter().map(|record| record.number).collect();
    let mut free = (0..HostNumber::LIMIT).map(HostNumber).filter(|number| !taken.contains(number));
    specs
        .iter()
        .map(|spec| {
            check_name(&spec.name)?;
            if !names.insert(spec.name.clone()) {
                return Err(HostError::Name(spec.name.clone(), "the bed has a host of this name already"));
            }
            let number = free.next();
            let number = number.ok_or_else(|| HostError::Full(spec.name.clone(), HostNumber::LIMIT))?;
            let host = Host::of(hub, base, spec.clone(), number);
            host.write_record(&Record { number, spec: spec.clone() })?;
            Ok(host)
        })
        .collect()
}

/// The kernel's limit for a host name and the API's for a node's label.
const LONGEST_NAME: usize = 63;

fn check_name(name: &str) -> Result<(), HostError> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let ends_well = !name.starts_with('-') && !name.ends_with('-');
    if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(allowed) || !ends_well {
        return Err(HostError::Name(
            name.to_owned(),
            "a name is 1 to 63 lower-case letters, digits and inner '-'",
        ));
    }
    Ok(())
}

impl Host {
    fn write_record(&self, record: &Record) -> Result<(), HostError> {
        let path = self.path(RECORD_FILE);
        let attempt = || {
            fs::create_dir_all(&self.dir)?;
            fs::write(&path, serde_json::to_string_pretty(record)?)
        };
        attempt().map_err(|source| self.file_error(&path, source))
    }

    /// Writes everything that the host boots from.
    fn make(&self, hub: &HubContext) -> Result<(), HostError> {
        self.write_identity()?;
        if self.spec.node {
            self.write_node(hub)?;
        }
        self.create_disk()?;
        self.route_pods()
    }

    /// Sends the traffic of the host's pods to the host. Hosts know one way out, through the hub, so that is all it takes.
    fn route_pods(&self) -> Result<(), HostError> {
        let mut command = Command::new("ip");
        command.args(["-n", &self.hub_netns, "route", "replace", &self.number.pod_network()]);
        process::run(command.args(["via", &self.address().to_string(), "dev", hub::BRIDGE]))?;
        Ok(())
    }
}

fn records(hub: &HubContext) -> Result<Vec<Record>, HostError> {
    let folder = folder(hub);
    let Ok(entries) = fs::read_dir(&folder) else { return Ok(Vec::new()) };
    entries
        .flatten()
        .map(|entry| {
            let path = entry.path().join(RECORD_FILE);
            let host = entry.file_name().to_string_lossy().into_owned();
            let read = || Ok(serde_json::from_str(&fs::read_to_string(&path)?)?);
            read().map_err(|source| HostError::File { host, path: path.clone(), source })
        })
        .collect()
}

/// The folder of all hosts of a bed.
pub(super) fn folder(hub: &HubContext) -> PathBuf {
    hub.dir.join("hosts")
}

fn serve_packages(hub: &HubContext, base: &BaseImage) -> Result<(), HostError> {
    let repository = Repository::of(hub, base);
    if !repository.is_served() {
        for version in [OLD_SYSTEMD, NEW_SYSTEMD] {
            repository.add(&systemd_package(base, version)?)?;
        }
        repository.start()?;
    }
    Ok(())
}

/// The hub passes packets on between hosts' pods.
fn forward_between_hosts(hub: &HubContext) -> Result<(), HostError> {
    hub.group().create().map_err(|source| machine_error(hub.group().path(), source))?;
    process::run(hub.command("sysctl").args(["-qw", "net.ipv4.ip_forward=1"]))?;
    Ok(())
}

fn allow_many_nodes() -> Result<(), HostError> {
    let failed = |source| machine_error(Path::new(INOTIFY_FILE), source);
    let now = fs::read_to_string(INOTIFY_FILE).map_err(failed)?;
    if now.trim().parse::<u32>().is_ok_and(|limit| limit >= INOTIFY_INSTANCES) {
        return Ok(());
    }
    fs::write(INOTIFY_FILE, INOTIFY_INSTANCES.to_string()).map_err(failed)
}

fn machine_error(path: &Path, source: std::io::Error) -> HostError {
    HostError::File { host: "(this machine)".to_owned(), path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_labels() {
        for good in ["n", "node-1", "a1"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a.b", "a_b", &"a".repeat(64)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
