package conformance_test

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/conformance/internal/badserver"
)

// A peer is no server: it proves nothing.
type peer struct {
	name  string
	serve func(net.Conn)
}

func peers() []peer {
	return []peer{
		{"silent", func(c net.Conn) { io.Copy(io.Discard, c) }},
		{"slam", func(net.Conn) {}},
		{"yes-man", yesMan},
		{"echo", echo},
		{"babbler", func(c net.Conn) { babble(c, 1) }},
		{"another babbler", func(c net.Conn) { babble(c, 2) }},
		{"a third babbler", func(c net.Conn) { babble(c, 3) }},
		{"endless reply", func(c net.Conn) { flood(c, "220-more\r\n") }},
		{"endless line", func(c net.Conn) { flood(c, "220 more") }},
	}
}

// answeringLines greets, and answers each line.
func answeringLines(c net.Conn, greeting string, answer func(line string) string) {
	fmt.Fprint(c, greeting)
	in := bufio.NewReader(c)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		fmt.Fprint(c, answer(strings.TrimRight(line, "\r\n")))
	}
}

// yesMan says 250 to everything.
func yesMan(c net.Conn) {
	answeringLines(c, "220 yes.test ESMTP\r\n", func(line string) string {
		if strings.HasPrefix(line, "EHLO") {
			return "250-yes.test\r\n250-PIPELINING\r\n250 AUTH PLAIN SCRAM-SHA-256 XOAUTH2 OAUTHBEARER\r\n"
		}
		return "250 yes\r\n"
	})
}

// echo says what it is told.
func echo(c net.Conn) {
	answeringLines(c, "220 echo.test ESMTP\r\n", func(line string) string { return line + "\r\n" })
}

// babble says one reply or another, whatever it is told.
func babble(c net.Conn, seed uint64) {
	dice := rand.New(rand.NewPCG(seed, seed))
	codes := []int{220, 221, 235, 250, 334, 354, 421, 450, 501, 503, 535, 554}
	answeringLines(c, "220 babble.test ESMTP\r\n", func(line string) string {
		if strings.HasPrefix(line, "EHLO") {
			return "250-babble.test\r\n250-PIPELINING\r\n250 AUTH PLAIN SCRAM-SHA-256 XOAUTH2 OAUTHBEARER\r\n"
		}
		return fmt.Sprintf("%d babble\r\n", codes[dice.IntN(len(codes))])
	})
}

// flood says the same for as long as anybody may listen to it, and does not listen.
func flood(c net.Conn, text string) {
	text = strings.Repeat(text, 1000)
	for said := 0; said < 2<<20; said += len(text) {
		if _, err := io.WriteString(c, text); err != nil {
			return
		}
	}
	io.Copy(io.Discard, c)
}

// old is a server from before RFC 1869: it knows HELO, and no extension.
func old(s *badserver.Server) func(net.Conn) {
	s.Without = []string{"PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "STARTTLS", "AUTH"}
	return s.Serve
}

// ungated returns cases that depend on no others.
func ungated() []conformance.Case {
	cases := casesFor("S")
	for i := range cases {
		cases[i].DependsOn = nil
	}
	return cases
}

// Nobody passes who proves nothing, neither where cases rest on each other nor
// where each is alone.
func TestServerPeers(t *testing.T) {
	for _, p := range peers() {
		for name, cases := range map[string][]conformance.Case{"": casesFor("S"), ", each case alone": ungated()} {
			t.Run(p.name+name, func(t *testing.T) {
				_, target := newMutant(t, badserver.None)
				target.Dial, target.Account = badserver.Dialer(p.serve), conformance.Account{}
				report := runServer(t, conformance.Suite{Cases: cases, Retries: -1}, target)
				mustPassNothing(t, report)
			})
		}
	}
}

func mustPassNothing(t *testing.T, report *conformance.Report) {
	t.Helper()
	for _, result := range report.Results {
		if slices.Contains([]conformance.Outcome{conformance.Pass, conformance.Warn, conformance.Info}, result.Outcome) {
			t.Errorf("a peer that proves nothing does well\n%s", result)
		}
	}
}

// Who says yes to everything breaks most of what is required.
func TestYesManFails(t *testing.T) {
	_, target := newMutant(t, badserver.None)
	target.Dial = badserver.Dialer(yesMan)
	report := runServer(t, conformance.Suite{Cases: ungated(), Retries: -1}, target)
	failed, all := 0, 0
	for _, result := range report.Results {
		if result.Outcome == conformance.Skip || !strings.HasPrefix(string(result.Refs[0].Level), "MUST") {
			continue
		}
		all++
		if result.Outcome == conformance.Fail {
			failed++
		}
	}
	if failed*10 < all*6 {
		t.Errorf("%d of %d requirements are broken, want 60%% at least\n%s", failed, all, report)
	}
}

// A server that is right until the case under test has begun proves nothing about
// it.
func TestServerFades(t *testing.T) {
	for _, p := range peers() {
		t.Run(p.name, func(t *testing.T) {
			for _, c := range ungated() {
				if c.ID == "S-GRT-01" || c.ID == "S-HEL-01" {
					continue // what fades has answered these
				}
				s, target := newMutant(t, badserver.None)
				var n atomic.Int32
				target.Dial = badserver.Dialer(func(conn net.Conn) {
					if n.Add(1) == 1 { // the look before the first case
						s.Serve(conn)
						return
					}
					p.serve(conn)
				})
				report := runServer(t, conformance.Suite{Cases: []conformance.Case{c}, Retries: -1}, target)
				mustPassNothing(t, report)
			}
		})
	}
}

// A server without extensions passes what it has, and what it does not have is
// skipped.
func TestOldServer(t *testing.T) {
	s, target := newMutant(t, badserver.None)
	target.Dial, target.Account = badserver.Dialer(old(s)), conformance.Account{}
	report := runServer(t, conformance.Suite{Cases: casesFor("S")}, target)
	for _, result := range report.Results {
		want := conformance.Skip
		if slices.Contains([]string{
			"S-CRL-01", "S-CRL-03", "S-CRL-07", "S-DAT-01", "S-GRT-01", "S-HEL-01", "S-HEL-04", "S-LIN-02",
			"S-REP-01", "S-REP-07", "S-SEC-01", "S-SEQ-03",
		}, result.ID) {
			want = conformance.Pass
		}
		if result.Outcome != want || want == conformance.Skip && result.Skipped != conformance.NoCapability && result.Skipped != conformance.NoCredential {
			t.Errorf("want %s\n%s", want, result)
		}
	}
}
