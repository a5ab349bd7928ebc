package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// How many reports may be on their way at once.
const reportsAtOnce = 16

// Kubelets tell the API server about restarts. Everything else about a node is another stand-in's work.
type Kubelets struct {
	server string
	client *http.Client
	places chan struct{}
}

func newKubelets(server, pki string) (*Kubelets, error) {
	certificate, err := tls.LoadX509KeyPair(filepath.Join(pki, "admin.crt"), filepath.Join(pki, "admin.key"))
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(pki, "ca.crt"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("no certificate in %s/ca.crt", pki)
	}
	transport := &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{certificate}},
		MaxIdleConnsPerHost: reportsAtOnce,
	}
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	return &Kubelets{server: server, client: client, places: make(chan struct{}, reportsAtOnce)}, nil
}

type fields = map[string]any

// notReady is what a kubelet says when its machine shuts down.
func notReady() fields {
	return fields{"conditions": []fields{ready("False", "KubeletNotReady", "node is shutting down")}}
}

// readyAfter is what a kubelet says after a start of its machine.
func readyAfter(bootID string) fields {
	return fields{
		"conditions": []fields{ready("True", "KubeletReady", "stand-in")},
		"nodeInfo":   fields{"bootID": bootID},
	}
}

func ready(status, reason, message string) fields {
	now := time.Now().UTC().Format(time.RFC3339)
	return fields{
		"type": "Ready", "status": status, "reason": reason, "message": message,
		"lastHeartbeatTime": now, "lastTransitionTime": now,
	}
}

// report patches a node's status, again and again until the API server took it.
func (k *Kubelets) report(node string, status fields) {
	body, err := json.Marshal(fields{"status": status})
	if err != nil {
		fmt.Fprintln(os.Stderr, node, err)
		return
	}
	k.places <- struct{}{}
	defer func() { <-k.places }()
	for {
		err := k.patch(node, body)
		if err == nil {
			return
		}
		fmt.Fprintln(os.Stderr, node, err)
		time.Sleep(time.Second)
	}
}

func (k *Kubelets) patch(node string, body []byte) error {
	url := k.server + "/api/v1/nodes/" + node + "/status"
	r, err := http.NewRequest(http.MethodPatch, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/strategic-merge-patch+json")
	answer, err := k.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	// A node that was deleted has nobody to report to.
	if answer.StatusCode/100 == 2 || answer.StatusCode == http.StatusNotFound {
		return nil
	}
	return fmt.Errorf("PATCH %s: %s", url, answer.Status)
}
