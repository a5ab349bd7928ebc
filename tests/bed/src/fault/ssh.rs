//! An SSH server that is not there, or that cannot prove who it is.

use crate::host::{Host, HostError};

/// The host's real key stays in a folder beside the other. Sessions that are open go on, as with every restart of sshd.
const CHANGE_KEY: &str = "cd /etc/ssh && mkdir real && mv ssh_host_ed25519_key* real/ &&
    ssh-keygen -q -t ed25519 -N '' -C changed -f ssh_host_ed25519_key && systemctl restart ssh.service";
const RESTORE_KEY: &str =
    "cd /etc/ssh && if [ -d real ]; then mv real/* . && rmdir real && systemctl restart ssh.service; fi";

pub(super) fn stop(host: &Host) -> Result<(), HostError> {
    host.run_checked("systemctl mask --now ssh.service").map(drop)
}

pub(super) fn start(host: &Host) -> Result<(), HostError> {
    host.run_checked("systemctl unmask ssh.service && systemctl start ssh.service").map(drop)
}

/// The certificate goes with the key that it is for, so nothing vouches for the new key.
pub(super) fn change_key(host: &Host) -> Result<(), HostError> {
    host.run_checked(CHANGE_KEY).map(drop)
}

pub(super) fn restore_key(host: &Host) -> Result<(), HostError> {
    host.run_checked(RESTORE_KEY).map(drop)
}
