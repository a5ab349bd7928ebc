//! What a host printed, turned into facts. What cannot be read is unknown; nothing here fails.
//!
//! The program on the host sends each value as it found it, under the keys of [`key`]. A value that is missing
//! or not of the expected form is left out, because a wrong fact would start or clear a repair.

use std::collections::BTreeMap;

use nodemend_core::facts::{Facts, Healthz, Pid1, Runtime, UnitState};
use nodemend_core::ids::BootId;
use nodemend_core::time::Time;
use nodemend_core::version::Evr;

/// The keys under which a host sends its values.
pub mod key {
    /// The text of `/etc/os-release`.
    pub const OS_RELEASE: &str = "os-release";
    /// What `uname -m` says.
    pub const ARCHITECTURE: &str = "uname-m";
    /// What `uname -r` says.
    pub const KERNEL: &str = "uname-r";
    /// The text of `/proc/sys/kernel/random/boot_id`.
    pub const BOOT_ID: &str = "boot-id";
    /// The text of `/proc/uptime`.
    pub const UPTIME: &str = "uptime";
    /// The highest epoch of a controller that the host obeys; missing where none has done anything.
    pub const EPOCH: &str = "epoch";
    /// Installed packages, a line each: name, tab, `[epoch:]version-release`.
    pub const PACKAGES: &str = "packages";
    /// Where `/proc/1/exe` points to.
    pub const PID1_EXE: &str = "pid1-exe";
    /// How PID 1 answered: `answers`, `silent` or `refused`.
    pub const PID1: &str = "pid1";
    /// Units of systemd, a block of `Name=value` lines each: `Id`, `LoadState`, `ActiveState`, `SubState`.
    pub const UNITS: &str = "units";
    /// What the kubelet's health check said: an HTTP status, `silent` or `refused`.
    pub const KUBELET_HEALTHZ: &str = "kubelet-healthz";
    /// How the container runtime answered: `answers`, `silent` or `refused`.
    pub const RUNTIME: &str = "runtime";
}

/// The facts in the raw values of a host that was read at `observed_at`.
pub fn parse(raw: &BTreeMap<String, String>, observed_at: Time) -> Facts {
    let value = |key: &str| raw.get(key).map(String::as_str);
    Facts {
        observed_at,
        os_release: value(key::OS_RELEASE).and_then(os_release),
        architecture: value(key::ARCHITECTURE).and_then(word),
        kernel: value(key::KERNEL).and_then(word),
        boot_id: value(key::BOOT_ID).and_then(boot_id),
        uptime_seconds: value(key::UPTIME).and_then(uptime),
        epoch: value(key::EPOCH).and_then(|text| text.trim_ascii().parse().ok()),
        packages: value(key::PACKAGES).and_then(packages),
        pid1_exe: value(key::PID1_EXE).and_then(pid1_exe),
        pid1: value(key::PID1).and_then(pid1),
        units: value(key::UNITS).and_then(units),
        kubelet_healthz: value(key::KUBELET_HEALTHZ).and_then(healthz),
        runtime: value(key::RUNTIME).and_then(runtime),
    }
}

/// One word of printable ASCII, as `uname` prints.
fn word(text: &str) -> Option<String> {
    let word = text.trim_ascii();
    let is_word = (1..=128).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_graphic());
    is_word.then(|| word.to_owned())
}

/// A boot id is a UUID: five groups of hexadecimal digits.
fn boot_id(text: &str) -> Option<BootId> {
    let id = text.trim_ascii();
    let groups: Vec<usize> = id.split('-').map(str::len).collect();
    let is_uuid =
        groups == [8, 4, 4, 4, 12] && id.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    is_uuid.then(|| BootId(id.to_ascii_lowercase()))
}

/// The whole seconds of the first of the two numbers in `/proc/uptime`.
fn uptime(text: &str) -> Option<u64> {
    let (seconds, fraction) = text.split_ascii_whitespace().next()?.split_once('.')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(seconds) && is_number(fraction)).then(|| seconds.parse().ok())?
}

