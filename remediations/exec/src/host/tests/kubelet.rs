//! The units of kubelet and runtime, the kubelet's own health check, asked with each of the tools that hosts have, and
//! whether the runtime answers.

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

/// The host with one runtime, whose socket is there.
fn with_runtime(socket: &str, tool: &str, script: &str) -> (Machine, std::os::unix::net::UnixListener) {
    let machine = Machine::new(SHELLS[0]);
    let here = machine.dir.path().join("runtime.sock");
    let listener = std::os::unix::net::UnixListener::bind(&here).unwrap();
    machine.tool(tool, script);
    assert!(machine.program.contains(socket));
    let program =
        machine.program.replace(socket, here.to_str().unwrap()).replace("ask runtime 8 ", "ask runtime 1 ");
    (Machine { program, shell: machine.shell.clone(), dir: take_dir(machine) }, listener)
}

#[test]
fn a_runtime_is_silent_only_when_it_says_nothing_within_its_time() {
    for (socket, tool) in [
        ("/run/containerd/containerd.sock", "ctr"),
        ("/run/crio/crio.sock", "crictl"),
        ("/run/docker.sock", "docker"),
    ] {
        for (script, told) in
            [("exit 0\n", "answers"), ("exit 1\n", "refused"), ("exec sleep 60\n", "silent")]
        {
            let (machine, _listener) = with_runtime(socket, tool, script);
            assert_eq!(facts(&machine).get("runtime"), Some(told), "{tool} {script}");
        }
    }
}

#[test]
fn a_host_without_a_runtime_that_is_known_tells_nothing_of_it() {
    let machine = Machine::new(SHELLS[0]);
    for tool in ["ctr", "crictl", "docker"] {
        machine.tool(tool, "exit 0\n");
    }
    let program = ["/run/containerd/containerd.sock", "/run/crio/crio.sock", "/run/docker.sock"]
        .iter()
        .fold(machine.program.clone(), |program, socket| program.replace(socket, "/nonexistent"));
    let machine = Machine { program, shell: machine.shell.clone(), dir: take_dir(machine) };
    assert_eq!(facts(&machine).get("runtime"), None);
}
