package mock_test

import (
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
)

// plain are options for a server with little in EHLO, and faults.
func plain(faults ...mock.Fault) mock.Options {
	return mock.Options{
		Network: mock.InMemory, TLS: mock.NoTLS, Faults: faults,
		Without: []string{"8BITMIME", "SIZE", "SMTPUTF8", "CHUNKING", "DSN", "REQUIRETLS", "ENHANCEDSTATUSCODES"},
	}
}

func TestFaults(t *testing.T) {
	const start = `
		S: 220 mock.test ESMTP
		C: EHLO client.test
		S: 250-mock.test
		S: 250 PIPELINING
		`
	const opened = start + `
		C: MAIL FROM:<a@example.test>
		S: 250 Sender ok
		`
	const content = `
		C: RCPT TO:<b@example.test>
		S: 250 Recipient ok
		C: DATA
		S: 354 Send the message, then a line of one dot
		C: text
		C: .
		`
	for _, test := range []struct {
		name     string
		faults   []mock.Fault
		dialogue string
		messages int
	}{
		{"nth", []mock.Fault{mock.At("rcpt").Nth(2).Do(mock.Reply(451, "4.7.1", "greylisted"))}, opened + `
			C: RCPT TO:<b@example.test>
			S: 250 Recipient ok
			C: RCPT TO:<c@example.test>
			S: 451 4.7.1 greylisted
			C: RCPT TO:<d@example.test>
			S: 250 Recipient ok`, 0},
		{"each", []mock.Fault{mock.At("NOOP").Do(mock.Reply(250, "", "one", "two"))}, start + `
			C: NOOP
			S: 250-one
			S: 250 two
			C: NOOP
			S: 250-one
			S: 250 two`, 0},
		{"of another time", []mock.Fault{mock.At("NOOP").Nth(2).Do(mock.Reply(250, "", "again"))}, start + `
			C: NOOP
			S: 250 Nothing done
			C: NOOP
			S: 250 again`, 0},
		{"refused command is not run", []mock.Fault{mock.At("MAIL").Do(mock.Reply(421, "4.3.2", "busy"))}, start + `
			C: MAIL FROM:<a@example.test>
			S: 421 4.3.2 busy
			C: RCPT TO:<b@example.test>
			S: 503 MAIL first`, 0},
		{"accepted command is run", []mock.Fault{mock.At("MAIL").Do(mock.Reply(250, "2.1.0", "fine"))}, start + `
			C: MAIL FROM:<a@example.test>
			S: 250 2.1.0 fine
			C: RCPT TO:<b@example.test>
			S: 250 Recipient ok`, 0},
		{"before and after", []mock.Fault{
			mock.At("NOOP").Before().Do(mock.Reply(250, "", "before")),
			mock.At("NOOP").After().Do(mock.Raw([]byte("250 unsolicited\r\n"))),
		}, start + `
			C: NOOP
			S: 250 before
			S: 250 Nothing done
			S: 250 unsolicited`, 0},
		{"mixed codes", []mock.Fault{mock.At("RCPT").Do(mock.Raw([]byte("250-ok\r\n550 no\r\n")))}, opened + `
			C: RCPT TO:<b@example.test>
			S: 250-ok
			S: 550 no`, 0},
		{"no reply", []mock.Fault{mock.At("MAIL").Do(mock.NoReply())}, start + `
			C: MAIL FROM:<a@example.test>
			C: NOOP
			S: 250 Nothing done`, 0},
		{"content refused", []mock.Fault{mock.At("EOD").Do(mock.Reply(554, "5.7.1", "spam"))}, opened + content + `
			S: 554 5.7.1 spam
			C: RCPT TO:<b@example.test>
			S: 503 MAIL first`, 0},
		{"content accepted in other words", []mock.Fault{mock.At("EOD").Do(mock.Reply(250, "2.6.0", "stored"))}, opened + content + `
			S: 250 2.6.0 stored`, 1},
		{"354 without recipients", []mock.Fault{mock.At("DATA").Do(mock.Reply(354, "", "go"))}, opened + `
			C: DATA
			S: 354 go
			C: .
			S: 554 No valid recipients
			C: NOOP
			S: 250 Nothing done`, 0},
		{"turned away", []mock.Fault{mock.At("CONNECT").Do(mock.Reply(554, "", "no service"))}, `
			S: 554 no service
			C: EHLO client.test
			S: 503 No service here
			C: QUIT
			S: 221 Bye`, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			srv := mock.Start(t, plain(test.faults...))
			dial(t, srv).dialogue(test.dialogue)
			srv.Close()
			if n := len(srv.Messages()); n != test.messages {
				t.Errorf("%d messages, want %d", n, test.messages)
			}
		})
	}
}

