package mock_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
)

// failures are why the sessions of a server ended, once they are over.
func failures(srv *mock.Server) (all []string) {
	srv.Close()
	for _, s := range srv.Sessions() {
		if s.Failure != "" {
			all = append(all, s.Failure)
		}
	}
	return all
}

// asked starts a server that fails no test, without TLS, and sends it a command.
func asked(t *testing.T, o mock.Options, command string) (*mock.Server, *client) {
	t.Helper()
	o.Network, o.TLS, o.InsecureAuth, o.RequireTLS, o.Capabilities = mock.InMemory, mock.NoTLS, true, false, mock.Capabilities{}
	srv, err := mock.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Close() })
	c := dial(t, srv)
	c.replies(1)
	c.ask("EHLO client.test\r\n")
	c.send(command + "\r\n")
	return srv, c
}

// A checker's reply that refuses nothing is the checker's fault: nobody is let
// in by it, and no octet of it is sent.
func TestReplyErrors(t *testing.T) {
	const broken = "454 4.7.0 Temporary authentication failure\r\n"
	for name, test := range map[string]struct {
		err   error
		reply string
		fault string
	}{
		"no text": {&mock.ReplyError{Code: 535, Enhanced: "5.7.8"}, "535 5.7.8 \r\n", ""},
		"no text, wrapped": {
			&sasl.OAuthError{Status: "401", Err: &mock.ReplyError{Code: 454}},
			"334 " + b64(`{"status":"401"}`) + "\r\n", "",
		},
		"zero":            {&mock.ReplyError{}, broken, "ReplyError of code 0"},
		"success":         {&mock.ReplyError{Code: 235, Text: []string{"in"}}, broken, "ReplyError of code 235"},
		"round":           {&mock.ReplyError{Code: 334, Text: []string{"x"}}, broken, "ReplyError of code 334"},
		"too big":         {&mock.ReplyError{Code: 99999}, broken, "ReplyError of code 99999"},
		"negative":        {&mock.ReplyError{Code: -535}, broken, "ReplyError of code -535"},
		"line in a line":  {&mock.ReplyError{Code: 535, Text: []string{"no", "a\r\n235 in"}}, broken, "ReplyError with CR or LF in it"},
		"CR in the code":  {&mock.ReplyError{Code: 535, Enhanced: "5.7.8\r235"}, broken, "ReplyError with CR or LF in it"},
		"nil that is one": {(*mock.ReplyError)(nil), "421 4.3.0 Mechanism failed, closing connection\r\n", "panicked"},
	} {
		t.Run(name, func(t *testing.T) {
			o := mock.Options{Tokens: checker(func(mock.TokenCheck) error { return test.err })}
			srv, c := asked(t, o, "AUTH XOAUTH2 "+xoauth2("you@example.test", "bad"))
			c.expect(test.reply)
			c.conn.Close()
			got := strings.Join(failures(srv), "; ")
			if !strings.Contains(got, test.fault) || (got == "") != (test.fault == "") {
				t.Errorf("failure %q, want %q", got, test.fault)
			}
			if strings.Contains(got, "235 in") {
				t.Errorf("the failure quotes the reply: %q", got)
			}
			for _, auth := range srv.Auths() {
				if auth.User != "" {
					t.Errorf("signed in: %+v", auth)
				}
			}
		})
	}
}

// A persona has words for replies without any.
func TestPersonaWithoutText(t *testing.T) {
	for name, o := range map[string]mock.Options{"Gmail": mock.Gmail(nil), "Microsoft 365": mock.Microsoft365(nil)} {
		for _, code := range []int{432, 454, 500, 504, 534, 535, 550, 599} {
			o.Tokens = checker(func(mock.TokenCheck) error { return &mock.ReplyError{Code: code} })
			srv, c := asked(t, o, "AUTH XOAUTH2 "+xoauth2("you@example.test", "bad"))
			c.replies(1)
			c.conn.Close()
			if got := failures(srv); len(got) > 0 {
				t.Errorf("%s, %d: %q", name, code, got)
			}
		}
	}
}

// identifier is a server side that succeeds and then panics.
type identifier struct{}

func (identifier) Next([]byte) ([]byte, bool, error) { return nil, true, nil }
func (identifier) Identity() (string, string)        { panic("hunter2") }

func TestIdentityPanics(t *testing.T) {
	m := sasl.Mechanism{Name: "X-ID", NewServer: func(context.Context, *sasl.Conn, sasl.Directory) (sasl.Server, error) { return identifier{}, nil }}
	srv, c := asked(t, mock.Options{Registry: sasl.Default().With(m), Mechanisms: []string{"X-ID"}}, "AUTH X-ID AA==")
	c.expect("421 4.3.0 Mechanism failed, closing connection\r\n")
	c.expectEnd()
	if got, want := failures(srv), []string{"mechanism X-ID panicked: a value of type string"}; !slices.Equal(got, want) {
		t.Errorf("failures %q, want %q", got, want)
	}
	if strings.Contains(srv.Transcript().String(), "hunter2") {
		t.Error("the transcript holds what was panicked with")
	}
}
