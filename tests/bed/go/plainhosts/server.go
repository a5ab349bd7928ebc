package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// How long a connection may last: longer than the client's own limits together would help nobody.
const connectionTime = 2 * time.Minute

// The beginning of every command line that the controller sends: its one program, with the program as an argument.
const (
	plainLine = `exec /bin/sh -c 'eval "$1"' nodemend '`
	sudoLine  = `exec sudo -n /bin/sh -c 'eval "$1"' nodemend '`
)

// Server speaks SSH for all hosts.
type Server struct {
	hosts  *Hosts
	ca     ssh.Signer
	client []byte
	mu     sync.Mutex
	// Made when a host is first asked for it.
	hostKeys map[string]ssh.Signer
}

func newServer(hosts *Hosts, keys string) (*Server, error) {
	text, err := os.ReadFile(filepath.Join(keys, "host_ca"))
	if err != nil {
		return nil, err
	}
	ca, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return nil, err
	}
	if text, err = os.ReadFile(filepath.Join(keys, "client.pub")); err != nil {
		return nil, err
	}
	client, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		return nil, err
	}
	return &Server{hosts: hosts, ca: ca, client: client.Marshal(), hostKeys: map[string]ssh.Signer{}}, nil
}

func (s *Server) serve(listener net.Listener) error {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go s.talk(connection)
	}
}

// talk answers one connection. A host that is down or not reachable says nothing: the connection is cut.
func (s *Server) talk(connection net.Conn) {
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(connectionTime))
	address, _, _ := net.SplitHostPort(connection.LocalAddr().String())
	host := s.hosts.byAddress[address]
	if host == nil || !host.login() {
		return
	}
	config, err := s.config(host)
	if err != nil {
		fmt.Fprintln(os.Stderr, address, err)
		return
	}
	_, channels, requests, err := ssh.NewServerConn(connection, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for channel := range channels {
		if channel.ChannelType() != "session" {
			_ = channel.Reject(ssh.UnknownChannelType, "sessions only")
			continue
		}
		session, requests, err := channel.Accept()
		if err != nil {
			return
		}
		go runSession(host, session, requests)
	}
}

func (s *Server) config(host *Host) (*ssh.ServerConfig, error) {
	key, err := s.hostKey(host)
	if err != nil {
		return nil, err
	}
	config := &ssh.ServerConfig{
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if !bytes.Equal(key.Marshal(), s.client) {
				return nil, errors.New("not the bed's client key")
			}
			return nil, nil
		},
	}
	config.AddHostKey(key)
	return config, nil
}

// hostKey is the host's own key with a certificate that names the node and its address, as on real hosts.
func (s *Server) hostKey(host *Host) (ssh.Signer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if key := s.hostKeys[host.address]; key != nil {
		return key, nil
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return nil, err
	}
	certificate := &ssh.Certificate{
		Key: signer.PublicKey(), CertType: ssh.HostCert, KeyId: host.node,
		ValidPrincipals: []string{host.node, host.address}, ValidBefore: ssh.CertTimeInfinity,
	}
	if err := certificate.SignCert(rand.Reader, s.ca); err != nil {
		return nil, err
	}
	key, err := ssh.NewCertSigner(certificate, signer)
	if err == nil {
		s.hostKeys[host.address] = key
	}
	return key, err
}

func runSession(host *Host, session ssh.Channel, requests <-chan *ssh.Request) {
	defer session.Close()
	for r := range requests {
		if r.Type != "exec" {
			_ = r.Reply(false, nil)
			continue
		}
		var command struct{ Line string }
		err := ssh.Unmarshal(r.Payload, &command)
		_ = r.Reply(err == nil, nil)
		if err == nil {
			exit(session, execute(host, session, command.Line))
		}
		return
	}
}

// execute stands in for the shell: the controller's program is answered for, anything else is not found.
func execute(host *Host, session ssh.Channel, line string) uint32 {
	if !strings.HasPrefix(line, plainLine) && !strings.HasPrefix(line, sudoLine) {
		fmt.Fprintln(session.Stderr(), "this is a stand-in: it answers the controller's program and runs nothing else")
		return 127
	}
	r, complete := readRequest(session)
	if !complete {
		return 64
	}
	_, _ = session.Write(encode(host.answer(r)))
	return 0
}

func exit(session ssh.Channel, status uint32) {
	_, _ = session.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{status}))
}
