package smtp_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// Attacks on a sign-in that the engine has to meet. Those that any engine would
// meet are in the tests of package sasl, which has a list of all.

const pencil = "pencil"

// signInTo connects to a server of its own and signs in.
func signInTo(t *testing.T, a *sasl.Authenticator, o mock.Options) (*mock.Server, error) {
	t.Helper()
	o.Network = mock.InMemory
	if o.Script == nil && o.Directory == nil {
		o.Users = map[string]string{user: pencil}
	}
	s := mock.Start(t, o)
	c, err := smtp.Dial(t.Context(), config(s, a))
	if err == nil {
		c.Close()
	}
	return s, err
}

// behind returns what the client said from AUTH on.
func behind(t *testing.T, s *mock.Server) string {
	t.Helper()
	said := lines(only(t, s))
	if i := strings.Index(said, "AUTH "); i >= 0 {
		return said[i:]
	}
	return ""
}

// What a server offers before TLS counts for nothing: neither does a mechanism
// that only that list has, nor does one that it lacks go unused.
func TestPreTLSListDiscarded(t *testing.T) {
	for name, c := range map[string]struct {
		before, after string // mechanisms
		want          string // "" for none
	}{
		"stronger before": {"SCRAM-SHA-256 XOAUTH2", "PLAIN", "PLAIN"},
		"weaker before":   {"LOGIN", "SCRAM-SHA-256 LOGIN", "SCRAM-SHA-256"},
		"only before":     {"PLAIN SCRAM-SHA-256", "XOAUTH2", ""},
		"none before":     {"", "PLAIN", "PLAIN"},
	} {
		t.Run(name, func(t *testing.T) {
			o := mock.Options{Mechanisms: strings.Fields(c.after)}
			o.Capabilities.Plain = []string{"STARTTLS", "AUTH " + c.before, "AUTH=" + c.before}
			if c.before == "" {
				o.Capabilities.Plain = []string{"STARTTLS"}
			}
			if c.want == "" {
				o.Directory = accept(short)
			}
			s, err := signInTo(t, sasl.Password(user, pencil), o)
			if c.want == "" {
				var none *sasl.NoMechanismError
				if !errors.As(err, &none) || !slices.Equal(none.Offered, []string{c.after}) || behind(t, s) != "" {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || !strings.HasPrefix(behind(t, s), "AUTH "+c.want) {
				t.Errorf("got %v, the client said %q", err, behind(t, s))
			}
		})
	}
}

// Loopback is exempt from TLS only if the connection is known to end there: who
// dials for the engine may dial a proxy, and a name is not an address.
func TestLoopbackExemption(t *testing.T) {
	s := mock.Start(t, mock.Options{TLS: mock.NoTLS, InsecureAuth: true, Users: map[string]string{user: pencil}, Mechanisms: []string{"PLAIN"}})
	proxy := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.Addr())
	}
	for _, host := range []string{"localhost", "127.0.0.1", "[::1]", "smtp.example.com", "localhost.example.com"} {
		cfg := smtp.Config{Addr: host + ":587", TLS: smtp.InsecureNoTLS, Auth: sasl.Password(user, pencil), DialContext: proxy}
		if _, err := smtp.Dial(t.Context(), cfg); !errors.Is(err, sasl.ErrInsecure) {
			t.Errorf("%s through a proxy: %v, want ErrInsecure", host, err)
		}
	}
	if n := len(s.Auths()); n != 0 {
		t.Errorf("%d AUTH", n)
	}
	c, err := smtp.Dial(t.Context(), smtp.Config{Addr: s.Addr(), TLS: smtp.InsecureNoTLS, Auth: sasl.Password(user, pencil)})
	if err != nil {
		t.Fatalf("loopback itself: %v", err)
	}
	c.Close()
}

