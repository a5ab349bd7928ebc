//! Package jobs against stand-ins that print what yum 3.4 and dnf 4 print.

use super::*;

/// The table of yum 3.4, with a name that wraps.
const WIDE: &str = "\
Resolving Dependencies

================================================================================
 Package                  Arch      Version             Repository       Size
================================================================================
Updating:
 systemd                  x86_64    219-78.el7_9.9      updates         5.1 M
Installing for dependencies:
 a-package-with-a-name-that-is-far-too-long
                          noarch    1-1                 base             10 k
     replacing  old-thing.noarch 1-0

Transaction Summary
================================================================================
Upgrade  1 Package (+1 Dependent package)
";
/// The table of dnf 4.
const NARROW: &str = "\
Dependencies resolved.
================================================================================
 Package         Architecture   Version                 Repository         Size
================================================================================
Upgrading:
 systemd         x86_64         219-78.el7_9.9          bed                50 k
 systemd-libs    x86_64         219-78.el7_9.9          bed                50 k

Transaction Summary
================================================================================
Upgrade  2 Packages
";

/// A host with one package at `installed`, whose yum runs `script` with `$*` as its arguments.
fn machine(shell: &str, installed: &str, script: &str) -> Machine {
    let machine = Machine::new(shell);
    let (db, bin) = (machine.path("db"), machine.path("bin"));
    std::fs::write(&db, installed).unwrap();
    machine.tool("rpm", &format!(
        "case $* in *--initdb*) [ ! -e {0}/locked ] || {{ echo 'warning: waiting for transaction lock on .rpm.lock' >&2; exec sleep 60; }} ;;\n\
         *SOURCERPM*) echo systemd.src.rpm ;;\n*) cat {1} ;;\nesac\n", bin.display(), db.display()));
    machine.tool("yum", script);
    std::fs::write(machine.path("wide"), WIDE).unwrap();
    std::fs::write(machine.path("narrow"), NARROW).unwrap();
    // The real package manager of the machine that runs the tests stays out of it.
    Machine {
        program: machine.program.replace("for manager in dnf yum", "for manager in yum"),
        shell: machine.shell.clone(),
        dir: take_dir(machine),
    }
}

fn run(machine: &Machine, job: HostJob) -> JobExit {
    assert_eq!(machine.launch("i-1", 1, job), "launched");
    machine.exit("i-1")
}

fn script(machine_file: &str, rest: &str) -> String {
    format!(
        "cd \"${{0%/*}}/..\"\ncase $* in *--assumeno*upgrade*) cat {machine_file}; exit 1 ;; esac\n{rest}"
    )
}

#[test]
fn prepare_records_the_whole_transaction() {
    for shell in SHELLS {
        let machine = machine(
            shell,
            "=219-62.el7\n",
            &script("narrow", "echo 'exiting because \"Download Only\" specified'; exit 1\n"),
        );
        let exit = run(&machine, HostJob::PackagePrepare(transaction()));
        assert_eq!(exit.code, Some(0), "{exit:?}");
        assert_eq!(
            exit.report["transaction"],
            "Upgrading systemd 219-78.el7_9.9\nUpgrading systemd-libs 219-78.el7_9.9\n"
        );
        assert_eq!(exit.report["already"], "false");
        assert_eq!(exit.report["before"], "219-62.el7", "what an undo goes back to");
        assert_eq!(exit.report["apart"], "", "all of it was built together");
        assert!(exit.output.contains("Dependencies resolved"), "{}", exit.output);
    }
}

#[test]
fn prepare_refuses_what_the_playbook_does_not_allow() {
    for shell in SHELLS {
        let machine = machine(shell, "=219-62.el7\n", &script("wide", "exit 0\n"));
        let exit = run(&machine, HostJob::PackagePrepare(transaction()));
        assert_eq!(exit.report["reason"], "TransactionTooWide", "{exit:?}");
        assert!(exit.report["message"].contains("a-package-with-a-name-that-is-far-too-long"), "{exit:?}");
        assert_eq!(
            exit.report["transaction"],
            "Updating systemd 219-78.el7_9.9\nInstalling a-package-with-a-name-that-is-far-too-long 1-1\nReplacing old-thing.noarch\n"
        );
    }
}

#[test]
fn prepare_names_what_a_way_back_would_not_take_along() {
    let yum = script("narrow", "echo 'exiting because \"Download Only\" specified'; exit 1\n");
    let machine = machine("dash", "=219-62.el7\n", &yum);
    let rpm = std::fs::read_to_string(machine.path("bin/rpm")).unwrap();
    let stranger = rpm.replace("case $* in ", "case $* in *SOURCERPM*systemd-libs) echo other.src.rpm ;;\n");
    assert_ne!(rpm, stranger);
    std::fs::write(machine.path("bin/rpm"), stranger).unwrap();
    let exit = run(&machine, HostJob::PackagePrepare(transaction()));
    assert_eq!((exit.code, exit.report["apart"].as_str()), (Some(0), "systemd-libs"), "{exit:?}");
}

