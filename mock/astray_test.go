package mock_test

import (
	"io"
	"testing"
	"testing/synctest"

	"github.com/seed-55a66e92/postern/mock"
)

// TestOrderIsNotBlamed: a client that a fault has sent one reply too many waits for
// one too few from then on. What it says too early is not its fault.
func TestOrderIsNotBlamed(t *testing.T) {
	all := []string{"EHLO client.test", "MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>", "DATA", "text\r\n.", "QUIT"}
	for name, test := range map[string]struct {
		fault  mock.Fault
		blamed bool
	}{
		"extra at CONNECT":      {mock.At("CONNECT").Do(mock.Extra("220 again")), false},
		"extra at EHLO":         {mock.At("EHLO").Do(mock.Extra("250 again")), false},
		"extra at MAIL":         {mock.At("MAIL").Do(mock.Extra("250 again")), false},
		"extra at RCPT":         {mock.At("RCPT").Do(mock.Extra("250 again")), false},
		"unsolicited at RCPT":   {mock.At("RCPT").Do(mock.Unsolicited("250 again")), false},
		"before MAIL":           {mock.At("MAIL").Before().Do(mock.Reply(250, "", "early")), false},
		"after MAIL":            {mock.At("MAIL").After().Do(mock.Reply(250, "", "late")), false},
		"two instead":           {mock.At("MAIL").Do(mock.Reply(250, "", "a"), mock.Reply(250, "", "b")), false},
		"two as octets":         {mock.At("MAIL").Do(mock.Raw([]byte("250 a\r\n250 b\r\n"))), false},
		"one instead":           {mock.At("MAIL").Do(mock.Reply(250, "", "a")), true},
		"nothing wrong, slowly": {mock.At("MAIL").Do(mock.Split()), true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := mock.Start(t, mock.Options{Network: mock.InMemory, TLS: mock.NoTLS, Without: []string{"PIPELINING"}, Faults: []mock.Fault{test.fault}})
				c := dial(t, srv)
				// Its second line comes too early, and all that follow.
				c.replies(1)
				for _, line := range all[:3] {
					c.send(line + "\r\n")
					synctest.Wait()
				}
				c.send(all[3] + "\r\n" + all[4] + "\r\n" + all[5] + "\r\n")
				io.Copy(io.Discard, c.r)
				if got := violations(srv); len(got) > 0 != test.blamed {
					t.Errorf("violations %q, want some: %v", got, test.blamed)
				}
			})
		})
	}
}
