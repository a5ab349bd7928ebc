package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const osRelease = "NAME=\"CentOS Linux\"\nVERSION=\"7 (Core)\"\nID=\"centos\"\nVERSION_ID=\"7\"\n"

// answer does what a complete request asks for, under the host's lock as on a real host.
func (h *Host) answer(r request) []field {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch r.verb {
	case "facts":
		return h.facts(r)
	case "launch", "probe", "fence", "clean":
	default:
		return refused("BadRequest", "this program does not know the verb")
	}
	epoch, err := strconv.ParseUint(r.values["epoch"], 10, 63)
	if err != nil {
		return refused("BadRequest", "epoch must be a whole number")
	}
	if epoch < h.epoch {
		return refused("Fenced", fmt.Sprintf("epoch %d is below %d, the highest that this host has seen", epoch, h.epoch))
	}
	h.epoch = epoch
	switch r.verb {
	case "launch":
		return h.launch(r)
	case "probe":
		return h.probe(r)
	case "clean":
		return h.clean(r)
	}
	return []field{{"epoch", strconv.FormatUint(epoch, 10)}}
}

func (h *Host) facts(r request) []field {
	exe := "/usr/lib/systemd/systemd"
	if h.running != h.installed {
		exe += " (deleted)"
	}
	var packages strings.Builder
	for _, name := range strings.Fields(r.values["packages"]) {
		if name == "systemd" {
			fmt.Fprintf(&packages, "%s\t%s\n", name, h.installed)
		}
	}
	up := time.Since(h.booted).Seconds()
	facts := []field{
		{"os-release", osRelease}, {"uname-m", "x86_64"}, {"uname-r", "3.10.0-1160.el7.x86_64"}, {"boot-id", h.bootID},
		{"uptime", fmt.Sprintf("%.2f %.2f", up, up)}, {"pid1-exe", exe}, {"packages", packages.String()}, {"pid1", "answers"},
	}
	return append(facts, h.units()...)
}

func (h *Host) launch(r request) []field {
	intent, kind := r.values["intent"], r.values["kind"]
	names := map[string]string{
		"package-prepare": "systemd", "package-install": "systemd", "reboot": r.values["name"], "service-restart": "kubelet.service",
	}
	name, known := names[kind]
	if !known {
		return refused("BadRequest", "this program does not know the job kind")
	}
	if r.values["name"] != name {
		return refused("BadRequest", "the stand-in knows the package systemd and the unit kubelet.service alone")
	}
	if job := h.jobs[intent]; job != nil {
		if job.void {
			return refused("Voided", "this intent was voided; a retry needs a new intent id")
		}
		return []field{{"state", "already"}}
	}
	job := &Job{kind: kind, version: r.values["version"], boot: h.bootID, started: time.Now()}
	h.jobs[intent] = job
	h.begin(job)
	h.begun[intent]++
	if kind != "package-prepare" {
		h.launches++
	}
	if h.faults[faultTwice] {
		h.beginAgain(job)
		h.begun[intent]++
	}
	return []field{{"state", "launched"}}
}

func (h *Host) probe(r request) []field {
	intent := r.values["intent"]
	job := h.jobs[intent]
	if job != nil && !job.void {
		return h.state(job)
	}
	if job == nil && r.values["void"] == "yes" {
		job = &Job{void: true, started: time.Now()}
		h.jobs[intent] = job
	}
	voided := "no"
	if job != nil {
		voided = "yes"
	}
	return []field{{"state", "not-started"}, {"voided", voided}}
}

func (h *Host) clean(r request) []field {
	days, err := strconv.Atoi(r.values["days"])
	if err != nil {
		return refused("BadRequest", "days must be a whole number")
	}
	removed := 0
	for intent, job := range h.jobs {
		over := job.void || !job.ended.IsZero() || job.boot != h.bootID
		if over && time.Since(job.started) > time.Duration(days)*24*time.Hour {
			delete(h.jobs, intent)
			removed++
		}
	}
	return []field{{"removed", strconv.Itoa(removed)}}
}

func refused(reason, message string) []field {
	return []field{{"refused", reason}, {"message", message}}
}