#[test]
fn prepare_refuses_two_installed_versions() {
    let machine = machine("dash", "=219-62.el7\n=219-67.el7\n", "exit 0\n");
    let exit = run(&machine, HostJob::PackagePrepare(transaction()));
    assert_eq!(exit.report["reason"], "DuplicateVersions", "{exit:?}");
}

#[test]
fn a_way_back_that_no_repository_has_changes_nothing() {
    for (yum, reason) in [
        ("echo 'No package systemd-219-62.el7 available.'; exit 1\n", "NoSuchVersion"),
        ("echo 'Error: Failed to download metadata for repo bed'; exit 1\n", "RepositoryUnavailable"),
    ] {
        let yum = format!("echo \"$*\" >>\"${{0%/*}}/../calls\"\n{yum}");
        let machine = machine("dash", "=219-78.el7_9.9\n", &yum);
        let back = PackageTransaction { version: "219-62.el7".into(), ..transaction() };
        let exit = run(&machine, HostJob::PackageInstall(back));
        assert_eq!((exit.code, exit.report["reason"].as_str()), (Some(1), reason), "{exit:?}");
        let calls = std::fs::read_to_string(machine.path("calls")).unwrap();
        assert!(calls.lines().all(|call| call.contains("--assumeno")), "only asked: {calls}");
    }
}

#[test]
fn prepare_tells_causes_apart() {
    for (yum, reason) in [
        ("echo 'Error: Failed to download metadata for repo bed'; exit 1\n", "RepositoryUnavailable"),
        (
            "echo 'failure: repodata/repomd.xml from bed: [Errno 256] No more mirrors to try.'; exit 1\n",
            "RepositoryUnavailable",
        ),
        ("echo 'No package systemd-219-78.el7_9.9 available.'; exit 1\n", "NoSuchVersion"),
        ("echo 'Existing lock /var/run/yum.pid'; exit 200\n", "PackageLocked"),
        ("echo 'write error: No space left on device'; exit 1\n", "DiskFull"),
    ] {
        let machine = machine("dash", "=219-62.el7\n", yum);
        let exit = run(&machine, HostJob::PackagePrepare(transaction()));
        assert_eq!((exit.code, exit.report["reason"].as_str()), (Some(1), reason), "{exit:?}");
    }
}

#[test]
fn prepare_finds_a_held_package_database() {
    let machine = machine("bash", "=219-62.el7\n", "exit 0\n");
    std::fs::write(machine.path("bin/locked"), "").unwrap();
    let exit = run(&machine, HostJob::PackagePrepare(transaction()));
    assert_eq!(exit.report["reason"], "PackageLocked", "{exit:?}");
}

#[test]
fn install_is_judged_by_the_package_database() {
    for shell in SHELLS {
        let works = machine(shell, "=219-62.el7\n", &script("narrow", "echo =219-78.el7_9.9 >db; exit 1\n"));
        let exit = run(&works, HostJob::PackageInstall(transaction()));
        assert_eq!((exit.code, exit.report["installed"].as_str()), (Some(0), "219-78.el7_9.9"), "{exit:?}");
        let fails = machine(shell, "=219-62.el7\n", &script("narrow", "exit 0\n"));
        let exit = run(&fails, HostJob::PackageInstall(transaction()));
        assert_eq!((exit.code, exit.report["reason"].as_str()), (Some(1), "TransactionFailed"), "{exit:?}");
        assert_eq!(exit.report["installed"], "219-62.el7");
    }
}

#[test]
fn what_is_there_already_is_not_installed_again() {
    for shell in SHELLS {
        let machine = machine(shell, "=219-78.el7_9.9\n", "touch \"${0%/*}/../called\"\n");
        let exit = run(&machine, HostJob::PackageInstall(transaction()));
        assert_eq!((exit.code, exit.report["already"].as_str()), (Some(0), "true"));
        assert!(!machine.path("called").exists());
    }
}

#[test]
fn a_downgrade_takes_its_siblings_along() {
    let yum = "cd \"${0%/*}/..\"; echo \"$*\" >>calls\ncase $* in\n*upgrade*) echo 'Nothing to do' ;;\n\
               *--assumeno*) printf 'Downgrading:\\n systemd x86_64 219-62.el7 base 5 M\\n' ;;\n*) echo =219-62.el7 >db ;;\nesac\n";
    let machine = machine("dash", "=219-78.el7_9.9\n", yum);
    let job = HostJob::PackageInstall(PackageTransaction { version: "219-62.el7".into(), ..transaction() });
    let exit = run(&machine, job);
    assert_eq!(exit.code, Some(0), "{exit:?}");
    let calls = std::fs::read_to_string(machine.path("calls")).unwrap();
    assert!(
        calls.lines().last().unwrap().ends_with("-y downgrade systemd-219-62.el7 systemd-libs-219-62.el7"),
        "{calls}"
    );
}

#[test]
fn two_installed_versions_are_left_to_a_person() {
    let machine = machine("dash", "=219-62.el7\n=219-78.el7_9.9\n", "exit 0\n");
    let exit = run(&machine, HostJob::PackageInstall(transaction()));
    assert_eq!(exit.report["reason"], "DuplicateVersions");
    assert_eq!(exit.report["installed"], "219-62.el7\n219-78.el7_9.9");
}
