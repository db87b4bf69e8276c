//go:build linux

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// machines makes network namespaces that stand for machines on one Ethernet, and sets HOST0, HOST1, … to their names
// and ADDRESS0, ADDRESS1, … to their addresses. They are gone when the script ends:
//
//	machines 4
func machines(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: machines NUMBER")
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	ip := func(args ...string) {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			ts.Fatalf("ip %v: %v\n%s", args, err, out)
		}
	}
	prefix := fmt.Sprintf("ruleout-%d-%s-", os.Getpid(), ts.Name())
	add := func(name string) {
		ip("netns", "add", name)
		ts.Defer(func() { _ = exec.Command("ip", "netns", "delete", name).Run() }) // its devices go with it
	}
	hub := prefix + "switch"
	add(hub)
	ip("-n", hub, "link", "add", "name", "lan", "type", "bridge")
	ip("-n", hub, "link", "set", "lan", "up")
	for i := range n {
		host, port := prefix+strconv.Itoa(i), "p"+strconv.Itoa(i)
		add(host)
		ip("-n", hub, "link", "add", "name", port, "type", "veth", "peer", "name", "eth0", "netns", host)
		ip("-n", hub, "link", "set", port, "master", "lan", "up")
		address := fmt.Sprintf("10.99.0.%d", i+1)
		ip("-n", host, "address", "add", address+"/24", "dev", "eth0")
		ip("-n", host, "link", "set", "lo", "up")
		ip("-n", host, "link", "set", "eth0", "up")
		ts.Setenv("HOST"+strconv.Itoa(i), host)
		ts.Setenv("ADDRESS"+strconv.Itoa(i), address)
	}
}

// certificate writes ca.pem, cert.pem and key.pem for a server at an address:
//
//	certificate ADDRESS
func certificate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: certificate ADDRESS")
	}
	write := func(file, kind string, b []byte) {
		ts.Check(os.WriteFile(ts.MkAbs(file), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600))
	}
	key := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		ts.Check(err)
		return k
	}
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority of a test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign}
	of, own := key(), key()
	b, err := x509.CreateCertificate(rand.Reader, authority, authority, of.Public(), of)
	ts.Check(err)
	write("ca.pem", "CERTIFICATE", b)
	server := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "server of a test"},
		NotBefore: authority.NotBefore, NotAfter: authority.NotAfter, IPAddresses: []net.IP{net.ParseIP(args[0])},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	b, err = x509.CreateCertificate(rand.Reader, server, authority, own.Public(), of)
	ts.Check(err)
	write("cert.pem", "CERTIFICATE", b)
	b, err = x509.MarshalPKCS8PrivateKey(own)
	ts.Check(err)
	write("key.pem", "PRIVATE KEY", b)
}

// same compares the runs of two sweeps, and their digests:
//
//	same DIR DIR
func same(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: same DIR DIR")
	}
	a, b := digests(ts, ts.MkAbs(args[0])), digests(ts, ts.MkAbs(args[1]))
	if !maps.Equal(a, b) {
		ts.Fatalf("%s has %d runs, %s has %d, and they are not the same", args[0], len(a), args[1], len(b))
	}
}
