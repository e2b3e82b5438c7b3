package mock_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
)

// A blocker takes no notice of its context.
type blocker struct{ until chan struct{} }

func (b blocker) Next([]byte) ([]byte, bool, error) {
	<-b.until
	return nil, true, nil
}

// TestCloseNamesWhatHangs: a mechanism that never returns does not keep Close for
// ever, nor in the dark.
func TestCloseNamesWhatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until := make(chan struct{})
		srv, err := mock.New(mock.Options{
			Network: mock.InMemory, TLS: mock.NoTLS, InsecureAuth: true, Mechanisms: []string{"X-BLOCK"},
			Registry: sasl.Default().With(sasl.Mechanism{
				Name:      "X-BLOCK",
				NewServer: func(context.Context, *sasl.Conn, sasl.Directory) (sasl.Server, error) { return blocker{until}, nil },
			}),
		})
		if err != nil {
			t.Fatal(err)
		}
		c := dial(t, srv)
		c.expect(greeting)
		c.ask("EHLO client.test\r\n")
		c.send("AUTH X-BLOCK c2VjcmV0\r\n")
		synctest.Wait()
		start := time.Now()
		err = srv.Close()
		if err == nil {
			t.Fatal("no error")
		}
		for _, want := range []string{"mock: ", "session 1 at AUTH X-BLOCK", "blocker", "context"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q is not in %v", want, err)
			}
		}
		if strings.Contains(err.Error(), "c2VjcmV0") {
			t.Errorf("a secret is in %v", err)
		}
		if waited := time.Since(start); waited != 5*time.Second {
			t.Errorf("waited %v", waited)
		}
		if err := srv.Close(); err != nil {
			t.Errorf("once more: %v", err)
		}
		close(until)
	})
}
