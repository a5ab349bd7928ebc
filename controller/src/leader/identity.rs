//! Who this process is, and whether the process that holds a Lease is certainly over.
//!
//! A Lease carries, beside its holder's name, which process of which machine that is. Another process of the same machine
//! can tell from it that the holder was killed, and need not wait for the Lease to run out. In a pod, processes of other
//! pods cannot be seen, so there nobody is ever taken for dead.

use std::fs;

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

/// One process of one machine, in a form that a Lease's annotation can carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    /// The kernel's boot id.
    boot: String,
    /// The namespace in which `pid` counts, as the kernel names it.
    namespace: String,
    pid: String,
    /// When it was started, in ticks since the boot: a pid can be given again.
    start: String,
}

impl Process {
    /// This process; `None` where `/proc` does not say.
    pub(super) fn own() -> Option<Self> {
        let pid = std::process::id().to_string();
        Some(Self { boot: boot()?, namespace: namespace()?, start: start_of(&pid)?, pid })
    }

    /// Reads what [`Process::text`] wrote.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ').map(str::to_owned);
        let process =
            Self { boot: words.next()?, namespace: words.next()?, pid: words.next()?, start: words.next()? };
        let is_pid = process.pid.bytes().all(|byte| byte.is_ascii_digit());
        (is_pid && !process.pid.is_empty() && words.next().is_none()).then_some(process)
    }

    /// As a line of text.
    pub(super) fn text(&self) -> String {
        [&*self.boot, &self.namespace, &self.pid, &self.start].join(" ")
    }

    /// Whether it was a process of this boot of this machine, whose pids we can see, and is there no more. A zombie counts
    /// as alive: it proves nothing about its threads.
    pub(super) fn has_ended(&self) -> bool {
        // A namespace of the same name that is not ours is gone, and all of its processes with it.
        boot().as_ref() == Some(&self.boot)
            && namespace().as_ref() == Some(&self.namespace)
            && is_over(&self.pid, &self.start)
    }
}

/// A name for this process that no other has: the host's, or the pod's, with something random behind.
pub(super) fn identity() -> String {
    let named = std::env::var("POD_NAME").or_else(|_| fs::read_to_string("/proc/sys/kernel/hostname"));
    let name = named.ok().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    let random = fs::read_to_string("/proc/sys/kernel/random/uuid").unwrap_or_else(|_| fallback());
    let random: String = random.chars().filter(char::is_ascii_alphanumeric).take(12).collect();
    format!("{}_{random}", name.as_deref().unwrap_or("nodemend"))
}

/// Where `/proc` gives nothing random: the time and the pid, which no other process of this machine shares.
fn fallback() -> String {
    format!("{:x}{:x}", std::process::id(), crate::clock::now().0)
}

fn boot() -> Option<String> {
    Some(fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned())
}

fn namespace() -> Option<String> {
    Some(fs::read_link("/proc/self/ns/pid").ok()?.to_str()?.to_owned())
}

/// Asked of the kernel, for `/proc` may hide what others run.
fn is_over(pid: &str, start: &str) -> bool {
    let Ok(number) = pid.parse() else { return false };
    match kill(Pid::from_raw(number), None) {
        Err(Errno::ESRCH) => true,
        _ => start_of(pid).is_some_and(|now| now != start),
    }
}

/// Field 22 of `/proc/PID/stat`; the command's name before it may hold spaces and brackets.
fn start_of(pid: &str) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(") ")?;
    after_name.split(' ').nth(19).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_is_over_when_it_is_gone_and_not_before() {
        let own = Process::own().unwrap();
        assert_eq!(Process::parse(&own.text()), Some(own.clone()));
        assert!(!own.has_ended());
        let mut other = Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().unwrap();
        let pid = other.id().to_string();
        let other_process = Process { start: start_of(&pid).unwrap(), pid, ..own };
        assert!(!other_process.has_ended());
        other.kill().unwrap();
        other.wait().unwrap();
        assert!(other_process.has_ended());
    }

    #[test]
    fn a_pid_that_was_given_again_is_another_process() {
        let own = Process::own().unwrap();
        assert!(Process { start: "1".to_owned(), ..own }.has_ended());
    }

    #[test]
    fn of_other_machines_boots_and_namespaces_nothing_is_known() {
        let gone = Process { pid: "4194305".to_owned(), ..Process::own().unwrap() };
        assert!(gone.has_ended(), "it is beyond the highest pid of Linux");
        assert!(!Process { boot: "another".to_owned(), ..gone.clone() }.has_ended());
        assert!(!Process { namespace: "pid:[1]".to_owned(), ..gone }.has_ended());
        for text in ["", "a b c", "a b ../1 d", "a b 1 d e"] {
            assert_eq!(Process::parse(text), None, "{text}");
        }
    }

    #[test]
    fn no_two_processes_have_one_name() {
        assert_ne!(identity(), identity());
    }
}
