package conformance

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// A Wire is one connection to a server under test, at the level of octets: what is
// written is written as it is, and of what is read nothing is put right. It belongs
// to one case, which ends it.
type Wire struct {
	bench *ServerBench
	ctx   context.Context // of the case
	conn  net.Conn
	in    *bufio.Reader
	stop  func() bool

	transcript []string
	tls        *tls.ConnectionState
	unverified error    // what is wrong with the certificate
	lines      []string // what the last EHLO listed
	signedIn   bool
	warning    Verdict // the first one
}

// open returns a wire on a connection.
func (b *ServerBench) open(ctx context.Context, conn net.Conn) *Wire {
	w := &Wire{bench: b, ctx: ctx}
	w.use(conn)
	w.stop = context.AfterFunc(ctx, func() { conn.Close() })
	b.wires = append(b.wires, w)
	return w
}

func (w *Wire) use(conn net.Conn) {
	w.conn, w.in = conn, bufio.NewReader(conn)
}

// Close ends the connection without a word.
func (w *Wire) Close() {
	w.stop()
	w.conn.Close()
}

// Send writes octets in one write. The transcript shows them unless shown is
// something else. That it fails shows in the reply.
func (w *Wire) Send(octets, shown string) {
	if err := w.bench.run.commands.wait(w.ctx); err != nil {
		return
	}
	if shown == "" {
		shown = octets
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(shown, "\r\n"), "\r\n") {
		w.note("C: " + line)
	}
	w.deadline()
	_, _ = w.conn.Write([]byte(octets))
}

// Reply reads one reply.
func (w *Wire) Reply() Reply {
	w.deadline()
	r := readReply(w.in)
	if r.Err != nil {
		w.note("(" + r.reason() + ")")
		return r
	}
	// A secret may be cut by the end of a line.
	r.shown = slices.Clone(r.Lines)
	w.bench.run.secrets.Redact(r.shown)
	for i, line := range slices.Collect(strings.Lines(r.Raw)) {
		switch text := strings.TrimRight(line, "\r\n"); {
		case r.Code == 334 && len(text) > len("334 "):
			w.note(fmt.Sprintf("S: 334 <%d octets>", len(text)-len("334 ")))
		default:
			w.note("S: " + text[:min(len("250-"), len(text))] + r.shown[i])
		}
	}
	return r
}

// Ask sends a command, without its CRLF, and reads a reply.
func (w *Wire) Ask(command string) Reply {
	w.Send(command+"\r\n", "")
	return w.Reply()
}

// Waiting reports whether octets of the server have come that were not read yet.
func (w *Wire) Waiting() bool { return w.in.Buffered() > 0 }

// deadline gives the server the time of one step.
func (w *Wire) deadline() {
	w.conn.SetDeadline(time.Now().Add(w.bench.run.suite.timeout()))
}

// maxNoted is how many lines of a dialogue are kept.
const maxNoted = 200

// note adds a line to the transcript.
func (w *Wire) note(line string) {
	if len(w.transcript) == maxNoted {
		w.transcript = w.transcript[1:]
	}
	w.transcript = append(w.transcript, w.bench.printable(line))
}

// Transcript returns what a verdict shows of the dialogue: the last lines, without
// secrets.
func (w *Wire) Transcript() []string {
	const lines = 16
	return slices.Clone(w.transcript[max(0, len(w.transcript)-lines):])
}

// errHandshake says that a server had something else in mind than TLS.
var errHandshake = errors.New("no TLS handshake")

// handshake begins TLS, whatever the certificate. What is wrong with that is noted
// for those who want to send credentials.
func (w *Wire) handshake() error {
	run := w.bench.run
	config := &tls.Config{
		ServerName: run.place.host,
		MinVersion: tls.VersionTLS10, // a case judges it
		// The certificate is verified below, and credentials wait for that.
		InsecureSkipVerify: true,
	}
	w.deadline()
	conn := tls.Client(&readerConn{w.conn, w.in}, config)
	if err := conn.HandshakeContext(w.ctx); err != nil {
		w.note(fmt.Sprintf("(no TLS: %v)", err))
		return fmt.Errorf("%w: %w", errHandshake, err)
	}
	state := conn.ConnectionState()
	w.unverified = verify(state, run.place.host, run.RootCAs)
	if w.unverified == nil && state.Version < tls.VersionTLS12 {
		w.unverified = fmt.Errorf("%s is not safe (RFC 8996)", tls.VersionName(state.Version))
	}
	run.unverified = w.unverified
	w.tls = &state
	w.note(fmt.Sprintf("(%s)", tls.VersionName(state.Version)))
	w.use(conn)
	return nil
}

// mayTell reports whether credentials may be sent on this very connection: it may
// be another one than those before, without STARTTLS or with another certificate.
func (w *Wire) mayTell() bool {
	run := w.bench.run
	return run.facts.Network == onLoopback || w.tls != nil && (w.unverified == nil || run.InsecureUnverifiedTLS)
}

// errTelling says that credentials were not sent.
var errTelling = errors.New("credentials are sent over verified TLS only, and this connection has none")

// verify checks a certificate as crypto/tls does.
func verify(state tls.ConnectionState, host string, roots *x509.CertPool) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("no certificate")
	}
	o := x509.VerifyOptions{Roots: roots, DNSName: host, Intermediates: x509.NewCertPool()}
	for _, cert := range state.PeerCertificates[1:] {
		o.Intermediates.AddCert(cert)
	}
	_, err := state.PeerCertificates[0].Verify(o)
	return err
}

// A readerConn is a connection of which some octets were read ahead.
type readerConn struct {
	net.Conn
	in *bufio.Reader
}

func (c *readerConn) Read(p []byte) (int, error) { return c.in.Read(p) }