// A server that reports success without its signature, at whatever step, is not
// signed in to, and the connection ends there.
func TestEarly235(t *testing.T) {
	for _, mechanism := range []string{"SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512", "SCRAM-SHA-256-PLUS"} {
		for point, want := range map[string]int{"AUTH": 1, "AUTH/2": 2} { // lines of the client
			a := sasl.Password(user, pencil)
			a.Policy.Order = []string{mechanism}
			s, err := signInTo(t, a, mock.Options{
				Mechanisms: []string{mechanism},
				Faults:     []mock.Fault{mock.At(point).Do(mock.Reply(235, "2.7.0", "welcome"))},
			})
			if !errors.Is(err, sasl.ErrServerUnverified) || len(strings.Split(behind(t, s), "\n")) != want {
				t.Errorf("%s at %s: %v, the client said %q", mechanism, point, err, behind(t, s))
			}
		}
	}

	// The signature before there is anything to sign.
	a := sasl.Password(user, pencil)
	a.Policy.Order = []string{"SCRAM-SHA-256"}
	s, err := signInTo(t, a, mock.Options{Faults: []mock.Fault{
		mock.At("AUTH").Do(mock.Raw([]byte("334 " + b64("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=") + "\r\n"))),
		mock.At("AUTH/2").Do(mock.Reply(235, "2.7.0", "welcome")),
	}})
	if !errors.Is(err, sasl.ErrProtocol) || len(strings.Split(behind(t, s), "\n")) != 2 {
		t.Errorf("signature first: %v, the client said %q", err, behind(t, s))
	}
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// A success that answers "*" is none, and nothing more is said to that server.
func TestLate235(t *testing.T) {
	for mechanism, c := range map[string]string{ // what cannot be answered
		"XOAUTH2":       "334 !!!",
		"SCRAM-SHA-256": "334 " + b64("r=x,"),
		"PLAIN":         "334 " + b64("why?"),
	} {
		a := sasl.Password(user, pencil)
		if mechanism == "XOAUTH2" {
			a = sasl.OAuth(user, sasl.StaticToken(short))
		}
		s, err := signInTo(t, a, mock.Options{
			Script: mock.Seq(
				mock.Hello("STARTTLS"), mock.ExpectSTARTTLS(), mock.HelloAgain("AUTH "+mechanism),
				mock.ExpectLike("AUTH "+mechanism+" *"), mock.Send(c),
				mock.Expect("*"), mock.Send("235 2.7.0 welcome"), mock.ExpectEOF(),
			),
		})
		if !errors.Is(err, sasl.ErrProtocol) {
			t.Errorf("%s: %v", mechanism, err)
		}
		if err := s.Err(); err != nil {
			t.Errorf("%s: %v", mechanism, err)
		}
	}
}

// Octets behind the 235 belong to no command: the next one does not take them
// for its reply.
func TestGarbageAfter235(t *testing.T) {
	for _, extra := range []string{"250 2.0.0 ok", "235 2.7.0 welcome", "334 ", "garbage", "250-2.0.0 half"} {
		s := mock.Start(t, mock.Options{
			Network: mock.InMemory, Directory: accept(short),
			Faults: []mock.Fault{mock.At("AUTH").After().Do(mock.Raw([]byte(extra + "\r\n")))},
		})
		_, err := smtp.Send(t.Context(), config(s, sasl.OAuth(user, sasl.StaticToken(short))), envelope, message)
		if err == nil || len(s.Messages()) != 0 {
			t.Errorf("%q: %v, %d messages", extra, err, len(s.Messages()))
		}
	}
}

// challenged plays one challenge to XOAUTH2 and returns what the client answered,
// "" or "*", and what came of it.
func challenged(t *testing.T, line string) (answer string, err error) {
	t.Helper()
	s, err := signInTo(t, sasl.OAuth(user, sasl.StaticToken(short)), mock.Options{
		Script: mock.Seq(
			mock.Hello("STARTTLS"), mock.ExpectSTARTTLS(), mock.HelloAgain("AUTH XOAUTH2"),
			mock.ExpectLike("AUTH XOAUTH2 *"), mock.Raw([]byte(line+"\r\n")),
			mock.OneOf(
				mock.Seq(mock.Expect(""), mock.Send("535 5.7.8 answered")),
				mock.Seq(mock.Expect("*"), mock.Send("501 5.7.0 cancelled")),
			),
			mock.SkipTo(mock.ExpectEOF()),
		),
	})
	if e := s.Err(); e != nil {
		t.Errorf("%.40q: %v", line, e)
	}
	var reply *smtp.ReplyError
	switch {
	case errors.As(err, &reply) && reply.Reply.Code == 535:
		return "", err
	case errors.As(err, &reply) && reply.Reply.Code == 501:
		return "*", err
	}
	return "neither", err
}

// A challenge of 12288 octets is read and answered (RFC 4954, Section 4), a
// longer one is not; neither is what is no base64 of that section.
func TestChallengeLimits(t *testing.T) {
	most := strings.Repeat("A", 12288)
	for _, c := range []struct{ name, line, want string }{
		{"empty", "334 ", ""},
		{"empty without a space", "334", ""},
		{"base64", "334 " + b64(`{"status":"401"}`), ""},
		{"12288 octets", "334 " + most, ""},
		{"12289 octets", "334 " + most + "A", "*"},
		{"12292 octets", "334 " + most + "AAAA", "*"},
		{"text", "334 go ahead", "*"},
		{"padding in front", "334 =AAA", "*"},
		{"padding within", "334 AAA=BBB=", "*"},
		{"padding alone", "334 =", "*"},
		{"stray bits", "334 QR==", "*"},
		{"no padding", "334 QQ", "*"},
		{"space within", "334 QUFB QUFB", "*"},
		{"CR within", "334 QUFB\rQUFB", "*"},
		{"URL alphabet", "334 -_-_", "*"},
		{"two lines", "334-QUFB\r\n334 QUFB", "*"},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer, err := challenged(t, c.line)
			if err == nil || answer != c.want || errors.Is(err, sasl.ErrProtocol) != (c.want == "*") {
				t.Errorf("answer %q, error %.300v; want %q", answer, err, c.want)
			}
		})
	}

	for name, action := range map[string]mock.Action{
		"64 KiB":           mock.Raw([]byte("334 " + strings.Repeat("A", 64<<10) + "\r\n")),
		"line without end": mock.Flood(0),
		"endless lines":    mock.Endless("334-QUFB", 0),
	} {
		t.Run(name, func(t *testing.T) {
			s, err := signInTo(t, sasl.OAuth(user, sasl.StaticToken(short)), mock.Options{
				Directory: accept(short), Faults: []mock.Fault{mock.At("AUTH").Do(action)},
			})
			if !errors.Is(err, smtp.ErrProtocol) || len(strings.Split(behind(t, s), "\n")) != 1 {
				t.Errorf("got %.300v, the client said %q", err, behind(t, s))
			}
		})
	}
}