/// Every package that is listed. One line that cannot be read makes all of them unknown: it could be the line
/// of the package that somebody asks for.
fn packages(text: &str) -> Option<BTreeMap<String, Vec<String>>> {
    let mut packages = BTreeMap::<_, Vec<_>>::new();
    for line in text.lines().filter(|line| !line.trim_ascii().is_empty()) {
        let (name, version) = line.split_once('\t')?;
        let version = version.trim_ascii();
        // RPM prints a missing epoch so when it is asked for the bare tag.
        let version = version.strip_prefix("(none):").unwrap_or(version);
        version.parse::<Evr>().ok()?;
        packages.entry(word(name)?).or_default().push(version.to_owned());
    }
    Some(packages)
}

/// A path on one line, with the kernel's ` (deleted)` where it has one.
fn pid1_exe(text: &str) -> Option<String> {
    let path = text.trim_ascii();
    let is_path = path.starts_with('/') && path.len() <= 4096 && !path.contains(char::is_control);
    is_path.then(|| path.to_owned())
}

fn pid1(text: &str) -> Option<Pid1> {
    match text.trim_ascii() {
        "answers" => Some(Pid1::Answers),
        "silent" => Some(Pid1::Silent),
        "refused" => Some(Pid1::Refused),
        _ => None,
    }
}

/// Every unit that is listed. One block that cannot be read makes all of them unknown, as with packages.
fn units(text: &str) -> Option<BTreeMap<String, UnitState>> {
    let blocks = text.trim_ascii().split("\n\n").map(str::trim_ascii);
    blocks.map(unit).collect()
}

fn unit(block: &str) -> Option<(String, UnitState)> {
    let mut values = BTreeMap::new();
    for line in block.lines() {
        let (name, value) = line.split_once('=')?;
        values.insert(name, word(value)?);
    }
    let mut value = |name| values.remove(name);
    let state =
        UnitState { load: value("LoadState")?, active: value("ActiveState")?, sub: value("SubState")? };
    Some((value("Id")?, state))
}

fn healthz(text: &str) -> Option<Healthz> {
    match text.trim_ascii() {
        "silent" => Some(Healthz::Silent),
        "refused" => Some(Healthz::Refused),
        status => status.parse().ok().filter(|status| (100..=599).contains(status)).map(Healthz::Status),
    }
}

fn runtime(text: &str) -> Option<Runtime> {
    match text.trim_ascii() {
        "answers" => Some(Runtime::Answers),
        "silent" => Some(Runtime::Silent),
        "refused" => Some(Runtime::Refused),
        _ => None,
    }
}

/// The assignments of an os-release file. A line that is none is left out; a file without any is unknown.
fn os_release(text: &str) -> Option<BTreeMap<String, String>> {
    let fields: BTreeMap<_, _> = text.lines().filter_map(assignment).collect();
    (!fields.is_empty()).then_some(fields)
}

fn assignment(line: &str) -> Option<(String, String)> {
    let (name, value) = line.trim_ascii().split_once('=')?;
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_name {
        return None;
    }
    Some((name.to_owned(), unquote(value.trim_ascii_end())?))
}

/// A value as os-release(5) writes it: a shell word, in single, in double or without quotes.
fn unquote(value: &str) -> Option<String> {
    if let Some(inner) = value.strip_prefix('\'') {
        let inner = inner.strip_suffix('\'')?;
        return (!inner.contains('\'')).then(|| inner.to_owned());
    }
    let (inner, quoted) = match value.strip_prefix('"') {
        Some(rest) => (rest, true),
        None => (value, false),
    };
    let mut text = String::new();
    let mut rest = inner.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => text.push(rest.next()?),
            '"' if quoted => return rest.as_str().is_empty().then_some(text),
            '"' | '\'' | '$' | '`' | ';' | '&' | '|' | '<' | '>' | ' ' | '\t' if !quoted => return None,
            c => text.push(c),
        }
    }
    (!quoted).then_some(text)
}

#[cfg(test)]
#[path = "facts_tests.rs"]
mod tests;
