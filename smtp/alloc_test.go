package smtp_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/smtp"
)

// A sink takes any message and allocates nothing for it, so that what a test
// counts is the client's.
type sink struct{ *bufio.ReadWriter }

// startSink returns a client that is connected to a sink over loopback.
func startSink(tb testing.TB, server, client *tls.Config) *smtp.Client {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		if server != nil {
			conn = tls.Server(conn, server)
		}
		sink{bufio.NewReadWriter(bufio.NewReaderSize(conn, 64<<10), bufio.NewWriter(conn))}.serve()
	}()
	cfg := smtp.Config{Addr: l.Addr().String(), TLS: smtp.InsecureNoTLS, LocalName: "client.example.com"}
	if server != nil {
		cfg.TLS, cfg.TLSConfig = smtp.TLSImplicit, client
	}
	c, err := smtp.Dial(context.Background(), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		c.Close()
		l.Close()
		<-done
	})
	return c
}

func (s sink) serve() {
	s.say("220 sink\r\n")
	for {
		line, err := s.ReadSlice('\n')
		if err != nil {
			return
		}
		switch {
		case bytes.HasPrefix(line, []byte("EHLO")):
			s.say("250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE\r\n")
		case bytes.HasPrefix(line, []byte("DATA")):
			s.say("354 go\r\n")
			if !s.content() {
				return
			}
			s.say("250 2.0.0 Ok: queued as 4F1B2A3C\r\n")
		default:
			s.say("250 2.1.5 Ok\r\n")
		}
	}
}

// content reads up to the final dot, behind which the client waits.
func (s sink) content() bool {
	var tail [5]byte
	for string(tail[:]) != "\r\n.\r\n" {
		if _, err := s.Peek(1); err != nil {
			return false
		}
		p, _ := s.Peek(s.Reader.Buffered())
		copy(tail[:], tail[min(len(p), len(tail)):])
		last := p[max(0, len(p)-len(tail)):]
		copy(tail[len(tail)-len(last):], last)
		_, _ = s.Discard(len(p))
	}
	return true
}

// say answers a command, with those that came with it.
func (s sink) say(reply string) {
	_, _ = s.WriteString(reply)
	if s.Reader.Buffered() == 0 {
		_ = s.Flush()
	}
}

var twoKiB = smtp.Bytes([]byte("Subject: hello\r\n\r\n" + strings.Repeat(strings.Repeat("x", 62)+"\r\n", 32)))

// sinkTLS returns the two sides of a TLS configuration.
func sinkTLS(tb testing.TB) (server, client *tls.Config) {
	s := httptest.NewTLSServer(nil) // for its certificate
	tb.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return &tls.Config{Certificates: s.TLS.Certificates}, &tls.Config{RootCAs: roots, ServerName: "example.com"}
}

// many returns an envelope with n recipients.
func many(n int) smtp.Envelope {
	env := smtp.Envelope{From: user}
	for i := range n {
		env.To = append(env.To, fmt.Sprintf("recipient-%d@example.com", i))
	}
	return env
}

// Each warm message costs at most 6 allocations in plaintext and 7 over TLS, with
// a context that can end, and none for each further recipient.
func TestAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	for _, tt := range []struct {
		name       string
		tls        bool
		recipients int
		most       float64
	}{
		{"plaintext", false, 1, 6},
		{"plaintext, 100 recipients", false, 100, 6},
		{"plaintext, 1000 recipients", false, 1000, 6},
		{"TLS", true, 1, 7 + 2}, // of the sink's own TLS
		{"TLS, 100 recipients", true, 100, 7 + 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var server, client *tls.Config
			if tt.tls {
				server, client = sinkTLS(t)
			}
			c := startSink(t, server, client)
			env := many(tt.recipients)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			got := testing.AllocsPerRun(200, func() {
				if res, err := c.Send(ctx, env, twoKiB); err != nil || res.QueueID == "" || len(res.Accepted) != tt.recipients {
					t.Errorf("%+v, %v", res, err)
				}
			})
			t.Logf("%v allocations", got)
			if got > tt.most {
				t.Errorf("%v allocations for a message; want at most %v", got, tt.most)
			}
		})
	}
}

func BenchmarkWarm(b *testing.B) {
	for name, recipients := range map[string]int{"1": 1, "100": 100} {
		b.Run("recipients="+name, func(b *testing.B) {
			c := startSink(b, nil, nil)
			env := many(recipients)
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			b.ReportAllocs()
			b.SetBytes(2 << 10)
			for b.Loop() {
				if _, err := c.Send(ctx, env, twoKiB); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkLarge is bound by dot coding and by the network.
func BenchmarkLarge(b *testing.B) {
	large := smtp.Bytes([]byte("\r\n" + strings.Repeat(strings.Repeat("x", 74)+"\r\n.\r\n", 25<<20/79)))
	c := startSink(b, nil, nil)
	b.ReportAllocs()
	b.SetBytes(25 << 20)
	for b.Loop() {
		if _, err := c.Send(b.Context(), envelope, large); err != nil {
			b.Fatal(err)
		}
	}
}
