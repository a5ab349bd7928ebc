package main

import (
	"strconv"
	"time"
)

// Job is what was launched under one intent.
type Job struct {
	kind    string
	version string
	boot    string
	void    bool
	started time.Time
	// Zero while the job runs.
	ended  time.Time
	code   int
	report []field
	output string
}

// begin starts the job's work. The host's lock is held.
func (h *Host) begin(job *Job) {
	switch job.kind {
	case "package-prepare":
		time.AfterFunc(prepareTime, func() { h.end(job, h.prepare) })
	case "package-install":
		time.AfterFunc(installTime, func() { h.end(job, h.install) })
	case "service-restart":
		time.AfterFunc(restartTime, func() { h.end(job, h.restartKubelet) })
	case "reboot":
		job.say("pid1", "answers")
		job.say("synced", "true")
		job.say("orderly", "true")
		h.reboot()
	}
}

// beginAgain does the job's work once more when the first time is over, whatever has become of the host meanwhile.
func (h *Host) beginAgain(job *Job) {
	time.AfterFunc(installTime+shutdownTime+bootTime, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.begin(job)
	})
}

// end does what the job is for. A job of an earlier boot was lost with it.
func (h *Host) end(job *Job, work func(*Job)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if job.boot == h.bootID && !h.down {
		work(job)
		job.ended = time.Now()
	}
}

func (h *Host) prepare(job *Job) {
	if h.installed == job.version {
		job.say("already", "true")
		job.say("transaction", "")
		return
	}
	if h.resolve(job) {
		job.say("already", "false")
	}
}

func (h *Host) install(job *Job) {
	if h.installed == job.version {
		job.say("already", "true")
		job.say("installed", h.installed)
		return
	}
	job.say("already", "false")
	if !h.resolve(job) {
		return
	}
	if h.faults[faultInstall] {
		job.say("exit-code", "1")
		job.say("installed", h.installed)
		job.fail("TransactionFailed", "the stand-in was told to let installations fail")
		return
	}
	h.installed = job.version
	h.installs++
	job.say("exit-code", "0")
	job.say("installed", h.installed)
}

// resolve tells the transaction, if the repository has what is wanted.
func (h *Host) resolve(job *Job) bool {
	if job.version != h.available {
		job.fail("NoSuchVersion", "no repository leads from "+h.installed+" to systemd-"+job.version)
		return false
	}
	job.say("transaction", "Upgrading systemd "+job.version+"\n")
	return true
}

func (j *Job) say(key, value string) { j.report = append(j.report, field{key, value}) }

func (j *Job) fail(reason, message string) {
	j.say("reason", reason)
	j.say("message", message)
	j.output, j.code = message+"\n", 1
}

// state tells how the job stands. The host's lock is held.
func (h *Host) state(job *Job) []field {
	switch {
	case !job.ended.IsZero():
		return append([]field{{"state", "exited"}, {"code", strconv.Itoa(job.code)}}, h.told(job)...)
	case job.kind == "reboot" && job.boot != h.bootID:
		return append([]field{{"state", "exited"}}, h.told(job)...)
	case job.boot != h.bootID:
		return []field{{"state", "lost"}, {"boot-now", h.bootID}}
	}
	return []field{{"state", "running"}, {"seconds", strconv.Itoa(int(time.Since(job.started).Seconds()))}}
}

func (h *Host) told(job *Job) []field {
	fields := []field{{"boot-before", job.boot}, {"boot-now", h.bootID}}
	for _, f := range job.report {
		fields = append(fields, field{"report." + f.key, f.value})
	}
	return append(fields, field{"output", job.output})
}
