package smtp_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/smtp"
)

// Progress never goes back, ends with the size of the message and comes once for
// each block.
func TestProgress(t *testing.T) {
	lines := []byte(strings.Repeat(strings.Repeat("x", 70)+"\r\n", 5000))
	dots := []byte(strings.Repeat(".\r\n", 50000))
	once := func(b []byte) smtp.Message { return smtp.Reader(bytes.NewReader(b)) }
	for _, tt := range []struct {
		name    string
		message smtp.Message
		size    int64
		known   bool
		change  func(*smtp.Config)
	}{
		{"DATA", smtp.Bytes(lines), int64(len(lines)), true, nil},
		{"DATA, all dots", smtp.Bytes(dots), int64(len(dots)), true, nil},
		{"DATA, unknown size", once(lines), int64(len(lines)), false, nil},
		{"DATA, empty", smtp.Bytes(nil), 0, true, nil},
		{"chunks", smtp.Bytes(lines), int64(len(lines)), true, func(c *smtp.Config) { c.Chunking = true }},
		{"chunks, unknown size", once(lines), int64(len(lines)), false, func(c *smtp.Config) { c.Chunking = true }},
		{"chunk with the commands", smtp.Bytes(lines[:7200]), 7200, true, func(c *smtp.Config) { c.ChunkInFirstGroup = true }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := mock.Start(t, mock.Options{Network: mock.InMemory})
			var got []smtp.Progress
			cfg := config(s, nil)
			cfg.Hooks = &smtp.Hooks{Progress: func(_ context.Context, p smtp.Progress) { got = append(got, p) }}
			if tt.change != nil {
				tt.change(&cfg)
			}
			if _, err := smtp.Send(t.Context(), cfg, envelope, tt.message); err != nil {
				t.Fatal(err)
			}
			total := int64(-1)
			if tt.known {
				total = tt.size
			}
			last := smtp.Progress{}
			for _, p := range got {
				if p.Total != total || p.Sent < last.Sent && p.Sent != tt.size {
					t.Errorf("%+v after %+v; total %d", p, last, total)
				}
				last = p
			}
			if most := tt.size/8192 + 2; last.Sent != tt.size || int64(len(got)) > most || int64(len(got)) < tt.size/40000 {
				t.Errorf("%d calls, the last %+v; want at most %d, and %d octets", len(got), last, most, tt.size)
			}
		})
	}
}

// Sending is cut short: so is the progress.
func TestProgressOfARefusal(t *testing.T) {
	s := mock.Start(t, mock.Options{Network: mock.InMemory, Window: 4096, Faults: []mock.Fault{mock.At("DATA").After().Do(mock.Drop())}})
	var last smtp.Progress
	cfg := config(s, nil)
	cfg.Hooks = &smtp.Hooks{Progress: func(_ context.Context, p smtp.Progress) { last = p }}
	if _, err := smtp.Send(t.Context(), cfg, envelope, smtp.Bytes(make8(1<<20))); err == nil {
		t.Error("no error")
	}
	if last.Sent == last.Total && last.Total != 0 {
		t.Errorf("got to %+v", last)
	}
}