func TestAuthFaults(t *testing.T) {
	good := b64("\x00user\x00secret")
	for _, test := range []struct {
		name     string
		fault    mock.Fault
		dialogue string
		codes    []int
	}{
		{
			"refused", mock.At("AUTH").Do(mock.Reply(454, "4.7.0", "later")),
			"C: AUTH PLAIN " + good + "\nS: 454 4.7.0 later",
			[]int{454},
		},
		{
			"success too early signs nobody in", mock.At("AUTH").Do(mock.Reply(235, "2.7.0", "welcome")),
			"C: AUTH LOGIN\nS: 235 2.7.0 welcome\nC: MAIL FROM:<>\nS: 530 5.7.0 Authentication required",
			[]int{235},
		},
		{
			"second round", mock.At("AUTH/2").Do(mock.Reply(432, "4.7.12", "transition")),
			"C: AUTH PLAIN\nS: 334 \nC: " + good + "\nS: 432 4.7.12 transition",
			[]int{432},
		},
		{
			"text for a challenge", mock.At("AUTH").Do(mock.Raw([]byte("334 go ahead\r\n"))),
			"C: AUTH PLAIN\nS: 334 go ahead\nC: " + good + "\nS: 235 2.7.0 Signed in",
			[]int{235},
		},
		{
			"challenge too many", mock.At("AUTH/2").Do(mock.Raw([]byte("334 \r\n"))),
			"C: AUTH PLAIN\nS: 334 \nC: " + good + "\nS: 334 \nC: *\nS: 501 5.7.0 Authentication canceled",
			[]int{501},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			srv := mock.Start(t, insecure(mock.Options{Faults: []mock.Fault{test.fault}, RequireAuth: true}))
			dial(t, srv).dialogue(hello + "\n" + test.dialogue)
			srv.Close()
			var codes []int
			for _, a := range srv.Auths() {
				codes = append(codes, a.Code)
			}
			if !slices.Equal(codes, test.codes) {
				t.Errorf("codes %v, want %v", codes, test.codes)
			}
		})
	}
}

func TestInjectAfter220(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := mock.Start(t, mock.Options{Network: mock.InMemory, Faults: []mock.Fault{
			mock.At("STARTTLS").Do(mock.InjectAfter220([]byte("250 injected\r\n"))),
		}})
		c := dial(t, srv)
		c.expect(greeting)
		c.ask("EHLO client.test\r\n")
		c.send("STARTTLS\r\n")
		c.expect("220 2.0.0 Ready to start TLS\r\n250 injected\r\n")
		if n := c.r.Buffered(); n != 0 {
			t.Fatalf("%d octets buffered", n)
		}
		c.startTLS(srv) // a client that takes no notice gets its TLS
		c.send("NOOP\r\n")
		c.expect("250 2.0.0 Nothing done\r\n")
	})
}

func TestDropAndReset(t *testing.T) {
	for _, network := range []mock.Network{mock.Loopback, mock.InMemory} {
		srv := mock.Start(t, mock.Options{Network: network, Faults: []mock.Fault{
			mock.At("MAIL").Conn(1).Do(mock.Raw([]byte("25")), mock.Drop()),
			mock.At("EHLO").Conn(2).Do(mock.Reset()),
			mock.At("STARTTLS").Conn(3).After().Do(mock.Drop()),
		}})
		c := dial(t, srv)
		c.expect(greeting)
		c.send("EHLO client.test\r\n")
		c.replies(1)
		c.send("MAIL FROM:<>\r\n")
		c.expect("25")
		if _, err := c.r.ReadByte(); err != io.EOF {
			t.Errorf("after Drop: %v, want EOF", err)
		}
		c = dial(t, srv)
		c.expect(greeting)
		c.send("EHLO client.test\r\n")
		if _, err := c.r.ReadByte(); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("after Reset: %v, want a reset", err)
		}
		c = dial(t, srv)
		c.expect(greeting)
		c.ask("EHLO client.test\r\n")
		c.send("STARTTLS\r\n")
		c.expect("220 2.0.0 Ready to start TLS\r\n")
		c.expectEnd()
	}
}

