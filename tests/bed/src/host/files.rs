//! The files that make a copy of the image into one host: the layer that lies between the image and the disk.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use super::{Host, HostError};
use crate::image::Repository;

/// The login user's id and group id.
const LOGIN_ID: u32 = 1000;
/// The host's key and certificate are the bed's. More than ten at a time may log in, as a test of many does.
const SSHD: &str = "HostKey /etc/ssh/ssh_host_ed25519_key\nHostCertificate /etc/ssh/ssh_host_ed25519_key-cert.pub\n\
    PasswordAuthentication no\nMaxStartups 100\nMaxSessions 100\nUseDNS no\nPrintMotd no\n";

impl Host {
    /// Writes the host's own files. The host must not be running.
    pub(super) fn write_identity(&self) -> Result<(), HostError> {
        let (name, address) = (&self.spec.name, self.address());
        self.write("etc/hostname", &format!("{name}\n"))?;
        self.write("etc/hosts", &format!("127.0.0.1 localhost\n{address} {name}\n"))?;
        // The kubelet needs the file, and nobody answers: names are not resolved outside pods.
        self.write("etc/resolv.conf", "options timeout:1 attempts:1\n")?;
        self.write("etc/yum.repos.d/bed.repo", &repository_file())?;
        self.write("etc/ssh/sshd_config.d/bed.conf", SSHD)?;
        self.ssh.make_host_key(&self.seed().join("etc/ssh"), &format!("{name},{address}"))?;
        self.write_login()
    }

    /// The unprivileged user: accounts of the image with one more line each, the bed's key, the right to use sudo.
    fn write_login(&self) -> Result<(), HostError> {
        let login = &self.spec.login;
        self.append_to_base(
            "etc/passwd",
            &format!("{login}:x:{LOGIN_ID}:{LOGIN_ID}::/home/{login}:/bin/bash\n"),
        )?;
        self.append_to_base("etc/group", &format!("{login}:x:{LOGIN_ID}:\n"))?;
        self.append_to_base("etc/shadow", &format!("{login}:*:19000:0:99999:7:::\n"))?;
        self.write(&format!("etc/sudoers.d/{login}"), &format!("{login} ALL=(ALL) NOPASSWD: ALL\n"))?;
        let key = self.ssh.client_key().with_extension("pub");
        let key = fs::read_to_string(&key).map_err(|source| self.file_error(key, source))?;
        self.write(&format!("home/{login}/.ssh/authorized_keys"), &key)?;
        for path in ["", "/.ssh", "/.ssh/authorized_keys"] {
            let path = self.seed().join(format!("home/{login}{path}"));
            chown(&path, Some(LOGIN_ID), Some(LOGIN_ID)).map_err(|source| self.file_error(path, source))?;
        }
        Ok(())
    }

    /// Writes a file of the host, mode 0644. `path` is relative to the host's root.
    pub(super) fn write(&self, path: &str, content: &str) -> Result<(), HostError> {
        self.write_with_mode(path, content, 0o644)
    }

    /// Writes a file of the host with permission bits.
    pub(super) fn write_with_mode(&self, path: &str, content: &str, mode: u32) -> Result<(), HostError> {
        let path = self.seed().join(path);
        let attempt = || {
            fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
            fs::write(&path, content)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(mode))
        };
        attempt().map_err(|source| self.file_error(&path, source))
    }

    /// A file of the image with text added, keeping its permissions and owner.
    fn append_to_base(&self, path: &str, text: &str) -> Result<(), HostError> {
        let (from, to) = (self.base.root().join(path), self.seed().join(path));
        let attempt = || {
            use std::os::unix::fs::MetadataExt;
            let (content, owner) = (fs::read_to_string(&from)?, fs::metadata(&from)?);
            fs::create_dir_all(to.parent().unwrap_or(Path::new("/")))?;
            fs::write(&to, content + text)?;
            fs::set_permissions(&to, owner.permissions())?;
            chown(&to, Some(owner.uid()), Some(owner.gid()))
        };
        attempt().map_err(|source| self.file_error(&from, source))
    }
}

/// The only repository of a host. Its metadata is fetched anew each time, because tests add packages, and a repository that
/// cannot be reached is an error, as it is to el7's yum.
fn repository_file() -> String {
    let url = Repository::url();
    format!(
        "[bed]\nname=The bed's packages\nbaseurl={url}\ngpgcheck=0\nmetadata_expire=0\n\
         skip_if_unavailable=0\n"
    )
}
