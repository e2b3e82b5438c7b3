package sasl_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	netsmtp "net/smtp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-55a66e92/postern/sasl"
)

// A peer is the other end of a connection of net/smtp: it answers each line of
// the client with the next of its replies.
type peer struct {
	client *netsmtp.Client
	lines  []string // what the client said behind EHLO
	done   chan struct{}
}

// dialNetSMTP connects a client of net/smtp to a server that offers mechanisms
// and then says replies. A last reply has to be there for every line.
func dialNetSMTP(t *testing.T, mechanisms string, replies ...string) *peer {
	t.Helper()
	near, far := net.Pipe()
	p := &peer{done: make(chan struct{})}
	go p.serve(far, append([]string{"250-smtp.example.com\r\n250 AUTH " + mechanisms}, replies...))
	client, err := netsmtp.NewClient(near, "smtp.example.com")
	if err != nil {
		t.Fatal(err)
	}
	p.client = client
	t.Cleanup(func() {
		client.Close()
		<-p.done
	})
	return p
}

func (p *peer) serve(conn net.Conn, replies []string) {
	defer close(p.done)
	defer conn.Close()
	lines := bufio.NewReader(conn)
	for _, reply := range append([]string{"220 smtp.example.com"}, replies...) {
		if _, err := io.WriteString(conn, reply+"\r\n"); err != nil {
			return
		}
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		p.lines = append(p.lines, strings.TrimSuffix(line, "\r\n"))
	}
}

// wantLines ends the connection and compares what the client said, but for EHLO.
func (p *peer) wantLines(t *testing.T, want ...string) {
	t.Helper()
	p.client.Close()
	<-p.done
	if diff := cmp.Diff(want, p.lines[1:]); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

// signInByNetSMTP runs a over p and returns its result.
func signInByNetSMTP(t *testing.T, a *sasl.Authenticator, p *peer) error {
	t.Helper()
	auth := sasl.NetSMTP(t.Context(), a, &sasl.Conn{Loopback: true, ClientCert: true})
	return auth.Finish(p.client.Auth(auth))
}

const (
	challenge401 = "334 eyJzdGF0dXMiOiI0MDEifQ=="
	reply235     = "235 2.7.0 welcome"
	reply535     = "535 5.7.8 no"
	closing      = "221 bye"
)

func TestNetSMTPAccepted(t *testing.T) {
	long := strings.Repeat("t", 400)
	for _, test := range []struct {
		name, offered string
		a             *sasl.Authenticator
		replies       []string
		want          []string
	}{
		{
			"initial response with AUTH", "XOAUTH2", sasl.OAuth(user, sasl.StaticToken(token)),
			[]string{reply235},
			[]string{"AUTH XOAUTH2 " + encode([]byte(messageOf("XOAUTH2", token)))},
		},
		{
			"initial response that is too long for AUTH", "xoauth2", sasl.OAuth(user, sasl.StaticToken(long)),
			[]string{"334 WE9BVVRIMj8=", reply235},
			[]string{"AUTH XOAUTH2", encode([]byte(messageOf("XOAUTH2", long)))},
		},
		{
			"initial response that is empty", "EXTERNAL", &sasl.Authenticator{Credentials: sasl.Credentials{External: true}},
			[]string{"334 ", reply235},
			[]string{"AUTH EXTERNAL", ""},
		},
		{
			"no initial response", "LOGIN", sasl.Password(user, password),
			[]string{"334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", reply235},
			[]string{"AUTH LOGIN", encode([]byte(user)), encode([]byte(password))},
		},
		{
			"proof of the server", "X-PROOF", &sasl.Authenticator{Registry: sasl.Default().With(proof())},
			[]string{"334 cHJvb2Y=", reply235},
			[]string{"AUTH X-PROOF", ""},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := dialNetSMTP(t, test.offered, test.replies...)
			if err := signInByNetSMTP(t, test.a, p); err != nil {
				t.Error(err)
			}
			p.wantLines(t, test.want...)
		})
	}
}

