package mock_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/seed-55a66e92/postern/mock"
)

// replies reads n replies, of however many lines.
func (c *client) replies(n int) {
	c.t.Helper()
	for n > 0 {
		line, err := c.r.ReadString('\n')
		if err != nil || len(line) < 4 {
			c.t.Fatalf("reply %q, %v", line, err)
		}
		if line[3] == ' ' {
			n--
		}
	}
}

// ask sends commands in one write, or in pieces, and reads their replies.
func (c *client) ask(pieces ...string) {
	c.t.Helper()
	for _, piece := range pieces {
		c.send(piece)
	}
	c.replies(strings.Count(strings.Join(pieces, ""), "\r\n"))
}

func TestRoundTrips(t *testing.T) {
	const user, token = "you@example.test", "ya29.short"
	auth := func(c *client) { c.ask("AUTH XOAUTH2 " + xoauth2(user, token) + "\r\n") }
	longAuth := func(c *client) {
		c.ask("AUTH XOAUTH2\r\n")
		c.ask(xoauth2(user, token) + "\r\n")
	}
	group := func(recipients int) string {
		var b strings.Builder
		b.WriteString("MAIL FROM:<a@example.test>\r\n")
		for i := range recipients {
			fmt.Fprintf(&b, "RCPT TO:<recipient-number-%d@example.test>\r\n", i)
		}
		return b.String() + "DATA\r\n"
	}
	send := func(recipients int) func(*client) {
		return func(c *client) {
			c.ask(group(recipients))
			c.send("Subject: x\r\n\r\ntext\r\n.\r\n")
			c.replies(1)
		}
	}
	for _, test := range []struct {
		name string
		mode mock.TLSMode
		do   []func(*client)
		want []int // at each message
		cut  bool  // TLS cuts a group into pieces
	}{
		{"implicit TLS, short token", mock.ImplicitTLS, []func(*client){auth, send(1)}, []int{6}, false},
		{"implicit TLS, long token", mock.ImplicitTLS, []func(*client){longAuth, send(1)}, []int{7}, false},
		{"STARTTLS, short token", mock.STARTTLS, []func(*client){auth, send(1)}, []int{8}, false},
		{"AUTH in the group", mock.ImplicitTLS, []func(*client){func(c *client) {
			c.ask("AUTH PLAIN " + b64("\x00user\x00secret") + "\r\n" + group(1))
			c.send("text\r\n.\r\n")
			c.replies(1)
		}}, []int{5}, false},
		{"further messages", mock.ImplicitTLS, []func(*client){auth, send(1), send(1), send(1)}, []int{6, 8, 10}, false},
		{"100 recipients", mock.ImplicitTLS, []func(*client){auth, send(1), send(100)}, []int{6, 8}, true},
		{"1000 recipients", mock.ImplicitTLS, []func(*client){auth, send(1), send(1000)}, []int{6, 8}, true},
		{"lockstep", mock.ImplicitTLS, []func(*client){auth, func(c *client) {
			for line := range strings.Lines(group(2)) {
				c.ask(line)
			}
			c.send("text\r\n.\r\n")
			c.replies(1)
		}}, []int{9}, false},
	} {
		for _, network := range []mock.Network{mock.Loopback, mock.InMemory} {
			if network == mock.Loopback && test.cut {
				continue // its pieces may be late on a busy machine
			}
			play := func(t *testing.T) {
				srv := mock.Start(t, mock.Options{Network: network, TLS: test.mode, Users: map[string]string{"user": "secret"}, Tokens: mock.UserTokens{user: token}, Strict: true})
				c := dial(t, srv)
				if test.mode == mock.STARTTLS {
					c.replies(1)
					c.ask("EHLO client.test\r\n")
					c.ask("STARTTLS\r\n")
				}
				c.startTLS(srv)
				if test.mode == mock.ImplicitTLS {
					c.replies(1)
				}
				c.ask("EHLO client.test\r\n")
				for _, do := range test.do {
					do(c)
				}
				c.ask("QUIT\r\n")
				srv.Close()
				var got []int
				for _, m := range srv.Messages() {
					got = append(got, m.RoundTrips)
				}
				if fmt.Sprint(got) != fmt.Sprint(test.want) {
					t.Errorf("round trips %v, want %v\n%+v", got, test.want, srv.Sessions()[0].Commands)
				}
				last := test.want[len(test.want)-1]
				if n := srv.RoundTrips(); n != last {
					t.Errorf("%d round trips in all, want %d: QUIT does not count", n, last)
				}
				commands := srv.Sessions()[0].Commands
				if quit := commands[len(commands)-1]; quit.Verb != "QUIT" || quit.RoundTrip != last+1 {
					t.Errorf("%+v, want QUIT in round trip %d", quit, last+1)
				}
			}
			t.Run(fmt.Sprintf("%s/%d", test.name, network), func(t *testing.T) {
				if network == mock.Loopback {
					play(t)
					return
				}
				synctest.Test(t, play)
			})
		}
	}
}

// TestSplitGroup sends a group in two writes, as TLS does with a long one: it is
// answered at once all the same, if its parts come close together.
func TestSplitGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := mock.Start(t, mock.Options{Network: mock.InMemory})
		c := dial(t, srv)
		c.replies(1)
		c.ask("EHLO client.test\r\n")
		c.ask("MAIL FROM:<a@example.test>\r\nRCPT TO:<b@example.test>\r\nRCPT", " TO:<c@example.test>\r\n", "DATA\r\n")
		c.send("text\r\n.\r\n")
		c.replies(1)
		if got := srv.Messages()[0].RoundTrips; got != 4 {
			t.Errorf("%d round trips, want 4", got)
		}
	})
}

// TestTripsOfNothing drops connections before anything is said, and after.
func TestTripsOfNothing(t *testing.T) {
	srv := mock.Start(t, mock.Options{Network: mock.InMemory, Faults: []mock.Fault{
		mock.At("CONNECT").Conn(1).Do(mock.Drop()),
		mock.At("CONNECT").Conn(2).Do(mock.Raw([]byte("2")), mock.Drop()),
	}})
	dial(t, srv).expectEnd()
	c := dial(t, srv)
	c.expect("2")
	c.expectEnd()
	srv.Close()
	for i, want := range []int{0, 1} {
		if s := srv.Sessions()[i]; s.RoundTrips != want || s.Commands[0].RoundTrip != 0 {
			t.Errorf("session %d: %d round trips, want %d; %+v", s.ID, s.RoundTrips, want, s.Commands)
		}
	}
}
