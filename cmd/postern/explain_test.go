package main

import (
	"net"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
)

// Advice on a certificate is about what is wrong with it.
func TestSendBadCertificate(t *testing.T) {
	for name, test := range map[string]struct {
		kind mock.Certificate
		want string
	}{
		"expired":    {mock.Expired, "(the certificate is out of date, or this machine's clock is wrong)\n"},
		"wrong name": {mock.WrongName, "(the certificate is for another name: write the server's name as the certificate has it)\n"},
		"unknown":    {mock.UnknownCA, "(if the server's certificate is from an authority of your own, name that with --tls-ca)\n"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := mock.Start(t, mock.Options{Certificate: test.kind})
			got := invoke(t, "", toServer(t, srv, writeFile(t, "m.eml", testMessage))...)
			checkFailure(t, got, outcome{exitProtocol, "", "postern: TLS handshake: "})
			if !strings.HasSuffix(got.stderr, test.want) || strings.Count(got.stderr, "(") != 1 {
				t.Errorf("got %q, want one piece of advice: %s", got.stderr, test.want)
			}
		})
	}
}

// A server that has TLS from the start waits for the client, as the client waits
// for a greeting.
func TestSendNoGreeting(t *testing.T) {
	const want = " (no greeting came: if this port has TLS from the start, as 465 has, write smtps:// instead of smtp://)\n"
	for name, test := range map[string]struct {
		serve func(net.Conn) // what the server does with a connection
		args  []string
		code  int
	}{
		"time is up": {func(net.Conn) {}, []string{"--timeout", "50ms"}, exitTemporary},
		"closed":     {func(c net.Conn) { c.Close() }, nil, exitUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			accepted := make(chan struct{})
			go func() {
				defer close(accepted)
				conn, err := l.Accept()
				if err != nil {
					return
				}
				test.serve(conn)
				t.Cleanup(func() { conn.Close() })
			}()
			t.Cleanup(func() { l.Close(); <-accepted })
			args := append([]string{"send", "--server", "smtp://" + l.Addr().String()}, test.args...)
			got := invoke(t, "", append(args, writeFile(t, "m.eml", testMessage))...)
			checkFailure(t, got, outcome{test.code, "", "postern: greeting: "})
			if !strings.HasSuffix(got.stderr, want) {
				t.Errorf("got %q, want the advice%s", got.stderr, want)
			}
		})
	}
}

// Errors name flags, not the fields that they set.
func TestSendNamesFlags(t *testing.T) {
	srv := startServer(t)
	args := toServer(t, srv, "--user", testUser, "--password-file", writeFile(t, "password", password),
		"--mechanism", "CRAM-MD5", writeFile(t, "m.eml", testMessage))
	checkFailure(t, invoke(t, "", args...), outcome{exitConfig, "", "postern: sign-in: no usable mechanism: the server offers XOAUTH2 "})
	for _, args := range [][]string{args, append(args, "--dry-run")} {
		got := invoke(t, "", args...)
		text := got.stdout + got.stderr
		if !strings.Contains(text, "not named by --mechanism") || strings.Contains(text, "Policy") {
			t.Errorf("%q does not speak of --mechanism alone", text)
		}
	}
}
