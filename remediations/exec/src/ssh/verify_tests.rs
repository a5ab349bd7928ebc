//! Host keys and certificates made by `ssh-keygen`, as sshd would show them.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::ssh::HostKeys;
use crate::target::{Secret, SshAccess, Target};

/// 2026-06-01, when the certificates of these tests are valid.
const NOW: u64 = 1_780_272_000;
const VALID: &str = "20260101000000Z:20270101000000Z";

/// A folder of keys.
struct Keys(tempfile::TempDir);

impl Keys {
    fn new() -> Self {
        let keys = Self(tempfile::tempdir().unwrap());
        for (name, kind) in [
            ("ca", "ed25519"),
            ("other-ca", "ed25519"),
            ("host", "ed25519"),
            ("ecdsa", "ecdsa"),
            ("rsa", "rsa"),
        ] {
            keygen(&["-q", "-t", kind, "-N", "", "-f", name], keys.0.path());
        }
        keys
    }

    fn line(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.path().join(format!("{name}.pub"))).unwrap().trim().to_owned()
    }

    /// What SSH sends for the key: the decoded second field of its line.
    fn blob(&self, name: &str) -> Vec<u8> {
        STANDARD.decode(self.line(name).split(' ').nth(1).unwrap()).unwrap()
    }

    fn sign(&self, options: &[&str]) -> Vec<u8> {
        keygen(&[&["-q", "-I", "id"], options, &["host.pub"]].concat(), self.0.path());
        self.blob("host-cert")
    }

    fn trusting_ca(&self) -> HostKeys {
        HostKeys::new(&[self.line("ca")], &[]).unwrap()
    }
}

