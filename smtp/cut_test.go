package smtp_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/smtp"
)

// TestCutAtEveryOctet plays each dialogue once for every octet of the server's
// and ends, resets or stalls the connection behind it, and once for every octet
// of the client's, behind which the server stops reading. Whatever happens, the
// client says the truth about the message, within its timeouts, and leaves
// nothing behind: a goroutine that is left blocks the end of the bubble.
func TestCutAtEveryOctet(t *testing.T) {
	var points atomic.Int64
	t.Run("dialogues", func(t *testing.T) {
		for _, d := range dialogues() {
			if !d.possible() {
				t.Logf("%-18s needs a mechanism that is not there", d.name)
				continue
			}
			t.Run(d.name, func(t *testing.T) {
				t.Parallel()
				points.Add(cutEverywhere(t, &d))
			})
		}
	})
	t.Logf("%d cut points in all", points.Load())
	if points.Load() < 3000 && !testing.Short() && !raceDetector {
		t.Errorf("only %d cut points", points.Load())
	}
}

// cutEverywhere cuts one dialogue and returns at how many points.
func cutEverywhere(t *testing.T, d *dialogue) int64 {
	var whole run
	synctest.Test(t, func(t *testing.T) {
		whole = d.run(t, func(conn net.Conn) *cutConn { return newCutConn(conn, peerIsWell, 0) }, synctest.Wait)
	})
	if err := d.judgeUncut(&whole); err != nil {
		t.Fatalf("uncut: %v", err)
	}
	read, sent, _ := whole.conn.octets()
	n := int64(0)
	for _, how := range []cut{peerCloses, peerResets, peerStalls, peerIsDeaf} {
		last := read
		if how == peerIsDeaf {
			last = len(sent)
		}
		for after := 0; after <= last; after++ {
			if d.skipped(how, after) {
				continue
			}
			n++
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				r := d.run(t, func(conn net.Conn) *cutConn { return newCutConn(conn, how, after) }, synctest.Wait)
				if err := errors.Join(d.judge(&r, read), within(began)); err != nil {
					t.Errorf("%v after octet %d of %d: %v", how, after, last, err)
				}
			})
			if t.Failed() {
				return n
			}
		}
	}
	t.Logf("%-18s %5d octets of the server, %5d of the client: %5d cut points", d.name, read, len(sent), n)
	return n
}

// everyOctet, set in the environment to anything, has no point left out.
const everyOctet = "POSTERN_EVERY_OCTET"

// skipped thins the points out where there is no time for all of them. Where
// there is TLS, the ways to fail take turns at the octets: what is cut there is a
// record, in one place or another. Under the race detector they take turns at
// every other octet, and at every seventh with TLS.
func (d *dialogue) skipped(how cut, after int) bool {
	turn := 1
	switch {
	case os.Getenv(everyOctet) != "":
		return false
	case testing.Short():
		turn = 23
	case raceDetector && d.encrypted():
		turn = 7
	case raceDetector:
		turn = 2
	case !d.encrypted():
		return false
	}
	return after%turn != 0 || after/turn%4 != int(how)%4
}

// judgeUncut tells what is wrong with the dialogue that nobody disturbed.
func (d *dialogue) judgeUncut(r *run) error {
	switch {
	case d.outcome != nil && d.outcome(r.err) != nil:
		return d.outcome(r.err)
	case d.outcome == nil && r.err != nil:
		return r.err
	case d.refused != (len(r.stored) == 0):
		return fmt.Errorf("the server has %d messages", len(r.stored))
	}
	return nil
}

// within tells whether a dialogue took longer than its longest phase may. No
// other phase takes any time here.
func within(began time.Time) error {
	if took := time.Since(began); took > 10*time.Minute+2*time.Second {
		return fmt.Errorf("it took %v", took)
	}
	return nil
}

// judge tells what is wrong with a dialogue that was cut. all is how many octets
// the server has to send for it to succeed.
func (d *dialogue) judge(r *run, all int) error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if !r.conn.isClosed() {
		fault("the connection was left open")
	}
	if len(r.stored) > 1 {
		fault("delivered %d times", len(r.stored))
	}
	read, _, tried := r.conn.octets()
	if partial := new(smtp.PartialError); r.err == nil || errors.As(r.err, &partial) && !errors.Is(r.err, smtp.ErrUncertain) {
		if len(r.stored) != 1 || d.refused {
			fault("success, but the server has %d messages", len(r.stored))
		}
		if r.res.Attempts == 1 && !d.encrypted() && read < all {
			fault("success after %d of %d octets", read, all)
		}
		if slices.Sort(r.stored[0].To); fmt.Sprint(r.stored[0].To) != fmt.Sprint(r.res.Accepted) {
			fault("accepted for %q, the server has %q", r.res.Accepted, r.stored[0].To)
		}
		return errors.Join(faults...)
	}
	if !typed(r.err) {
		fault("error of no type: %v", r.err)
	}
	if len(r.stored) > 0 && smtp.SafeToRetry(r.err) {
		fault("the server has the message, and it is safe to send it again: %v", r.err)
	}
	if (!d.encrypted() && !d.wasLate(tried) || d.refused) && !smtp.SafeToRetry(r.err) {
		fault("the message was not sent, but may not be sent again: %v", r.err)
	}
	if strings.Contains(r.err.Error(), short) {
		fault("a token shows: %v", r.err)
	}
	return errors.Join(faults...)
}

// typed reports whether err is one that a program can tell apart.
func typed(err error) bool {
	var (
		phase *smtp.PhaseError
		auth  *smtp.AuthError
		reply *smtp.ReplyError
	)
	return smtp.Classify(err) != smtp.None && (errors.Is(err, smtp.ErrProtocol) || errors.As(err, &phase) || errors.As(err, &auth) || errors.As(err, &reply))
}
