package sasl_test

import (
	"context"
	"errors"
	"testing"

	"github.com/seed-55a66e92/postern/sasl"
)

// certified is a connection on which a client certificate was shown.
func certified(offered ...string) *sasl.Conn {
	c := secure(offered...)
	c.ClientCert = true
	return c
}

// EXTERNAL comes before all others, if there is a certificate and the program
// wants it used.
func TestEXTERNALNeedsACertificate(t *testing.T) {
	for _, test := range []struct {
		name     string
		conn     *sasl.Conn
		external bool
		want     string
	}{
		{"certificate", certified("PLAIN", "EXTERNAL", "XOAUTH2"), true, "EXTERNAL"},
		{"certificate for something else", certified("PLAIN", "EXTERNAL"), false, "PLAIN"},
		{"no certificate", secure("PLAIN", "EXTERNAL"), true, "PLAIN"},
		{"not offered", certified("PLAIN", "X-EXTERNAL"), true, "PLAIN"},
		{"no certificate on loopback", loopback("PLAIN", "EXTERNAL"), true, "PLAIN"},
	} {
		a := sasl.Password(user, password)
		a.Credentials.External = test.external
		if got := begin(t, a, test.conn).Mechanism(); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

// A desk is a Directory with a mind of its own about certificates and guests.
type desk struct {
	accounts
	decide func(ctx context.Context) (string, error)
}

func (d desk) External(ctx context.Context, _ *sasl.Conn) (string, error) { return d.decide(ctx) }
func (d desk) Anonymous(ctx context.Context, _ string) (string, error)    { return d.decide(ctx) }

// The directory decides, and what it says is told to the client as it is for
// other mechanisms.
func TestDirectoryDecidesOnExternalAndAnonymous(t *testing.T) {
	failure := errors.New("database is down")
	known := accounts{user: {}}
	says := func(name string, err error) sasl.Directory {
		return desk{known, func(context.Context) (string, error) { return name, err }}
	}
	for _, test := range []struct {
		name      string
		directory sasl.Directory
		want      []error // nil: success
	}{
		{"known", says(user, nil), nil},
		{"unknown", says("", sasl.ErrNoAccount), []error{sasl.ErrRejected, sasl.ErrNoAccount}},
		{"refused", says("", sasl.ErrRejected), []error{sasl.ErrRejected}},
		{"nobody", says("", nil), []error{sasl.ErrRejected}},
		{"failure", says("", failure), []error{sasl.ErrTemporary, failure}},
		{"directory of another kind", known, []error{sasl.ErrRejected}},
	} {
		for _, mechanism := range []string{"EXTERNAL", "ANONYMOUS"} {
			m, _ := sasl.Default().With(sasl.Anonymous("")).Lookup(mechanism)
			server, err := m.NewServer(t.Context(), certified(mechanism), test.directory)
			if err != nil {
				t.Fatal(err)
			}
			_, done, err := server.Next([]byte{})
			authn, _ := server.(sasl.Identifier).Identity()
			if done != (test.want == nil) || (err == nil) != done || (authn == user) != done {
				t.Errorf("%s, %s: done %v, error %v, identity %q", mechanism, test.name, done, err, authn)
			}
			wantErrors(t, err, test.want...)
		}
	}
}

// Without a certificate, nobody is asked whose it is. A user who has one but no
// account is refused.
func TestEXTERNALServerRefuses(t *testing.T) {
	asked := 0
	d := desk{accounts{}, func(context.Context) (string, error) { asked++; return user, nil }}
	m, _ := sasl.Default().Lookup("EXTERNAL")
	for want, conn := range []*sasl.Conn{secure("EXTERNAL"), certified("EXTERNAL")} {
		server, err := m.NewServer(t.Context(), conn, d)
		if err != nil {
			t.Fatal(err)
		}
		_, done, err := server.Next([]byte{})
		if done || !errors.Is(err, sasl.ErrRejected) || asked != want {
			t.Errorf("certificate %t: done %v, error %v, asked %d times", conn.ClientCert, done, err, asked)
		}
	}
}

// ANONYMOUS is not in Default, and where it is added it does not stand in for a
// user with credentials.
func TestANONYMOUSIsNeverAutomatic(t *testing.T) {
	if _, ok := sasl.Default().Lookup("ANONYMOUS"); ok {
		t.Error("Default has ANONYMOUS")
	}
	generator, secret := never(t)
	for name, c := range map[string]sasl.Credentials{
		"password": {Username: user, Password: secret},
		"token":    {Username: user, Token: generator},
		"external": {External: true},
	} {
		a := &sasl.Authenticator{Credentials: c, Registry: sasl.Default().With(sasl.Anonymous("trace"))}
		_, err := a.Begin(t.Context(), secure("ANONYMOUS"))
		if none := new(sasl.NoMechanismError); !errors.As(err, &none) {
			t.Errorf("%s: %v, want a NoMechanismError", name, err)
		}
	}
	for name, c := range map[string]sasl.Credentials{"name": {Username: user}, "authzid": {AuthzID: user}} {
		a := &sasl.Authenticator{Credentials: c, Registry: sasl.Default().With(sasl.Anonymous("trace"))}
		if err := a.Validate(); !errors.Is(err, sasl.ErrBadCredentials) {
			t.Errorf("%s: %v, want ErrBadCredentials", name, err)
		}
	}
	guest := &sasl.Authenticator{Registry: sasl.Default().With(sasl.Anonymous("trace"))}
	server := play(final235())
	if _, err := guest.Authenticate(t.Context(), plaintext("PLAIN", "ANONYMOUS"), server); err != nil {
		t.Error(err)
	}
	server.wantSent(t, "AUTH ANONYMOUS trace")
}
