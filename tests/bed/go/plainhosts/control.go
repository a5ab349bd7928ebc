package main

import (
	"bufio"
	"encoding/json"
	"net"
)

// order is one line on the control socket: a question about a node, or a fault to be put in or taken away.
type order struct {
	Node  string `json:"node"`
	Fault string `json:"fault"`
	Lift  bool   `json:"lift"`
}

// state is the answer, also one line.
type state struct {
	Error     string `json:"error,omitempty"`
	Installed string `json:"installed"`
	Running   string `json:"running"`
	BootID    string `json:"bootID"`
	Reboots   int    `json:"reboots"`
	Installs  int    `json:"installs"`
	Restarts  int    `json:"restarts"`
	Launches  int    `json:"launches"`
	MostBegun int    `json:"mostBegun"`
	Logins    int    `json:"logins"`
	Epoch     uint64 `json:"epoch"`
}

func serveControl(listener net.Listener, hosts *Hosts) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer connection.Close()
			lines, answers := bufio.NewScanner(connection), json.NewEncoder(connection)
			for lines.Scan() {
				if answers.Encode(obey(hosts, lines.Bytes())) != nil {
					return
				}
			}
		}()
	}
}

func obey(hosts *Hosts, line []byte) state {
	var o order
	if err := json.Unmarshal(line, &o); err != nil {
		return state{Error: err.Error()}
	}
	h := hosts.byNode[o.Node]
	if h == nil {
		return state{Error: "there is no node " + o.Node}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch o.Fault {
	case "":
	case faultInstall, faultUnreachable, faultReboot, faultTwice:
		h.faults[o.Fault] = !o.Lift
	case faultKubelet:
		h.stopKubelet(!o.Lift)
	default:
		return state{Error: "there is no fault " + o.Fault}
	}
	return h.witness()
}

// witness tells what was done to the host. The lock is held.
func (h *Host) witness() state {
	most := 0
	for _, times := range h.begun {
		most = max(most, times)
	}
	return state{
		Installed: h.installed, Running: h.running, BootID: h.bootID, Epoch: h.epoch, Logins: h.logins,
		Reboots: h.reboots, Installs: h.installs, Restarts: h.restarts,
		Launches: h.launches, MostBegun: most,
	}
}