// An initial response goes with AUTH as long as the line has no more than 512
// octets, and one that is empty goes as "=" (RFC 4954, Section 4).
func TestInitialResponseFraming(t *testing.T) {
	for _, c := range []struct {
		octets int // of the initial response, -1 for none
		inline bool
	}{{-1, false}, {0, true}, {1, true}, {371, true}, {372, true}, {373, false}, {9216, false}} {
		t.Run(fmt.Sprint(c.octets), func(t *testing.T) {
			var initial []byte
			if c.octets >= 0 {
				initial = []byte(strings.Repeat("x", c.octets))
			}
			encoded := base64.StdEncoding.EncodeToString(initial)
			if c.octets == 0 {
				encoded = "="
			}
			script := []mock.Step{mock.Hello("STARTTLS"), mock.ExpectSTARTTLS(), mock.HelloAgain("AUTH X-FRAME2")}
			switch {
			case c.octets < 0:
				script = append(script, mock.Expect("AUTH X-FRAME2"))
			case c.inline:
				script = append(script, mock.Expect("AUTH X-FRAME2 "+encoded))
			default:
				script = append(script, mock.Expect("AUTH X-FRAME2"), mock.Send("334 supported, go ahead"), mock.Expect(encoded))
			}
			script = append(script, mock.Send("235 2.7.0 welcome"), mock.Expect("QUIT"), mock.Send("221 2.0.0 bye"))
			a := &sasl.Authenticator{Registry: new(sasl.Registry).With(sasl.Mechanism{
				Name: "X-FRAME2",
				NewClient: func(context.Context, *sasl.Conn, *sasl.Credentials) (sasl.Client, error) {
					return frame{initial}, nil
				},
			})}
			s, err := signInTo(t, a, mock.Options{Script: mock.Seq(script...)})
			if err != nil || s.Err() != nil {
				t.Errorf("got %v, the script %v", err, s.Err())
			}
		})
	}
}

// A frame is a mechanism that says one thing. Its name is as long as XOAUTH2 and
// one more: "AUTH X-FRAME2 " and CRLF leave 496 octets.
type frame struct{ initial []byte }

func (f frame) Start() (string, []byte, error) { return "X-FRAME2", f.initial, nil }
func (f frame) Next([]byte) ([]byte, error)    { return nil, errors.New("test: no challenge expected") }
