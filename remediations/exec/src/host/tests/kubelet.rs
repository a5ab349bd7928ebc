//! The units of kubelet and runtime, and the kubelet's own health check, asked with each of the tools that hosts have.

use std::io::Read as _;
use std::net::TcpListener;

use super::*;

fn facts(machine: &Machine) -> Answer {
    machine.ask(Request::new("facts").with("packages", "").with("pid1_timeout", "1"))
}

/// The host with the health check at another port, and only `tool` to ask it with.
fn asking(machine: Machine, tool: &str, port: u16) -> Machine {
    let tools = "for tool in curl bash python3 python python2 /usr/libexec/platform-python ''";
    assert!(machine.program.contains(tools));
    let program = machine.program.replace(tools, &format!("for tool in {tool} ''"));
    let program = program.replace("10248", &port.to_string()).replace("-k 1 10 ", "-k 1 1 ");
    Machine { program, shell: machine.shell.clone(), dir: take_dir(machine) }
}

const TOOLS: [&str; 3] = ["curl", "bash", "python3"];

#[test]
fn the_units_are_told_as_systemd_has_them() {
    let block = "Id=kubelet.service\nLoadState=loaded\nActiveState=active\nSubState=running";
    for shell in SHELLS {
        let machine = Machine::new(shell);
        machine.tool("busctl", "exit 0\n");
        machine.tool("systemctl", &format!("case $* in *kubelet.service*) echo '{block}' ;; esac\n"));
        assert_eq!(facts(&machine).get("units"), Some(block));
        for script in
            ["exit 0\n", "exit 1\n", "case $* in *kubelet*) exec sleep 60 ;; esac\n", "exec sleep 60\n"]
        {
            machine.tool("systemctl", script);
            assert_eq!(facts(&machine).get("units"), None, "{script}");
        }
    }
}

#[test]
fn a_health_check_is_told_by_its_status() {
    for (shell, tool) in SHELLS.into_iter().flat_map(|shell| TOOLS.map(|tool| (shell, tool))) {
        for status in ["200", "500"] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let machine = asking(Machine::new(shell), tool, listener.local_addr().unwrap().port());
            let answering = std::thread::spawn(move || {
                let (mut caller, _) = listener.accept().unwrap();
                let mut request = [0; 512];
                let length = caller.read(&mut request).unwrap();
                let answer =
                    format!("HTTP/1.1 {status} Word\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
                caller.write_all(answer.as_bytes()).unwrap();
                String::from_utf8_lossy(&request[..length]).into_owned()
            });
            assert_eq!(facts(&machine).get("kubelet-healthz"), Some(status), "{tool}");
            assert!(answering.join().unwrap().starts_with("GET /healthz HTTP/1."), "{tool}");
        }
    }
}

/// As a kubelet that is stopped by a signal: the kernel takes the connection, and nobody answers.
#[test]
fn a_silent_health_check_is_silent_and_a_closed_port_refused() {
    for (shell, tool) in SHELLS.into_iter().flat_map(|shell| TOOLS.map(|tool| (shell, tool))) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let machine = asking(Machine::new(shell), tool, port);
        assert_eq!(facts(&machine).get("kubelet-healthz"), Some("silent"), "{tool}");
        drop(listener);
        assert_eq!(facts(&machine).get("kubelet-healthz"), Some("refused"), "{tool}");
    }
}

#[test]
fn without_a_tool_or_a_readable_answer_nothing_is_told() {
    for shell in SHELLS {
        let machine = asking(Machine::new(shell), "no-such-tool", 1);
        assert_eq!(facts(&machine).get("kubelet-healthz"), None);
        for said in ["echo SSH-2.0-x", "echo HTTP/1.1", "echo HTTP/1.1 fine", "exit 127"] {
            let machine = asking(Machine::new(shell), "curl", 1);
            machine.tool("curl", said);
            assert_eq!(facts(&machine).get("kubelet-healthz"), None, "{said}");
        }
    }
}
