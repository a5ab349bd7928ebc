//! The service job against stand-ins of systemctl that keep one unit in a file.

use nodemend_core::time::Span;

use super::*;

/// A unit as `systemctl show` prints it.
const RUNNING: &str =
    "LoadState=loaded\nActiveState=active\nSubState=running\nMainPID=7\nActiveEnterTimestampMonotonic=100\n";

/// A host with one unit, whose systemctl runs `restart` when it is told to restart that unit.
fn machine(shell: &str, unit: &str, restart: &str) -> Machine {
    let machine = Machine::new(shell);
    std::fs::write(machine.path("unit"), unit).unwrap();
    machine.tool(
        "systemctl",
        &format!(
            "cd {}\ncase $* in\n'restart -- kubelet.service') echo restart >>orders\n{restart} ;;\nrestart*) echo \"$*\" >>orders ;;\n\
             *--property=Version*) [ ! -e hung ] || exec sleep 60 ;;\nshow*) [ ! -e hung ] || exec sleep 60; cat unit ;;\nesac\n",
            machine.dir.path().display()
        ),
    );
    machine
}

fn restart(unit: &str) -> HostJob {
    HostJob::RestartService(ServiceJob { unit: unit.into(), limit: Span::seconds(2) })
}

fn ended(machine: &Machine) -> JobExit {
    assert_eq!(machine.launch("i-1", 1, restart("kubelet.service")), "launched");
    machine.exit("i-1")
}

fn orders(machine: &Machine) -> String {
    std::fs::read_to_string(machine.path("orders")).unwrap_or_default()
}

#[test]
fn a_restart_reports_the_main_process_before_and_after() {
    for shell in SHELLS {
        let machine = machine(shell, RUNNING, "sed -i s/PID=7/PID=8/ unit");
        let exit = ended(&machine);
        assert_eq!(exit.code, Some(0), "{exit:?}");
        for (key, value) in
            [("pid-before", "7"), ("pid-after", "8"), ("active", "active"), ("exit-code", "0")]
        {
            assert_eq!(exit.report[key], value, "{key}");
        }
        assert_eq!(orders(&machine), "restart\n");
    }
}

#[test]
fn a_restart_that_changes_nothing_is_told_as_it_is() {
    for shell in SHELLS {
        let exit = ended(&machine(shell, RUNNING, "exit 0"));
        assert_eq!(
            (&exit.report["pid-before"], &exit.report["exit-code"]),
            (&exit.report["pid-after"], &"0".into())
        );
        let exit = ended(&machine(shell, RUNNING, "sed -i 's/=active/=failed/;s/=7/=0/' unit; exit 1"));
        assert_eq!((exit.report["active"].as_str(), exit.report["exit-code"].as_str()), ("failed", "1"));
    }
}

#[test]
fn a_unit_that_is_masked_or_not_there_is_not_restarted() {
    for shell in SHELLS {
        for (load, reason) in
            [("masked", "UnitMasked"), ("not-found", "UnitNotFound"), ("error", "UnitNotLoaded")]
        {
            let machine = machine(shell, &RUNNING.replace("loaded", load), "true");
            let exit = ended(&machine);
            assert_eq!((exit.code, exit.report["reason"].as_str()), (Some(1), reason));
            assert!(exit.report["message"].contains("kubelet.service"), "{exit:?}");
            assert_eq!(orders(&machine), "");
        }
    }
}

#[test]
fn a_pid1_that_hangs_is_not_asked_to_restart_anything() {
    for shell in SHELLS {
        let machine = machine(shell, RUNNING, "true");
        std::fs::write(machine.path("hung"), "").unwrap();
        let started = Instant::now();
        let exit = ended(&machine);
        assert_eq!((exit.code, exit.report["reason"].as_str()), (Some(1), "ManagerSilent"));
        assert!(!exit.report.contains_key("ordered") && orders(&machine).is_empty());
        assert!(started.elapsed() < Duration::from_secs(15), "told in seconds: {:?}", started.elapsed());
    }
}

#[test]
fn a_pid1_that_hangs_under_the_order_is_told_with_the_order() {
    for shell in SHELLS {
        let exit = ended(&machine(shell, RUNNING, "touch hung; exec sleep 60"));
        assert_eq!((exit.code, exit.report["reason"].as_str()), (Some(1), "ManagerSilent"));
        assert_eq!(exit.report["ordered"], "yes");
    }
}

#[test]
fn only_the_name_of_a_service_is_taken() {
    for shell in SHELLS {
        let machine = machine(shell, RUNNING, "true");
        for unit in ["kubelet", "kubelet.socket", "--all.service", "a b.service", "$(id).service", ""] {
            assert_eq!(machine.launch("i-1", 1, restart(unit)), "BadRequest", "{unit}");
        }
        assert_eq!(orders(&machine), "");
    }
}
