//! Hosts that cannot be reached or trusted: each has its reason, and nothing runs on it.

use std::sync::Arc;

use nodemend_bed::fault::Fault;
use nodemend_core::op::{JobState, Launch, Op, OpResult, Probe};
use nodemend_exec::{HostKeys, Secret, SshAccess, Still, Target};

use crate::rig::{EPOCH, Rig, failure, prepare};

pub(crate) fn who_cannot_be_reached_or_trusted_is_not_touched(rig: &Rig<'_>) {
    a_login_needs_key_and_sudo(rig);
    a_known_key_is_enough(rig);
    a_user_certificate_logs_in(rig);
    what_is_stopped_during_the_login_is_not_sent(rig);
    for (fault, reason, retryable) in [
        (Fault::HostKeyChanged, "HostKeyUnknown", false),
        (Fault::SshdRefusing, "ConnectionRefused", true),
        (Fault::Frozen, "TimedOut", true),
    ] {
        rig.host.inject(fault).unwrap();
        let why = rig.facts().unwrap_err();
        assert_eq!((why.reason.as_str(), why.retryable), (reason, retryable), "{fault}: {why:?}");
        assert!(why.message.starts_with("node access (10.200.0."), "{why:?}");
        rig.host.lift(fault).unwrap();
    }
    rig.facts().unwrap();
    rig.host.inject(Fault::PoweredOff).unwrap();
    let why = rig.facts().unwrap_err();
    assert!(["ConnectTimedOut", "Unreachable"].contains(&why.reason.as_str()), "{why:?}");
}

/// The rig's access with something else in it.
fn access(rig: &Rig<'_>, change: impl FnOnce(&mut SshAccess)) -> Target {
    let known = &rig.target.ssh;
    let mut access = SshAccess::new(&known.user, known.private_key.clone(), known.host_keys.clone());
    change(&mut access);
    Target { ssh: Arc::new(access), ..rig.target.clone() }
}

fn reason(rig: &Rig<'_>, target: &Target) -> String {
    let probe = Probe { intent: "none".into(), epoch: EPOCH, void_unstarted: false };
    failure(rig.perform_on(target, Op::Probe(probe))).reason
}

fn works(rig: &Rig<'_>, target: &Target) {
    let probe = Probe { intent: "none".into(), epoch: EPOCH, void_unstarted: false };
    let result = rig.perform_on(target, Op::Probe(probe));
    assert!(matches!(result, OpResult::Job(_)), "{result:?}");
}

fn what_is_stopped_during_the_login_is_not_sent(rig: &Rig<'_>) {
    let stopped = Target { still: Still::asking(|| false), ..rig.target.clone() };
    let launch = Launch { intent: "stopped".into(), epoch: EPOCH, job: prepare() };
    assert_eq!(failure(rig.perform_on(&stopped, Op::Launch(launch))).reason, "Stopped");
    let OpResult::Job(state) = rig.probe("stopped") else { panic!("no answer to a look") };
    assert!(matches!(state, JobState::NotStarted { .. }), "{state:?}");
}

fn a_login_needs_key_and_sudo(rig: &Rig<'_>) {
    works(rig, &rig.target);
    let nobody = access(rig, |access| access.user = "nobody-known".into());
    assert_eq!(reason(rig, &nobody), "AuthenticationFailed");
    let no_key = access(rig, |access| access.private_key = Secret("rubbish".into()));
    assert_eq!(reason(rig, &no_key), "KeyUnreadable");
    rig.host.run_checked("mkdir /etc/sudoers.off && mv /etc/sudoers.d/* /etc/sudoers.off/").unwrap();
    assert_eq!(reason(rig, &rig.target), "SudoRefused");
    rig.host.run_checked("mv /etc/sudoers.off/* /etc/sudoers.d/ && rmdir /etc/sudoers.off").unwrap();
}

fn a_known_key_is_enough(rig: &Rig<'_>) {
    let key = rig.host.run_checked("cat /etc/ssh/ssh_host_ed25519_key.pub").unwrap();
    let known = |line: String| access(rig, |access| access.host_keys = HostKeys::new(&[], &[line]).unwrap());
    works(rig, &known(format!("{} {key}", rig.target.address)));
    assert_eq!(reason(rig, &known(format!("elsewhere {key}"))), "HostKeyUnknown");
    let ca = std::fs::read_to_string(rig.host.ssh_access().host_ca_public_key()).unwrap();
    assert_eq!(reason(rig, &known(format!("access {ca}"))), "HostKeyMismatch");
}

/// A new key that only a user CA vouches for.
fn a_user_certificate_logs_in(rig: &Rig<'_>) {
    let dir = tempfile::tempdir().unwrap();
    let keygen = |args: &[&str]| {
        let output =
            std::process::Command::new("ssh-keygen").args(args).current_dir(dir.path()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    for name in ["ca", "user"] {
        keygen(&["-q", "-t", "ed25519", "-N", "", "-f", name]);
    }
    keygen(&["-q", "-s", "ca", "-I", "id", "-n", &rig.target.ssh.user, "user.pub"]);
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
    let trust = format!(
        "echo '{}' >/etc/ssh/user_ca && echo 'TrustedUserCAKeys /etc/ssh/user_ca' >>/etc/ssh/sshd_config && systemctl restart ssh",
        read("ca.pub").trim()
    );
    let key = access(rig, |access| access.private_key = Secret(read("user")));
    assert_eq!(reason(rig, &key), "AuthenticationFailed");
    rig.host.run_checked(&trust).unwrap();
    works(
        rig,
        &access(rig, |access| {
            access.private_key = Secret(read("user"));
            access.certificate = Some(read("user-cert.pub"));
        }),
    );
}
