package smtp_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/smtp"
)

// A sink takes any message. It is a process of its own, so that what a test
// counts is the client's alone, its side of TLS included.
type sink struct{ *bufio.ReadWriter }

// isSink is set in the environment of a process that is a sink: "TLS" with TLS.
const isSink = "POSTERN_TEST_SINK"

// TestSink is no test but a sink, in a process that startSink has started. It
// tells its address and serves one connection.
func TestSink(t *testing.T) {
	kind := os.Getenv(isSink)
	if kind == "" {
		t.Skip("it is run by others")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(l.Addr())
	go func() { // ends with the process that has started this one
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if kind == "TLS" {
		conn = tls.Server(conn, &tls.Config{Certificates: sinkCertificate(t).TLS.Certificates})
	}
	sink{bufio.NewReadWriter(bufio.NewReaderSize(conn, 64<<10), bufio.NewWriter(conn))}.serve()
}

// startSink returns a client that is connected to a sink over loopback.
func startSink(tb testing.TB, encrypted bool) *smtp.Client {
	tb.Helper()
	cfg := smtp.Config{TLS: smtp.InsecureNoTLS, LocalName: "client.example.com"}
	kind := "clear"
	if encrypted {
		roots := x509.NewCertPool()
		roots.AddCert(sinkCertificate(tb).Certificate())
		cfg.TLS, cfg.TLSConfig = smtp.TLSImplicit, &tls.Config{RootCAs: roots, ServerName: "example.com"}
		kind = "TLS"
	}
	own, err := os.Executable()
	if err != nil {
		tb.Skip("this program does not know itself: ", err)
	}
	process := exec.Command(own, "-test.run=^TestSink$")
	process.Env = append(os.Environ(), isSink+"="+kind)
	in, err := process.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := process.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := process.Start(); err != nil {
		tb.Skip("no processes here: ", err)
	}
	tb.Cleanup(func() {
		in.Close()
		_ = process.Wait()
	})
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		tb.Fatal(err)
	}
	cfg.Addr = strings.TrimSpace(addr)
	c, err := smtp.Dial(context.Background(), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close() })
	return c
}

// sinkCertificate returns a server that has a certificate, the same in any
// process.
func sinkCertificate(tb testing.TB) *httptest.Server {
	s := httptest.NewTLSServer(nil)
	tb.Cleanup(s.Close)
	return s
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

// many returns an envelope with n recipients.
func many(n int) smtp.Envelope {
	env := smtp.Envelope{From: user}
	for i := range n {
		env.To = append(env.To, fmt.Sprintf("recipient-%d@example.com", i))
	}
	return env
}

// warm is what a message on a connection that is there already may cost.
var warm = []struct {
	name       string
	encrypted  bool
	recipients int
	most       float64 // allocations
}{
	{"plaintext", false, 1, 6},
	{"plaintext, 100 recipients", false, 100, 6},
	{"plaintext, 1000 recipients", false, 1000, 6},
	{"TLS", true, 1, 7},
	{"TLS, 100 recipients", true, 100, 7},
}

// Each warm message of 2 KiB costs at most 6 allocations in plaintext and 7 over
// TLS, with a context that can end and a Result that is whole, and none for each
// further recipient.
func TestAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	for _, tt := range warm {
		t.Run(tt.name, func(t *testing.T) {
			c := startSink(t, tt.encrypted)
			env := many(tt.recipients)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			got := testing.AllocsPerRun(200, func() {
				res, err := c.Send(ctx, env, twoKiB)
				if err != nil || res.QueueID == "" || len(res.Accepted) != tt.recipients || res.Octets < 2<<10 || (res.TLS != nil) != tt.encrypted {
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
	for _, bb := range warm {
		b.Run(bb.name, func(b *testing.B) {
			c := startSink(b, bb.encrypted)
			env := many(bb.recipients)
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
	c := startSink(b, false)
	b.ReportAllocs()
	b.SetBytes(25 << 20)
	for b.Loop() {
		if _, err := c.Send(b.Context(), envelope, large); err != nil {
			b.Fatal(err)
		}
	}
}