// TestStall shows that a client's timeout of minutes passes at once in a bubble,
// and to the nanosecond.
func TestStall(t *testing.T) {
	const timeout = 5 * time.Minute
	for name, fault := range map[string]mock.Fault{
		"NoReply": mock.At("NOOP").Do(mock.NoReply()),
		"Stall":   mock.At("NOOP").Do(mock.Stall()),
		"Delay":   mock.At("NOOP").Do(mock.Delay(timeout+time.Nanosecond), mock.Reply(250, "", "late")),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := mock.Start(t, plain(fault))
				conn, err := srv.Dial(t.Context(), "", "")
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				c := &client{t, conn, newReader(conn)}
				c.expect(greeting)
				c.send("NOOP\r\n")
				start := time.Now()
				conn.SetReadDeadline(start.Add(timeout))
				_, err = c.r.ReadByte()
				if e, ok := err.(interface{ Timeout() bool }); !ok || !e.Timeout() {
					t.Errorf("read: %v, want a timeout", err)
				}
				if waited := time.Since(start); waited != timeout {
					t.Errorf("waited %v, want %v", waited, timeout)
				}
			})
		})
	}
}

// TestWriteStall fills the window of a server that does not read content.
func TestWriteStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := plain(mock.At("DATA").After().Do(mock.Stall()))
		o.Window = 1000
		srv := mock.Start(t, o)
		conn, err := srv.Dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		c := &client{t, conn, newReader(conn)}
		c.replies(1)
		c.ask("HELO client.test\r\n")
		c.ask("MAIL FROM:<>\r\n")
		c.ask("RCPT TO:<b@example.test>\r\n")
		c.ask("DATA\r\n")
		conn.SetWriteDeadline(time.Now().Add(3 * time.Minute))
		n, err := conn.Write(make([]byte, 5000))
		if e, ok := err.(interface{ Timeout() bool }); !ok || !e.Timeout() || n != 1000 {
			t.Errorf("wrote %d octets, %v; want 1000 and a timeout", n, err)
		}
	})
}

