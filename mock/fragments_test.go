package mock_test

import (
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
)

// TestAllFragments: however a reply is cut, its octets are the same.
func TestAllFragments(t *testing.T) {
	const says = "220 mock.test ESMTP\r\n250-mock.test\r\n250 PIPELINING\r\n221 2.0.0 Bye\r\n"
	writes := make(map[string][]string)
	for _, f := range mock.AllFragments() {
		t.Run(f.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := scripted(mock.Hello("PIPELINING"), mock.Bye())
				o.Fragments = f
				srv := mock.Start(t, o)
				conn, err := srv.Dial(t.Context(), "", "")
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				conn.Write([]byte("EHLO client.test\r\nQUIT\r\n"))
				got, _ := pieces(conn)
				if text := strings.Join(got, ""); text != says {
					t.Errorf("said %q", text)
				}
				writes[f.String()] = got
			})
		})
	}
	if n := len(writes["by octet"]); n != len(says) {
		t.Errorf("by octet: %d writes, want %d", n, len(says))
	}
	if got := writes["by line"]; !slices.Equal(got, strings.SplitAfter(strings.TrimSuffix(says, "\n"), "\n")) && len(got) != 4 {
		t.Errorf("by line: %q", got)
	}
	if n := len(writes["at random, seed 1"]); n <= 4 || n >= len(says) {
		t.Errorf("at random: %d writes", n)
	}
}

// TestFragmentsOfBehaviour cuts what a behaving server says.
func TestFragmentsOfBehaviour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := plain()
		o.Fragments = mock.ByLine()
		srv := mock.Start(t, o)
		c := dial(t, srv)
		c.send("EHLO client.test\r\nQUIT\r\n")
		c.expect("220 mock.test ESMTP\r\n250-mock.test\r\n250 PIPELINING\r\n221 Bye\r\n")
		c.expectEnd()
	})
}

// TestPacedSteps sends a step of a script in a manner of its own.
func TestPacedSteps(t *testing.T) {
	for name, test := range map[string]struct {
		step mock.Step
		want []string
		took time.Duration
	}{
		"drip":           {mock.All(mock.Drip(6, time.Second), mock.Reply(250, "", "fine")), []string{"250 fi", "ne\r\n"}, 2 * time.Second},
		"split":          {mock.All(mock.Split(2, 3), mock.Reply(250, "", "x")), []string{"25", "0", " x\r\n"}, 3 * time.Millisecond},
		"cut":            {mock.All(mock.DropMid(5), mock.Reply(250, "", "fine")), []string{"250 f"}, 0},
		"raw":            {mock.All(mock.Drip(2, time.Hour), mock.Raw([]byte("abc"))), []string{"ab", "c"}, 2 * time.Hour},
		"with an extra":  {mock.All(mock.Split(1), mock.Extra("250 x")), []string{"2", "50 x\r\n"}, 2 * time.Millisecond},
		"within a group": {mock.Seq(mock.All(mock.Split(1), mock.Reply(250, "", "a")), mock.Send("250 b")), []string{"2", "50 a\r\n", "250 b\r\n"}, 2 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := mock.Start(t, tolerating(scripted(mock.Expect("NOOP"), test.step, mock.Drop()), mock.UnplayedSteps))
				conn, err := srv.Dial(t.Context(), "", "")
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				start := time.Now()
				io.WriteString(conn, "NOOP\r\n")
				if got, _ := pieces(conn); !slices.Equal(got, test.want) || time.Since(start) != test.took {
					t.Errorf("read %q after %v, want %q after %v", got, time.Since(start), test.want, test.took)
				}
			})
		})
	}
}

// TestMannerOfAll: a manner within All is that of the server's own answer, too.
func TestMannerOfAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := mock.Start(t, plain(mock.At("NOOP").Do(mock.All(mock.Split(3)))))
		conn, err := srv.Dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		c := &client{t, conn, newReader(conn)}
		c.expect(greeting)
		c.send("NOOP\r\n")
		conn.(interface{ CloseWrite() error }).CloseWrite()
		if got, _ := pieces(conn); !slices.Equal(got, []string{"250", " Nothing done\r\n"}) {
			t.Errorf("read %q", got)
		}
	})
}
