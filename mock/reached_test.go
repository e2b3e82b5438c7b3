package mock_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/seed-55a66e92/postern/mock"
)

// TestUnreachedFaults: a test whose fault never happened is about nothing, and
// fails.
func TestUnreachedFaults(t *testing.T) {
	noop := mock.At("NOOP").Do(mock.Reply(451, "", "no"))
	late := mock.At("NOOP").Nth(3).Conn(1).Do(mock.Reply(451, "", "no"))
	for name, test := range map[string]struct {
		o      mock.Options
		says   string
		report string // "" for none
	}{
		"reached":          {plain(noop), "NOOP\r\n", ""},
		"not reached":      {plain(noop), "RSET\r\n", "never happened: no client came to NOOP"},
		"not as often":     {plain(late), "NOOP\r\nNOOP\r\n", "no client came to NOOP, time 3, connection 1"},
		"tolerated":        {tolerating(plain(noop), mock.UnreachedFaults), "", ""},
		"by chance":        {plain(mock.Chaos(1, 0.001, mock.Drop())), "", ""},
		"one of two":       {plain(noop, late), "NOOP\r\n", "Options.Faults[1] (reached_test.go:"},
		"read at the end":  {plain(mock.At("QUIT").Do(mock.Stall())), "QUIT\r\n", ""},
		"without any":      {plain(), "", ""},
		"at each, reached": {plain(mock.At("ANY").Do(mock.Split())), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := new(fakeTB)
				srv := mock.Start(fake, test.o)
				conn, err := srv.Dial(t.Context(), "", "")
				if err != nil {
					t.Fatal(err)
				}
				conn.Write([]byte(test.says))
				conn.Close()
				fake.end() // at once: the server may have read nothing yet
				switch {
				case test.report == "" && len(fake.errors) > 0:
					t.Errorf("reported %q", fake.errors)
				case test.report != "" && (len(fake.errors) != 1 || !strings.Contains(fake.errors[0], test.report)):
					t.Errorf("reported %q, want %q", fake.errors, test.report)
				}
			})
		})
	}
}