fn keygen(args: &[&str], dir: &Path) {
    let output = Command::new("ssh-keygen").args(args).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

fn check(keys: &HostKeys, blob: &[u8], now: u64) -> Result<(), HostKeyError> {
    let target = Target {
        node: "node-1".into(),
        node_uid: "u".into(),
        address: "10.0.0.7".into(),
        ssh: Arc::new(SshAccess {
            port: 2222,
            ..SshAccess::new("root", Secret(String::new()), keys.clone())
        }),
        pid1_timeout: Duration::from_secs(5),
        still: crate::target::Still::default(),
    };
    verify(&keys.of(&target), ["node-1", "10.0.0.7"], blob, now)
}

fn known(line: &str) -> HostKeys {
    HostKeys::new(&[], &[line.to_owned()]).unwrap()
}

#[test]
fn a_certificate_must_name_the_host_and_be_valid_now() {
    let keys = Keys::new();
    let trusted = keys.trusting_ca();
    let mismatch = |blob: &[u8], now, why: &str| {
        let error = check(&trusted, blob, now).unwrap_err();
        assert_eq!(error.reason(), "HostKeyMismatch", "{error}");
        assert!(error.to_string().contains(why), "{error}");
    };
    let good = keys.sign(&["-s", "ca", "-h", "-n", "node-1,other", "-V", VALID]);
    assert_eq!(check(&trusted, &good, NOW), Ok(()));
    mismatch(&good, NOW - 365 * 86_400, "not valid today");
    mismatch(&good, NOW + 365 * 86_400, "not valid today");
    let endless = keys.sign(&["-s", "ca", "-h", "-n", "node-1"]);
    assert_eq!(check(&trusted, &endless, NOW + 100 * 365 * 86_400), Ok(()));
    let by_address = keys.sign(&["-s", "ca", "-h", "-n", "10.0.0.7", "-V", VALID]);
    assert_eq!(check(&trusted, &by_address, NOW), Ok(()));
    mismatch(&keys.sign(&["-s", "ca", "-h", "-n", "node-2", "-V", VALID]), NOW, "node-2");
    mismatch(&keys.sign(&["-s", "ca", "-h", "-V", VALID]), NOW, "it names []");
    mismatch(&keys.sign(&["-s", "ca", "-n", "node-1", "-V", VALID]), NOW, "user's certificate");
}

#[test]
fn a_certificate_of_another_authority_or_with_a_changed_byte_is_refused() {
    let keys = Keys::new();
    let trusted = keys.trusting_ca();
    let foreign = keys.sign(&["-s", "other-ca", "-h", "-n", "node-1", "-V", VALID]);
    assert_eq!(check(&trusted, &foreign, NOW).unwrap_err().reason(), "HostKeyUnknown");
    for validity in [VALID, "always:forever"] {
        let mut forged = keys.sign(&["-s", "ca", "-h", "-n", "node-2", "-V", validity]);
        let place = forged.windows(6).position(|w| w == b"node-2").unwrap() + 5;
        forged[place] = b'1';
        assert!(matches!(check(&trusted, &forged, NOW), Err(HostKeyError::Certificate { .. })));
    }
}

#[test]
fn keys_of_every_kind_can_be_certified_and_a_cut_certificate_is_refused() {
    let keys = Keys::new();
    let trusted = keys.trusting_ca();
    for kind in ["host", "ecdsa", "rsa"] {
        keygen(&["-q", "-I", "id", "-s", "ca", "-h", "-n", "node-1", &format!("{kind}.pub")], keys.0.path());
        let blob = keys.blob(&format!("{kind}-cert"));
        assert_eq!(check(&trusted, &blob, NOW), Ok(()), "{kind}");
        for length in [40, blob.len() / 2, blob.len() - 1] {
            assert!(
                matches!(check(&trusted, &blob[..length], NOW), Err(HostKeyError::Unreadable(_))),
                "{kind} {length}"
            );
        }
    }
    let rsa_ca = HostKeys::new(&[keys.line("rsa")], &[]).unwrap();
    let by_rsa = keys.sign(&["-s", "rsa", "-h", "-n", "node-1"]);
    assert_eq!(check(&rsa_ca, &by_rsa, NOW), Ok(()));
}

#[test]
fn plain_keys_of_every_kind_are_compared_with_known_ones() {
    let keys = Keys::new();
    for kind in ["host", "ecdsa", "rsa"] {
        let trusted = known(&format!("[node-1]:2222 {}", keys.line(kind)));
        assert_eq!(check(&trusted, &keys.blob(kind), NOW), Ok(()), "{kind}");
        let other = if kind == "host" { "rsa" } else { "host" };
        assert_eq!(
            check(&trusted, &keys.blob(other), NOW).unwrap_err().reason(),
            "HostKeyMismatch",
            "{kind}"
        );
        let elsewhere = known(&format!("node-2 {}", keys.line(kind)));
        assert_eq!(
            check(&elsewhere, &keys.blob(kind), NOW).unwrap_err().reason(),
            "HostKeyUnknown",
            "{kind}"
        );
    }
    assert_eq!(check(&HostKeys::default(), &keys.blob("host"), NOW).unwrap_err().reason(), "HostKeyUnknown");
}

#[test]
fn markers_of_known_hosts_are_honoured() {
    let keys = Keys::new();
    let certificate = keys.sign(&["-s", "ca", "-h", "-n", "node-1", "-V", VALID]);
    let line = |text: &str| text.replace("CA", &keys.line("ca")).replace("HOST", &keys.line("host"));
    let authority = line("@cert-authority [node-*]:2222 CA");
    assert_eq!(check(&known(&authority), &certificate, NOW), Ok(()));
    assert!(check(&known(&line("@cert-authority node-2 CA")), &certificate, NOW).is_err());
    let revoked = HostKeys::new(&[], &[authority, line("@revoked * HOST")]).unwrap();
    assert!(matches!(check(&revoked, &certificate, NOW), Err(HostKeyError::Revoked(_))));
    // Known by itself, whoever signed it.
    assert_eq!(check(&known(&line("[10.0.0.7]:2222 HOST")), &certificate, NOW), Ok(()));
}

#[test]
fn a_host_is_asked_for_the_key_by_which_it_is_known() {
    let keys = Keys::new();
    let methods = |trusted: &HostKeys| {
        let access = SshAccess::new("root", Secret(String::new()), trusted.clone());
        let target = Target {
            node: "node-1".into(),
            node_uid: "u".into(),
            address: "10.0.0.7".into(),
            ssh: Arc::new(access),
            pid1_timeout: Duration::from_secs(5),
            still: crate::target::Still::default(),
        };
        trusted.of(&target).methods()
    };
    assert!(
        methods(&known(&format!("node-1 {}", keys.line("rsa"))))
            .starts_with("rsa-sha2-512,rsa-sha2-256,ssh-ed25519")
    );
    assert!(methods(&known(&format!("node-1 {}", keys.line("ecdsa")))).starts_with("ecdsa-sha2-nistp256,"));
    assert!(methods(&keys.trusting_ca()).starts_with("ssh-ed25519-cert-v01@openssh.com,"));
}

#[test]
fn a_bad_line_is_named() {
    let error = HostKeys::new(&[], &["# a comment".into(), "node-1 ssh-ed25519 rubbish".into()]).unwrap_err();
    assert!(error.to_string().starts_with("known_hosts line 2:"), "{error}");
    assert!(
        HostKeys::new(&["rubbish".into()], &[]).unwrap_err().to_string().starts_with("host authority 1 ")
    );
}
