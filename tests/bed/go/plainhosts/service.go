package main

import "strconv"

// stopKubelet ends the kubelet's process, or has it started again by nobody that counts. The host's lock is held.
func (h *Host) stopKubelet(stopped bool) {
	if stopped {
		h.kubeletPID = 0
		go h.kubelets.report(h.node, fields{"conditions": []fields{ready("Unknown", "NodeStatusUnknown", "kubelet stopped")}})
		return
	}
	h.startKubelet()
}

// startKubelet gives the kubelet another main process. The host's lock is held.
func (h *Host) startKubelet() {
	h.restarts++
	h.kubeletPID = firstPID + h.restarts
	go h.kubelets.report(h.node, fields{"conditions": []fields{ready("True", "KubeletReady", "stand-in")}})
}

// restartKubelet is what systemd does with its unit. The host's lock is held.
func (h *Host) restartKubelet(job *Job) {
	job.say("pid-before", strconv.Itoa(h.kubeletPID))
	job.say("since-before", strconv.Itoa(h.kubeletPID))
	job.say("ordered", "yes")
	h.startKubelet()
	job.say("exit-code", "0")
	job.say("pid-after", strconv.Itoa(h.kubeletPID))
	job.say("since-after", strconv.Itoa(h.kubeletPID))
	job.say("active", "active")
	job.say("sub", "running")
}

// units are the properties of the units that the controller asks about, and what the kubelet's health check says.
func (h *Host) units() []field {
	active, healthz := "ActiveState=active\nSubState=running\n", "200"
	if h.kubeletPID == 0 {
		active, healthz = "ActiveState=inactive\nSubState=dead\n", "refused"
	}
	kubelet := "Id=kubelet.service\nLoadState=loaded\n" + active
	containerd := "Id=containerd.service\nLoadState=loaded\nActiveState=active\nSubState=running\n"
	return []field{{"units", kubelet + "\n" + containerd}, {"kubelet-healthz", healthz}}
}
