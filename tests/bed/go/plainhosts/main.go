// A stand-in for the hosts behind plain nodes: one SSH server that answers for thousands of addresses.
//
// It is not a host. It takes the controller's logins for real, with a host certificate for each address, and then
// answers the controller's host program by its own state of that address instead of running it. It also reports what
// a kubelet would about a restart. The program itself is tested on real hosts.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"os"
)

// Settings are what the bed says about the hosts.
type Settings struct {
	first     net.IP
	count     int
	prefix    string
	listen    string
	control   string
	keys      string
	installed string
	available string
	server    string
	pki       string
	hasten    int
}

func settings() Settings {
	var s Settings
	first := flag.String("first-address", "", "address of node 0; the others follow")
	flag.IntVar(&s.count, "count", 0, "number of hosts")
	flag.StringVar(&s.prefix, "node-prefix", "plain-", "beginning of the names of nodes")
	flag.StringVar(&s.listen, "listen", "0.0.0.0:22", "where SSH is served")
	flag.StringVar(&s.control, "control", "", "socket for faults and questions")
	flag.StringVar(&s.keys, "keys", "", "folder with the host CA and the client's public key")
	flag.StringVar(&s.installed, "installed", "", "version of systemd at first")
	flag.StringVar(&s.available, "available", "", "version of systemd that the repository holds")
	flag.StringVar(&s.server, "server", "", "URL of the API server")
	flag.StringVar(&s.pki, "pki", "", "folder with ca.crt, admin.crt and admin.key")
	flag.IntVar(&s.hasten, "hasten", 1, "how many times faster everything on a host is")
	flag.Parse()
	if s.hasten < 1 {
		log.Fatalf("-hasten %d is not at least 1", s.hasten)
	}
	if s.first = net.ParseIP(*first).To4(); s.first == nil {
		log.Fatalf("-first-address %q is not an IPv4 address", *first)
	}
	return s
}

func main() {
	if err := run(settings()); err != nil {
		fmt.Fprintln(os.Stderr, "plainhosts:", err)
		os.Exit(1)
	}
}

func run(s Settings) error {
	kubelets, err := newKubelets(s.server, s.pki)
	if err != nil {
		return err
	}
	hasten(s.hasten)
	hosts := newHosts(s, kubelets)
	ssh, err := newServer(hosts, s.keys)
	if err != nil {
		return err
	}
	control, err := net.Listen("unix", s.control)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp4", s.listen)
	if err != nil {
		return err
	}
	go serveControl(control, hosts)
	return ssh.serve(listener)
}
