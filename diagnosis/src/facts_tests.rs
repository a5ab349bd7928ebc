//! What is read from what hosts print, and what is not.

use super::*;
use proptest::prelude::*;

const CENTOS: &str = "NAME=\"CentOS Linux\"\nVERSION=\"7 (Core)\"\nID=\"centos\"\nID_LIKE=\"rhel fedora\"\nVERSION_ID=\"7\"\n\n\
# a comment\nANSI_COLOR='0;31'\nBUILD=plain-1.0\nESCAPED=\"a \\\"b\\\" \\$c\"\nBROKEN=\"open\nnot an assignment\n";

/// In the order that systemctl likes.
const UNITS: &str = "Id=kubelet.service\nLoadState=loaded\nActiveState=active\nSubState=running\n\n\
Id=crio.service\nSubState=dead\nLoadState=not-found\nActiveState=inactive\n";

fn facts_of(values: &[(&str, &str)]) -> Facts {
    let raw = values.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    parse(&raw, Time(7))
}

#[test]
fn a_complete_reading() {
    let facts = facts_of(&[
        (key::OS_RELEASE, CENTOS),
        (key::ARCHITECTURE, "x86_64\n"),
        (key::KERNEL, "3.10.0-957.el7.x86_64\n"),
        (key::BOOT_ID, "1e1e4b4c-9c4e-4b57-9f3a-0a1b2c3d4e5f\n"),
        (key::UPTIME, "12345.67 54321.00\n"),
        (key::PACKAGES, "systemd\t(none):219-62.el7\nsystemd\t219-78.el7_9.9\nsystemd-libs\t0:219-62.el7\n"),
        (key::PID1_EXE, "/usr/lib/systemd/systemd (deleted)\n"),
        (key::PID1, "silent\n"),
        (key::UNITS, UNITS),
        (key::KUBELET_HEALTHZ, "500"),
        (key::RUNTIME, "silent\n"),
    ]);
    assert_eq!(facts.observed_at, Time(7));
    assert_eq!(facts.architecture.as_deref(), Some("x86_64"));
    assert_eq!(facts.kernel.as_deref(), Some("3.10.0-957.el7.x86_64"));
    assert_eq!(facts.boot_id, Some("1e1e4b4c-9c4e-4b57-9f3a-0a1b2c3d4e5f".into()));
    assert_eq!(facts.uptime_seconds, Some(12_345));
    assert_eq!(facts.package("systemd").unwrap(), ["219-62.el7", "219-78.el7_9.9"]);
    assert_eq!(facts.package("systemd-libs").unwrap(), ["0:219-62.el7"]);
    assert_eq!(facts.package("kernel").unwrap(), [""; 0]);
    assert_eq!(facts.pid1_is_stale(), Some(true));
    assert_eq!(facts.pid1, Some(Pid1::Silent));
    let units: Vec<_> =
        facts.units.iter().flatten().map(|(id, unit)| (id.as_str(), unit.active.as_str())).collect();
    assert_eq!(units, [("crio.service", "inactive"), ("kubelet.service", "active")]);
    assert_eq!(facts.kubelet_healthz, Some(Healthz::Status(500)));
    assert_eq!(facts.runtime, Some(Runtime::Silent));
    assert_eq!(facts_of(&[(key::RUNTIME, "slow")]).runtime, None);
}

#[test]
fn os_release_is_unquoted_as_a_shell_would() {
    let facts = facts_of(&[(key::OS_RELEASE, CENTOS)]);
    assert_eq!(facts.os("NAME"), Some("CentOS Linux"));
    assert_eq!(facts.os("ID_LIKE"), Some("rhel fedora"));
    assert_eq!(facts.os("ANSI_COLOR"), Some("0;31"));
    assert_eq!(facts.os("BUILD"), Some("plain-1.0"));
    assert_eq!(facts.os("ESCAPED"), Some("a \"b\" $c"));
    assert_eq!(facts.os("BROKEN"), None);
    assert_eq!(facts.os_release.unwrap().len(), 8);
}

#[test]
fn what_was_not_sent_is_unknown() {
    assert_eq!(facts_of(&[]), Facts { observed_at: Time(7), ..Facts::default() });
}

#[test]
fn garbage_is_unknown() {
    for (key, value) in [
        (key::OS_RELEASE, "cat: /etc/os-release: No such file or directory"),
        (key::OS_RELEASE, "ID=two words"),
        (key::ARCHITECTURE, ""),
        (key::ARCHITECTURE, "uname: not found"),
        (key::KERNEL, "\u{1b}[31m"),
        (key::BOOT_ID, "not-a-uuid"),
        (key::BOOT_ID, "1e1e4b4c-9c4e-4b57-9f3a-0a1b2c3d4e5g"),
        (key::UPTIME, "soon"),
        (key::UPTIME, "99999999999999999999.0 1.0"),
        (key::PACKAGES, "package systemd is not installed"),
        (key::PACKAGES, "systemd\t219-62.el7\nerror: rpmdb open failed"),
        (key::PACKAGES, "systemd\t219"),
        (key::PID1_EXE, "readlink: Permission denied"),
        (key::PID1, "maybe"),
        (key::UNITS, ""),
        (key::UNITS, "Failed to connect to bus"),
        (key::UNITS, "Id=kubelet.service\nLoadState=loaded\nActiveState=active\nSubState="),
        (key::UNITS, "Id=kubelet.service\nLoadState=loaded\nSubState=running"),
        (key::KUBELET_HEALTHZ, "ok"),
        (key::KUBELET_HEALTHZ, "0"),
        (key::KUBELET_HEALTHZ, "99999"),
    ] {
        let facts = facts_of(&[(key, value)]);
        assert_eq!(facts, Facts { observed_at: Time(7), ..Facts::default() }, "{key}: {value}");
    }
}

#[test]
fn an_empty_package_list_is_known_and_empty() {
    assert_eq!(facts_of(&[(key::PACKAGES, "\n")]).packages, Some(BTreeMap::new()));
}

proptest! {
    #[test]
    fn no_text_makes_parsing_panic(text in "\\PC{0,60}", shell in "[A-Z]{1,2}=[\"'\\\\a $]{0,8}") {
        let keys = [
            key::OS_RELEASE, key::ARCHITECTURE, key::KERNEL, key::BOOT_ID, key::UPTIME, key::PACKAGES, key::PID1_EXE, key::PID1,
            key::UNITS, key::KUBELET_HEALTHZ,
        ];
        let _ = facts_of(&keys.map(|key| (key, text.as_str())));
        let _ = facts_of(&[(key::OS_RELEASE, &shell)]);
    }
}