// A success that the mechanism does not agree with is none, within net/smtp and
// without.
func TestNetSMTPSuccessTooEarly(t *testing.T) {
	long := strings.Repeat("t", 400)
	for _, test := range []struct {
		name, offered string
		a             *sasl.Authenticator
		replies       []string
		want          error
	}{
		{
			"before the server's proof", "X-PROOF", &sasl.Authenticator{Registry: sasl.Default().With(proof())},
			[]string{reply235},
			sasl.ErrServerUnverified,
		},
		{
			"before the server's signature", "SCRAM-SHA-256", sasl.Password(user, password),
			[]string{reply235},
			sasl.ErrServerUnverified,
		},
		{
			"before the initial response", "XOAUTH2", sasl.OAuth(user, sasl.StaticToken(long)),
			[]string{reply235},
			sasl.ErrProtocol,
		},
		{
			"before the password", "LOGIN", sasl.Password(user, password),
			[]string{"334 VXNlcm5hbWU6", reply235},
			sasl.ErrProtocol,
		},
		{
			"after an error challenge", "XOAUTH2", sasl.OAuth(user, sasl.StaticToken(token)),
			[]string{challenge401, reply235},
			sasl.ErrProtocol,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := dialNetSMTP(t, test.offered, append(test.replies, "501 cancelled", closing)...)
			auth := sasl.NetSMTP(t.Context(), test.a, &sasl.Conn{Loopback: true})
			err := p.client.Auth(auth)
			wantErrors(t, err, test.want)
			if got := auth.Finish(nil); got != err {
				t.Errorf("Finish: %v, want %v", got, err)
			}
		})
	}
}

// A token that was refused within net/smtp is known to be so, and the next
// sign-in takes another.
func TestNetSMTPRefused(t *testing.T) {
	for _, test := range []struct {
		name    string
		replies []string
	}{
		{"error challenge", []string{challenge401, reply535}},
		{"bare 535", []string{reply535}},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := &generator{tokens: []string{token, renewed}}
			a := sasl.OAuth(user, g)
			err := signInByNetSMTP(t, a, dialNetSMTP(t, "XOAUTH2", append(test.replies, "501 no exchange", closing)...))
			wantErrors(t, err, sasl.ErrRejected)
			if oauth := new(sasl.OAuthError); errors.As(err, &oauth) != (len(test.replies) == 2) {
				t.Errorf("error %v", err)
			}

			p := dialNetSMTP(t, "XOAUTH2", reply235)
			if err := signInByNetSMTP(t, a, p); err != nil {
				t.Error(err)
			}
			p.wantLines(t, "AUTH XOAUTH2 "+encode([]byte(messageOf("XOAUTH2", renewed))))
			g.wantCalls(t, 2)
			if !g.requests[1].Rejected.Matches(bearer(token)) {
				t.Error("the generator was not told of the refusal")
			}
		})
	}
}

func TestNetSMTPMalformedChallenge(t *testing.T) {
	p := dialNetSMTP(t, "XOAUTH2", "334 5.7.8 no", "501 cancelled", closing)
	err := signInByNetSMTP(t, sasl.OAuth(user, sasl.StaticToken(token)), p)
	wantErrors(t, err, sasl.ErrProtocol)
}