func TestBadOptions(t *testing.T) {
	for _, test := range []struct {
		name string
		o    mock.Options
		want string
	}{
		{"zero fault", plain(mock.Fault{}), "mock: Options.Faults[0]: no point"},
		{"unknown point", plain(mock.At("NOOP").Do(mock.Drop()), mock.At("TURN").Do(mock.Drop())), `mock: Options.Faults[1]: unknown point "TURN": points are CONNECT, TLS, EHLO`},
		{"unknown round", plain(mock.At("AUTH/1").Do(mock.Drop())), `mock: Options.Faults[0]: unknown point "AUTH/1": rounds are AUTH, AUTH/2`},
		{"negative", plain(mock.At("NOOP").Nth(-1).Do(mock.Drop())), "mock: Options.Faults[0]: point NOOP: Nth and Conn count from 1"},
		{"time of zero", plain(mock.At("NOOP").Nth(0).Do(mock.Drop())), "mock: Options.Faults[0]: point NOOP: Nth and Conn count from 1"},
		{"connection of zero", plain(mock.At("NOOP").Conn(0).Do(mock.Drop())), "mock: Options.Faults[0]: point NOOP: Nth and Conn count from 1"},
		{"nothing checks tokens", mock.Options{Mechanisms: []string{"xoauth2"}}, "mock: Options.Mechanisms names XOAUTH2, and nothing can check a token; set Options.Tokens"},
		{"name", mock.Options{Names: []string{"*.example.com", "::1", "no name"}}, `mock: Options.Names[2] "no name" is neither a DNS name nor an IP address`},
		{"empty name", mock.Options{Names: []string{""}}, `mock: Options.Names[0] "" is neither`},
		{"limit", mock.Options{Limits: mock.Limits{RcptMax: -1}}, "mock: Options.Limits.RcptMax is negative"},
		{"tolerance", mock.Options{Tolerate: mock.UnplayedSteps}, "mock: Options.Tolerate without Options.Script"},
		{"bad reply within All", plain(mock.At("NOOP").Do(mock.All(mock.Drip(1, 1), mock.Reply(42, "", "x")))), "mock: Options.Faults[0]: point NOOP: a reply code is"},
		{"no action", plain(mock.At("NOOP").Do()), "mock: Options.Faults[0]: point NOOP: no action"},
		{"manner of nothing", plain(mock.At("NOOP").After().Do(mock.Drip(1, 1))), "mock: Options.Faults[0]: point NOOP: nothing is sent in that manner"},
		{"at the wrong point", plain(mock.At("RCPT").Do(mock.FailHandshake())), "mock: Options.Faults[0]: point RCPT: FailHandshake happens at TLS only"},
		{"probability", plain(mock.Chaos(1, 1.5, mock.Drop())), "mock: Options.Faults[0]: point ANY: a probability of 1.5 is not above 0"},
		{"no codes", plain(mock.At("NOOP").Do(mock.MixedCodes())), "mock: Options.Faults[0]: point NOOP: zero Action"},
		{"defect", mock.Options{Defects: []mock.Defect{0}}, "mock: Options.Defects[0] is unknown"},
		{"zero action", plain(mock.At("NOOP").Do(mock.Action{})), "mock: Options.Faults[0]: point NOOP: zero Action"},
		{"mechanism", mock.Options{Mechanisms: []string{"NTLM"}}, `mock: Options.Mechanisms names "NTLM", which the registry does not have`},
		{"extension", mock.Options{Without: []string{"XCLIENT"}}, `mock: Options.Without names "XCLIENT", which is none of PIPELINING`},
		{"host name", mock.Options{Hostname: "a b"}, `mock: Options.Hostname "a b" is no host name`},
		{"network", mock.Options{Network: 7}, "mock: unknown Options.Network"},
		{"TLS", mock.Options{TLS: 99}, "mock: unknown Options.TLS"},
		{"size", mock.Options{MaxSize: -1}, "mock: Options.MaxSize is negative"},
		{"reply code", plain(mock.At("NOOP").Do(mock.Reply(42, "", "x"))), "mock: Options.Faults[0]: point NOOP: a reply code is a number from 200 to 599"},
		{"reply text", plain(mock.At("NOOP").Do(mock.Reply(250, "", "a\r\nb"))), "mock: Options.Faults[0]: point NOOP: CR or LF in the text of a reply"},
		{"delay", plain(mock.At("NOOP").Do(mock.Delay(-1))), "mock: Options.Faults[0]: point NOOP: a delay is negative"},
		{"swallow", plain(mock.At("NOOP").Do(mock.Swallow(-1))), "mock: Options.Faults[0]: point NOOP: a number of octets is negative"},
		{"drip", plain(mock.At("NOOP").Do(mock.Drip(1, -1))), "mock: Options.Faults[0]: point NOOP: a size or a time is negative"},
		{"split", plain(mock.At("NOOP").Do(mock.Split(3, -1))), "mock: Options.Faults[0]: point NOOP: a place to split at is negative"},
		{"extra", plain(mock.At("NOOP").Do(mock.Extra("a\r\nb"))), "mock: Options.Faults[0]: point NOOP: CR or LF within a line"},
		{"unsolicited", plain(mock.At("NOOP").Do(mock.Unsolicited())), "mock: Options.Faults[0]: point NOOP: no line to send"},
		{"idle", mock.Options{IdleLimit: -1}, "mock: Options.IdleLimit is negative"},
		{"capability", mock.Options{Capabilities: mock.Capabilities{TLS: []string{"SIZE", "a\r\nb"}}}, "mock: Options.Capabilities.TLS[1] has CR or LF in it"},
		{"certificate", mock.Options{Certificate: 70}, "mock: unknown Options.Certificate"},
	} {
		t.Run(test.name, func(t *testing.T) {
			// Where the fault was made is part of the error.
			place := regexp.MustCompile(` \(fault_test\.go:\d+\)`)
			_, err := mock.New(test.o)
			if err == nil || !strings.HasPrefix(place.ReplaceAllString(err.Error(), ""), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
			if strings.Contains(test.want, ": point ") && !place.MatchString(err.Error()) {
				t.Errorf("%v does not say where", err)
			}
			tb := new(fakeTB)
			func() {
				defer func() { recover() }() // it has no FailNow
				mock.Start(tb, test.o)
			}()
			if len(tb.errors) != 1 || !strings.HasPrefix(place.ReplaceAllString(tb.errors[0], ""), test.want) {
				t.Errorf("the test was told %q", tb.errors)
			}
		})
	}
}
