package main

import (
	"crypto/rand"
	"fmt"
	"sync"
	"time"
)

// How long things take on a host of this kind. Real ones take longer; `-hasten` makes them shorter still.
var (
	prepareTime = 300 * time.Millisecond
	installTime = 700 * time.Millisecond
	restartTime = 300 * time.Millisecond
	// From the order to the end of the last process.
	shutdownTime = 500 * time.Millisecond
	bootTime     = 2 * time.Second
)

// The first main process of a kubelet; each restart takes the next number.
const firstPID = 1000

// Faults that can be asked for.
const (
	faultInstall     = "install-fails"
	faultUnreachable = "unreachable"
	faultReboot      = "reboot-never-returns"
	faultKubelet     = "kubelet-stopped"
	// Each job's work is done twice: what a controller that repeats itself would bring about.
	faultTwice = "jobs-run-twice"
)

// Host is the state behind one address.
type Host struct {
	mu        sync.Mutex
	node      string
	address   string
	kubelets  *Kubelets
	available string
	installed string
	running   string
	bootID    string
	booted    time.Time
	down      bool
	reboots   int
	installs  int
	restarts  int
	logins    int
	epoch     uint64
	jobs      map[string]*Job
	// How often the work of each intent was begun.
	begun map[string]int
	// Intents of jobs that disturb the host: all but those that prepare.
	launches int
	faults   map[string]bool
	// The kubelet's main process; none while it does not run.
	kubeletPID int
}

// hasten divides all times.
func hasten(by int) {
	for _, span := range []*time.Duration{&prepareTime, &installTime, &restartTime, &shutdownTime, &bootTime} {
		*span /= time.Duration(by)
	}
}

// Hosts are all of them, by address and by the node's name.
type Hosts struct {
	byAddress map[string]*Host
	byNode    map[string]*Host
}

func newHosts(s Settings, kubelets *Kubelets) *Hosts {
	hosts := &Hosts{byAddress: map[string]*Host{}, byNode: map[string]*Host{}}
	first := uint32(s.first[0])<<24 | uint32(s.first[1])<<16 | uint32(s.first[2])<<8 | uint32(s.first[3])
	for number := range s.count {
		a := first + uint32(number)
		host := &Host{
			node:      fmt.Sprintf("%s%05d", s.prefix, number),
			address:   fmt.Sprintf("%d.%d.%d.%d", a>>24, a>>16&255, a>>8&255, a&255),
			kubelets:  kubelets,
			available: s.available,
			installed: s.installed,
			running:   s.installed,
			// As the bed wrote it into the node's status.
			bootID: fmt.Sprintf("00000000-0000-4000-8000-%012d", number),
			booted: time.Now(),
			jobs:   map[string]*Job{},
			begun:  map[string]int{},
			faults: map[string]bool{},

			kubeletPID: firstPID,
		}
		hosts.byAddress[host.address], hosts.byNode[host.node] = host, host
	}
	return hosts
}

// login counts a connection; false means that nobody answers.
func (h *Host) login() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.logins++
	return !h.down && !h.faults[faultUnreachable]
}

// reboot takes the host down and brings it up again under another boot id. The lock is held.
func (h *Host) reboot() {
	boot := h.bootID
	time.AfterFunc(shutdownTime, func() {
		h.mu.Lock()
		if h.bootID != boot || h.down {
			h.mu.Unlock()
			return
		}
		h.down = true
		returns := !h.faults[faultReboot]
		h.mu.Unlock()
		h.kubelets.report(h.node, notReady())
		if returns {
			time.AfterFunc(bootTime, h.start)
		}
	})
}

func (h *Host) start() {
	h.mu.Lock()
	h.bootID, h.booted, h.down = newUUID(), time.Now(), false
	h.running = h.installed
	h.reboots++
	boot := h.bootID
	h.mu.Unlock()
	h.kubelets.report(h.node, readyAfter(boot))
}

func newUUID() string {
	var b [16]byte
	// It never fails on Linux.
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
