package smtp_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/smtp"
)

// A changing message is another one each time it is opened; the last one stays.
type changing struct{ readings []string }

func (c *changing) Open() (io.ReadCloser, error) {
	text := c.readings[0]
	if len(c.readings) > 1 {
		c.readings = c.readings[1:]
	}
	return io.NopCloser(strings.NewReader(text)), nil
}

// A message that is not what was announced is not ended: nobody gets a part of it.
func TestMessageChangesBetweenReadings(t *testing.T) {
	const text = "Subject: x\r\n\r\nimportant\r\n"
	large := strings.Repeat(text, 40000)
	for _, tt := range []struct{ name, first, second string }{
		{"it is gone", text, ""},
		{"it shrank", text, text[:15]},
		{"it grew", text, text + text},
		{"it grew without end", text, large},
		{"it lost its last line ending", "x\r\ny", "x\r\n"},
		{"a large one shrank", large, large[:len(large)-7]},
		{"a large one grew", large, large + "x"},
	} {
		for _, how := range []string{"DATA", "BDAT", "first group"} {
			t.Run(tt.name+" "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := mock.Start(t, mock.Options{Network: mock.InMemory})
					cfg := config(s, nil)
					cfg.Chunking, cfg.ChunkInFirstGroup = how == "BDAT", how == "first group"
					res, err := smtp.Send(t.Context(), cfg, envelope, &changing{[]string{tt.first, tt.second}})
					if !errors.Is(err, smtp.ErrMessage) || smtp.Classify(err) != smtp.Local || !smtp.SafeToRetry(err) {
						t.Errorf("got %v, %+v", err, res)
					}
					synctest.Wait()
					if n := len(s.Messages()); n != 0 {
						t.Errorf("the server has %d messages", n)
					}
				})
			})
		}
	}
}

func TestFileIsTruncatedWhileDialling(t *testing.T) {
	name := filepath.Join(t.TempDir(), "mail.eml")
	if err := os.WriteFile(name, []byte("Subject: x\r\n\r\nimportant\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := mock.Start(t, mock.Options{Network: mock.InMemory})
	cfg := config(s, nil)
	cfg.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if err := os.Truncate(name, 0); err != nil {
			return nil, err
		}
		return s.Dial(ctx, network, addr)
	}
	if _, err := smtp.Send(t.Context(), cfg, envelope, smtp.File(name)); !errors.Is(err, smtp.ErrMessage) || len(s.Messages()) != 0 {
		t.Errorf("got %v, %d messages", err, len(s.Messages()))
	}
}

// A server that goes away, or has its last word, while a source has nothing to
// give ends the wait for it.
func TestQuietSource(t *testing.T) {
	for _, tt := range []struct {
		name, said string
		octets     int // of the source, before it falls silent
		class      smtp.Class
		is         error
	}{
		{"close", "", 40 << 10, smtp.Network, io.EOF},
		{"close at once", "", 0, smtp.Network, io.EOF},
		{"farewell", "421 timed out\r\n", 40 << 10, smtp.Throttled, nil},
		{"refusal", "554 no\r\n", 10, smtp.Permanent, nil},
		{"accepted early", "250 thanks\r\n", 10, smtp.Network, smtp.ErrProtocol},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg, _ := talk(t, func(s *talker) {
					s.hello()
					s.answer("250 mail", "250 rcpt", "354 go")
					go io.Copy(io.Discard, s.r)
					time.Sleep(time.Minute)
					io.WriteString(s, tt.said)
				})
				r, w := io.Pipe()
				defer w.Close()
				go w.Write(bytes.Repeat([]byte("x\r\n"), tt.octets/3))
				began := time.Now()
				_, err := smtp.Send(t.Context(), cfg, envelope, smtp.Reader(r))
				if smtp.Classify(err) != tt.class || !smtp.SafeToRetry(err) || tt.is != nil && !errors.Is(err, tt.is) {
					t.Errorf("got %v (%v)", err, smtp.Classify(err))
				}
				if took := time.Since(began); took > time.Minute+2*time.Second {
					t.Errorf("after %v", took)
				}
			})
		})
	}
}

// A server that closes the connection in the middle of the content has closed the
// connection, whatever the client was waiting for.
func TestServerClosesDuringContent(t *testing.T) {
	for said, is := range map[string]error{"": io.EOF, "what?\r\n": smtp.ErrProtocol, "552-too": io.ErrUnexpectedEOF} {
		for _, reads := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				cfg, _ := talk(t, func(s *talker) {
					s.hello()
					s.answer("250 mail", "250 rcpt", "354 go")
					if reads {
						io.CopyN(io.Discard, s.r, 40<<10)
					}
					io.WriteString(s, said)
				})
				_, err := smtp.Send(t.Context(), cfg, envelope, smtp.Bytes(bytes.Repeat([]byte("hello\r\n"), 1<<20)))
				if !errors.Is(err, is) && !errors.Is(err, io.ErrClosedPipe) || errors.Is(err, os.ErrDeadlineExceeded) || smtp.Classify(err) != smtp.Network || !smtp.SafeToRetry(err) {
					t.Errorf("%q, reads %v: %v", said, reads, err)
				}
			})
		}
	}
}
