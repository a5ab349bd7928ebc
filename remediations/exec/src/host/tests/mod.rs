//! The program itself, run for real under the shells that hosts have, with its state in a temporary folder.
//!
//! Only constants of its text are rewritten: the state folder, the search path (so that a stand-in for `rpm` and
//! `yum` can be put in front) and the shell that starts jobs.

mod facts;
mod kubelet;
mod launch;
mod packages;
mod services;

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use nodemend_core::op::{HostJob, JobExit, JobState, Launch, PackageTransaction, Probe, ServiceJob};

use super::jobs;
use super::program::PROGRAM;
use super::protocol::{Answer, AnswerError, Request};

/// What `sh` is on Debian, and on the Red Hat family. Run as `sh`, so that bash keeps to POSIX.
const SHELLS: [&str; 2] = ["dash", "bash"];

/// A host as far as the program sees one.
struct Machine {
    dir: tempfile::TempDir,
    shell: PathBuf,
    program: String,
}

impl Machine {
    fn new(shell: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let as_sh = dir.path().join("sh");
        std::os::unix::fs::symlink(which(shell), &as_sh).unwrap();
        let shell = as_sh;
        std::fs::create_dir(dir.path().join("bin")).unwrap();
        let program = PROGRAM
            .replace("STATE=/var/lib/nodemend", &format!("STATE={}", dir.path().join("state").display()))
            .replace(
                "PATH=/usr/local/sbin",
                &format!("PATH={}:/usr/local/sbin", dir.path().join("bin").display()),
            )
            .replace("/bin/sh", &shell.display().to_string());
        assert_ne!(program, PROGRAM);
        Self { dir, shell, program }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Puts a stand-in for a tool on the path.
    fn tool(&self, name: &str, script: &str) {
        let path = self.path("bin").join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Gives the program `input`, as a connection would.
    fn raw(&self, input: &[u8]) -> Output {
        let mut child = Command::new(&self.shell)
            .args(["-c", "eval \"$1\"", "nodemend", &self.program])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap()
    }

    fn ask(&self, request: Request) -> Answer {
        let output = self.raw(&request.into_bytes());
        Answer::decode(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
    }

    fn launch(&self, intent: &str, epoch: u64, job: HostJob) -> String {
        let answer = self.ask(jobs::launch_request(&Launch { intent: intent.into(), epoch, job }));
        answer.get("state").or(answer.get("refused")).unwrap().to_owned()
    }

    fn probe(&self, intent: &str, epoch: u64, void_unstarted: bool) -> JobState {
        let answer = self.ask(jobs::probe_request(&Probe { intent: intent.into(), epoch, void_unstarted }));
        jobs::state(&answer).unwrap_or_else(|| panic!("{answer:?}"))
    }

    /// Looks until the job is over.
    fn exit(&self, intent: &str) -> JobExit {
        wait_for(|| match self.probe(intent, 1, false) {
            JobState::Exited(exit) => Some(exit),
            JobState::Running { .. } => None,
            other => panic!("{other:?}"),
        })
    }

    fn pid(&self, intent: &str) -> String {
        let record = std::fs::read_to_string(self.path("state/jobs").join(intent).join("pid")).unwrap();
        record.split(' ').next().unwrap().to_owned()
    }
}

impl Drop for Machine {
    /// Jobs outlive their parents by design: each leads a process group of its own, which ends here.
    fn drop(&mut self) {
        let Ok(jobs) = std::fs::read_dir(self.path("state/jobs")) else { return };
        for job in jobs.flatten() {
            let record = std::fs::read_to_string(job.path().join("pid")).unwrap_or_default();
            if let (Some(pid), false) =
                (record.split(' ').next().filter(|pid| !pid.is_empty()), job.path().join("exit").exists())
            {
                let _ = Command::new("kill")
                    .args(["-KILL", "--", &format!("-{pid}")])
                    .stderr(Stdio::null())
                    .status();
            }
        }
    }
}

fn take_dir(mut machine: Machine) -> tempfile::TempDir {
    std::mem::replace(&mut machine.dir, tempfile::tempdir().unwrap())
}

fn which(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.exists()).unwrap()
}

/// Asks until there is an answer, for at most half a minute.
fn wait_for<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "it did not happen in time");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn transaction() -> PackageTransaction {
    PackageTransaction {
        name: "systemd".into(),
        version: "219-78.el7_9.9".into(),
        allow: vec!["systemd-libs".into()],
    }
}

fn exists(path: &Path) -> Option<()> {
    path.exists().then_some(())
}
