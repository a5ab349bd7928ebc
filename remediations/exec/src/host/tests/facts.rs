//! What is read of a host, and what is left out.

use super::*;

fn facts(machine: &Machine, packages: &str) -> Answer {
    machine.ask(Request::new("facts").with("packages", packages).with("pid1_timeout", "1"))
}

#[test]
fn facts_are_read_in_one_answer_without_state() {
    for shell in SHELLS {
        let machine = Machine::new(shell);
        machine.tool("rpm", "printf 'systemd\\t219-62.el7\\nsystemd\\t219-78.el7_9.9\\npackage kernel-x is not installed\\n'; exit 1\n");
        let facts = facts(&machine, "systemd kernel-x");
        assert_eq!(facts.get("packages"), Some("systemd\t219-62.el7\nsystemd\t219-78.el7_9.9"));
        assert!(facts.get("os-release").unwrap().contains("ID="));
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        assert_eq!(facts.get("boot-id"), Some(boot.trim()));
        assert!(facts.get("uptime").unwrap().contains('.'));
        assert!(facts.get("uname-r").is_some() && facts.get("uname-m").is_some());
        // Where PID 1 cannot be looked at, the key is absent.
        let exe = std::fs::read_link("/proc/1/exe").ok().map(|path| path.display().to_string());
        assert_eq!(facts.get("pid1-exe"), exe.as_deref());
        assert!(!machine.path("state").exists());
    }
}

#[test]
fn a_package_database_that_cannot_be_read_leaves_the_key_out() {
    for shell in SHELLS {
        for script in [
            "echo 'error: rpmdb open failed' >&2; exit 1\n",
            "echo 'error: rpmdb'; exit 1\n",
            "printf 'a\\t1-1\\nrubbish\\n'\n",
        ] {
            let machine = Machine::new(shell);
            machine.tool("rpm", script);
            assert_eq!(facts(&machine, "a").get("packages"), None, "{script}");
        }
        let machine = Machine::new(shell);
        machine.tool("rpm", "echo 'package a is not installed'; exit 1\n");
        assert_eq!(facts(&machine, "a").get("packages"), Some(""));
    }
}

#[test]
fn how_pid1_answers() {
    let (answers, refused, silent) = ("exit 0\n", "exit 1\n", "exec sleep 60\n");
    for shell in SHELLS {
        for (own_socket, bus, expected) in [
            (answers, answers, "answers"),
            (answers, refused, "refused"),
            (answers, silent, "refused"),
            (silent, answers, "silent"),
            (refused, answers, "answers"),
            (refused, silent, "silent"),
            (refused, refused, "refused"),
        ] {
            let machine = Machine::new(shell);
            machine.tool("systemctl", own_socket);
            machine.tool("busctl", bus);
            assert_eq!(facts(&machine, "").get("pid1"), Some(expected), "{own_socket}{bus}");
        }
    }
}
