//! A job starts at most once, and its state can be told whatever became of it.

use super::*;

/// A job that runs until its `go` pipe is written: its first step asks rpm.
fn slow_machine(shell: &str) -> Machine {
    let machine = Machine::new(shell);
    let go = machine.path("go");
    assert!(Command::new("mkfifo").arg(&go).status().unwrap().success());
    machine.tool(
        "rpm",
        &format!(
            "echo run >> {}; read -r _ < {}; echo =219-78.el7_9.9\n",
            machine.path("runs").display(),
            go.display()
        ),
    );
    machine
}

fn prepare() -> HostJob {
    HostJob::PackagePrepare(transaction())
}

#[test]
fn a_job_starts_once_and_outlives_its_connection() {
    for shell in SHELLS {
        let machine = slow_machine(shell);
        assert_eq!(machine.launch("i-1", 1, prepare()), "launched");
        wait_for(|| exists(&machine.path("runs")));
        assert!(matches!(machine.probe("i-1", 1, true), JobState::Running { .. }));
        assert_eq!(machine.launch("i-1", 1, prepare()), "already");
        std::fs::write(machine.path("go"), "\n").unwrap();
        let exit = machine.exit("i-1");
        assert_eq!(exit.code, Some(0), "{exit:?}");
        assert_eq!(exit.boot_id_before, exit.boot_id_now);
        assert_eq!(machine.launch("i-1", 1, prepare()), "already");
        assert_eq!(std::fs::read_to_string(machine.path("runs")).unwrap(), "run\n");
    }
}

#[test]
fn a_voided_intent_never_starts() {
    for shell in SHELLS {
        let machine = slow_machine(shell);
        assert_eq!(machine.probe("i-1", 1, false), JobState::NotStarted { voided: false });
        assert_eq!(machine.probe("i-1", 1, true), JobState::NotStarted { voided: true });
        assert_eq!(machine.launch("i-1", 1, prepare()), "Voided");
        assert_eq!(machine.probe("i-1", 1, false), JobState::NotStarted { voided: true });
        assert!(!machine.path("runs").exists());
    }
}

/// The launch was accepted, its process has not come to the lock yet, and a look voids the intent.
#[test]
fn a_job_that_was_voided_while_it_came_up_does_nothing() {
    for shell in SHELLS {
        let machine = slow_machine(shell);
        let started = machine.program.replace("setsid ", "true ").replace("await_start\n", "true\n");
        let held =
            Machine { dir: tempfile::tempdir().unwrap(), shell: machine.shell.clone(), program: started };
        assert_eq!(held.launch("i-1", 1, prepare()), "launched");
        assert_eq!(machine.probe("i-1", 1, true), JobState::NotStarted { voided: true });
        let late = Command::new(&machine.shell)
            .args(["-c", "eval \"$1\"", "nodemend", &machine.program, "job", "i-1"])
            .status()
            .unwrap();
        assert!(late.success());
        assert!(!machine.path("runs").exists());
        assert_eq!(machine.probe("i-1", 1, false), JobState::NotStarted { voided: true });
    }
}

#[test]
fn an_older_epoch_is_refused() {
    for shell in SHELLS {
        let machine = slow_machine(shell);
        let fence = |epoch: &str| machine.ask(Request::new("fence").with("epoch", epoch));
        assert_eq!(fence("7").get("epoch"), Some("7"));
        assert_eq!((fence("6").get("refused"), fence("6").get("seen")), (Some("Fenced"), Some("7")));
        assert_eq!(machine.launch("i-1", 6, prepare()), "Fenced");
        assert_eq!(machine.probe("i-1", 8, false), JobState::NotStarted { voided: false });
        assert_eq!(machine.launch("i-1", 7, prepare()), "Fenced");
        assert!(!machine.path("runs").exists());
    }
}

#[test]
fn a_killed_job_is_lost() {
    for shell in SHELLS {
        let machine = slow_machine(shell);
        assert_eq!(machine.launch("i-1", 1, prepare()), "launched");
        wait_for(|| exists(&machine.path("runs")));
        let pid = machine.pid("i-1");
        assert!(Command::new("kill").args(["-KILL", "--", &format!("-{pid}")]).status().unwrap().success());
        let state = wait_for(|| {
            Some(machine.probe("i-1", 1, false)).filter(|s| !matches!(s, JobState::Running { .. }))
        });
        assert!(matches!(state, JobState::Lost { boot_id: Some(_) }), "{state:?}");
    }
}

/// Writes the record of a job of this boot, as the program would, for a process of the test's choosing.
fn record(machine: &Machine, kind: &str, boot: &str, pid: u32, start: &str) {
    let dir = machine.path("state/jobs/i-1");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("job"), format!("1\n{boot}\n{kind}\n\n\n60\n\n")).unwrap();
    std::fs::write(dir.join("pid"), format!("{pid} {start} {boot}\n")).unwrap();
}

fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap().trim().to_owned()
}

/// Field 22 of `/proc/PID/stat`, and field 3.
fn start_and_state(pid: u32) -> (String, String) {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    (fields[19].to_owned(), fields[0].to_owned())
}

#[test]
fn a_process_that_nobody_reaps_is_over() {
    for shell in SHELLS {
        let machine = Machine::new(shell);
        let mut child = Command::new("true").spawn().unwrap();
        let start = wait_for(|| Some(start_and_state(child.id())).filter(|(_, state)| state == "Z")).0;
        record(&machine, "package-install", &boot_id(), child.id(), &start);
        assert!(matches!(machine.probe("i-1", 1, false), JobState::Lost { .. }));
        child.wait().unwrap();
    }
}

#[test]
fn a_process_number_used_again_is_not_the_job() {
    for shell in SHELLS {
        let machine = Machine::new(shell);
        let own = std::process::id();
        let start = start_and_state(own).0;
        record(&machine, "package-install", &boot_id(), own, &start);
        assert!(matches!(machine.probe("i-1", 1, false), JobState::Running { .. }));
        record(&machine, "package-install", &boot_id(), own, "1");
        assert!(matches!(machine.probe("i-1", 1, false), JobState::Lost { .. }));
    }
}

#[test]
fn a_restart_ends_a_reboot_job_and_loses_others() {
    for shell in SHELLS {
        let machine = Machine::new(shell);
        let own = std::process::id();
        let start = start_and_state(own).0;
        record(&machine, "reboot", "before", own, &start);
        let JobState::Exited(exit) = machine.probe("i-1", 1, false) else { panic!("the reboot is not over") };
        assert_eq!((exit.code, exit.boot_id_before.as_str()), (None, "before"));
        assert_eq!(exit.boot_id_now.as_str(), boot_id());
        record(&machine, "package-install", "before", own, &start);
        assert_eq!(machine.probe("i-1", 1, false), JobState::Lost { boot_id: Some(boot_id().into()) });
    }
}

#[test]
fn a_request_cut_anywhere_does_nothing() {
    for shell in SHELLS {
        let machine = slow_machine(shell);
        let whole =
            jobs::launch_request(&Launch { intent: "i-1".into(), epoch: 1, job: prepare() }).into_bytes();
        for length in [0, 3, 7, 20, whole.len() - 5, whole.len() - 1] {
            let output = machine.raw(&whole[..length]);
            assert_eq!(output.status.code(), Some(64), "{length} bytes: {output:?}");
            assert_eq!(Answer::decode(&output.stdout), Err(AnswerError::Cut));
        }
        assert!(!machine.path("state").exists());
    }
}

#[test]
fn arguments_are_data() {
    for shell in SHELLS {
        let machine = slow_machine(shell);
        let witness = machine.path("witness");
        for evil in ["$(touch WITNESS)", "a;touch WITNESS", "../../etc", "-x", "a b", "`touch WITNESS`"] {
            let evil = evil.replace("WITNESS", &witness.display().to_string());
            assert_eq!(machine.launch(&evil, 1, prepare()), "BadRequest");
            let job = HostJob::PackageInstall(PackageTransaction { name: evil, ..transaction() });
            assert_eq!(machine.launch("i-1", 1, job), "BadRequest");
        }
        assert!(!witness.exists());
        assert!(!machine.path("runs").exists());
    }
}

#[test]
fn a_state_folder_that_cannot_be_written_starts_nothing() {
    for shell in SHELLS {
        let machine = slow_machine(shell);
        std::fs::write(machine.path("state"), "in the way").unwrap();
        assert_eq!(machine.launch("i-1", 1, prepare()), "StateUnwritable");
        assert!(!machine.path("runs").exists());
    }
}

#[test]
fn records_of_jobs_that_are_over_can_be_cleaned_away() {
    for shell in SHELLS {
        let machine = Machine::new(shell);
        let own = std::process::id();
        record(&machine, "package-install", &boot_id(), own, &start_and_state(own).0);
        let old = machine.path("state/jobs/old");
        std::fs::create_dir_all(&old).unwrap();
        let dated = Command::new("touch")
            .args(["-d", "10 days ago"])
            .args([&old, &machine.path("state/jobs/i-1")])
            .status();
        assert!(dated.unwrap().success());
        let clean = |days: &str| machine.ask(Request::new("clean").with("epoch", "1").with("days", days));
        assert_eq!(clean("20").get("removed"), Some("0"));
        assert_eq!(clean("7").get("removed"), Some("1"));
        assert!(!old.exists());
        assert!(matches!(machine.probe("i-1", 1, false), JobState::Running { .. }));
    }
}