// What the caller leaves out, net/smtp fills in; what it has wrong is an error
// before a secret is asked for.
func TestNetSMTPFacts(t *testing.T) {
	server := &netsmtp.ServerInfo{Name: "Smtp.example.com", TLS: true, Auth: []string{"PLAIN", "XOAUTH2"}}
	g := &generator{tokens: []string{token}}
	conn := &sasl.Conn{TLS: &tls.ConnectionState{}, Verified: true}
	auth := sasl.NetSMTP(t.Context(), sasl.OAuth(user, g), conn)
	if got := auth.Mechanism(); got != "" {
		t.Errorf("mechanism %q before the start", got)
	}
	mechanism, initial, err := auth.Start(server)
	if mechanism != "XOAUTH2" || string(initial) != messageOf("XOAUTH2", token) || err != nil || auth.Mechanism() != mechanism {
		t.Errorf("Start: %s %q, %v", mechanism, initial, err)
	}
	want := sasl.TokenRequest{Username: user, Service: "smtp", Host: "Smtp.example.com"}
	if got := g.requests[0]; got != want {
		t.Errorf("request %+v, want %+v", got, want)
	}
	if conn.Host != "" || conn.Offered != nil {
		t.Errorf("the caller's Conn has changed to %+v", conn)
	}
	if _, _, err := auth.Start(server); !errors.Is(err, sasl.ErrProtocol) {
		t.Errorf("second Start: %v, want ErrProtocol", err)
	}

	unasked, _ := never(t)
	for _, test := range []struct {
		name string
		conn sasl.Conn
		tls  bool
		want error
	}{
		{"another host", sasl.Conn{Host: "mx.example.com", TLS: conn.TLS, Verified: true}, true, sasl.ErrWrongHost},
		{"TLS of another connection", sasl.Conn{TLS: conn.TLS, Verified: true}, false, sasl.ErrInsecure},
		{"TLS that the caller does not tell of", sasl.Conn{Verified: true}, true, sasl.ErrInsecure},
		{"no TLS", sasl.Conn{}, false, sasl.ErrInsecure},
	} {
		auth := sasl.NetSMTP(t.Context(), sasl.OAuth(user, unasked), &test.conn)
		_, _, err := auth.Start(&netsmtp.ServerInfo{Name: server.Name, TLS: test.tls, Auth: server.Auth})
		if !errors.Is(err, test.want) || auth.Finish(err) != err {
			t.Errorf("%s: %v, then %v; want %v twice", test.name, err, auth.Finish(err), test.want)
		}
	}
}

// The AUTH command has at most 512 octets, CRLF included (RFC 4954, Section 4).
func TestNetSMTPInitialResponseFits(t *testing.T) {
	for length, inline := range map[int]bool{1: true, 371: true, 372: true, 373: false, 9216: false} {
		a := withClient(puppet{initial: make([]byte, length)})
		auth := sasl.NetSMTP(t.Context(), a, &sasl.Conn{Loopback: true})
		name, initial, err := auth.Start(&netsmtp.ServerInfo{Auth: []string{"X-ECHO"}})
		if err != nil || (len(initial) == length) != inline {
			t.Errorf("%d octets: %s %d octets inline, %v; want inline: %t", length, name, len(initial), err, inline)
		}
		if inline {
			continue
		}
		if response, err := auth.Next([]byte("go on"), true); len(response) != length || err != nil {
			t.Errorf("%d octets: %d in the first response, %v", length, len(response), err)
		}
	}
}

// An initial response that waits for its turn does not show.
func TestNetSMTPShowsNoSecret(t *testing.T) {
	long := token + strings.Repeat("t", 400)
	auth := sasl.NetSMTP(t.Context(), sasl.OAuth(user, sasl.StaticToken(long)), &sasl.Conn{Loopback: true})
	server := &netsmtp.ServerInfo{Auth: []string{"XOAUTH2"}}
	if _, initial, err := auth.Start(server); initial != nil || err != nil {
		t.Fatalf("initial response of %d octets, %v; want none", len(initial), err)
	}
	wantNoSecret(t, "started", auth)
	if response, err := auth.Next(nil, true); string(response) != messageOf("XOAUTH2", long) || err != nil {
		t.Errorf("response %q, %v", response, err)
	}
	wantNoSecret(t, "answered", auth)
	wantNoSecret(t, "result", auth.Finish(replyCode(535)))
	wantNoSecret(t, "finished", auth)
}

// Calls that net/smtp does not make end in an error.
func TestNetSMTPOutOfOrder(t *testing.T) {
	auth := sasl.NetSMTP(context.Background(), sasl.Password(user, password), &sasl.Conn{Loopback: true})
	if response, err := auth.Next([]byte("?"), true); response != nil || !errors.Is(err, sasl.ErrProtocol) {
		t.Errorf("Next: %q, %v; want ErrProtocol", response, err)
	}
	if err := auth.Finish(nil); !errors.Is(err, sasl.ErrProtocol) {
		t.Errorf("Finish: %v, want ErrProtocol", err)
	}
}
