//! SSH to hosts: keys of the bed, a host CA that signs every host's key, and a client.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::finished::{self, COMMAND_DEADLINE};
use super::{Finished, Host, HostError};
use crate::cgroup::Cgroup;
use crate::hub::HubContext;
use crate::process::{self, ProcessError};

/// What `ssh` exits with when the session, not the command, failed.
const SESSION_FAILED: i32 = 255;

/// The files with which the hosts of a bed are reached and verified.
#[derive(Debug, Clone)]
pub struct SshAccess {
    folder: PathBuf,
    hub_netns: String,
    cgroup: Cgroup,
}

impl SshAccess {
    /// Those of a bed. The files are there once the bed has had a host.
    pub fn of(hub: &HubContext) -> Self {
        Self { folder: hub.dir.join("ssh"), hub_netns: hub.netns.clone(), cgroup: hub.group() }
    }

    /// The private key that every host accepts for its login user.
    pub fn client_key(&self) -> PathBuf {
        self.folder.join("client")
    }

    /// The folder of the keys, with the private key of the CA that signs host keys.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The public key of the CA that signs host keys, one line as in `authorized_keys`.
    pub fn host_ca_public_key(&self) -> PathBuf {
        self.folder.join("host_ca.pub")
    }

    /// A `known_hosts` file that trusts the host CA and nothing else.
    pub fn known_hosts(&self) -> PathBuf {
        self.folder.join("known_hosts")
    }

    /// Makes the keys unless they are there.
    pub(crate) fn ensure(&self) -> Result<(), HostError> {
        let failed = |source| HostError::File { host: "(all)".to_owned(), path: self.folder.clone(), source };
        if self.known_hosts().exists() {
            return Ok(());
        }
        fs::create_dir_all(&self.folder).map_err(failed)?;
        generate_key(&self.folder.join("host_ca"), "nodemend-bed host CA")?;
        generate_key(&self.client_key(), "nodemend-bed client")?;
        let authority = fs::read_to_string(self.host_ca_public_key()).map_err(failed)?;
        fs::write(self.known_hosts(), format!("@cert-authority * {authority}")).map_err(failed)
    }

    /// Makes a host key in `folder` and signs it for the given names and addresses.
    pub(super) fn make_host_key(&self, folder: &Path, principals: &str) -> Result<(), HostError> {
        let key = folder.join("ssh_host_ed25519_key");
        generate_key(&key, principals)?;
        let mut sign = Command::new("ssh-keygen");
        sign.arg("-q")
            .arg("-s")
            .arg(self.folder.join("host_ca"))
            .args(["-h", "-I", principals, "-n", principals]);
        process::run(sign.arg(key.with_extension("pub")))?;
        Ok(())
    }

    /// `ssh` from inside the hub; the host's key must be signed by the host CA.
    fn client(&self, deadline: Duration) -> Command {
        let mut command = process::command(&self.cgroup, Some(&self.hub_netns), "timeout");
        command.args(finished::limit(deadline)).args(["ssh", "-F", "none", "-i"]);
        command.arg(self.client_key());
        command.arg("-o").arg(format!("UserKnownHostsFile={}", self.known_hosts().display()));
        for option in ["BatchMode=yes", "StrictHostKeyChecking=yes", "ConnectTimeout=5", "LogLevel=ERROR"] {
            command.args(["-o", option]);
        }
        command
    }
}

fn generate_key(path: &Path, comment: &str) -> Result<(), ProcessError> {
    let mut generate = Command::new("ssh-keygen");
    process::run(generate.args(["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f"]).arg(path))?;
    Ok(())
}

impl Host {
    /// Runs a shell command as the unprivileged user over real SSH. At most 30 s.
    pub fn ssh(&self, command: &str) -> Result<Finished, HostError> {
        self.ssh_within(COMMAND_DEADLINE, command)
    }

    /// Like [`Host::ssh`], with a deadline in whole seconds of at least one. After it the command may go on on the host.
    pub fn ssh_within(&self, deadline: Duration, command: &str) -> Result<Finished, HostError> {
        let mut client = self.ssh.client(deadline);
        client.arg(format!("{}@{}", self.spec.login, self.address())).arg("--").arg(command);
        match finished::run(&mut client, deadline)? {
            None => Err(self.hangs(command, deadline)),
            Some(Finished { code: Some(SESSION_FAILED), stderr, .. }) => {
                Err(HostError::Ssh { host: self.spec.name.clone(), message: stderr.trim().to_owned() })
            }
            Some(finished) => Ok(finished),
        }
    }
}
