package sasl_test

import (
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-55a66e92/postern/sasl"
)

// unverified, plaintext and loopback are connections with less than verified TLS.
func unverified(offered ...string) *sasl.Conn {
	c := secure(offered...)
	c.Verified = false
	return c
}

func plaintext(offered ...string) *sasl.Conn {
	c := unverified(offered...)
	c.TLS = nil
	return c
}

func loopback(offered ...string) *sasl.Conn {
	c := plaintext(offered...)
	c.Host, c.Loopback = "localhost", true
	return c
}

// never fails the test if a secret is asked for.
func never(t *testing.T) (sasl.TokenGenerator, func(context.Context) (sasl.Secret, error)) {
	fail := func() { t.Error("a secret was asked for") }
	generator := sasl.TokenString(func(context.Context) (string, error) { fail(); return token, nil })
	return generator, func(context.Context) (sasl.Secret, error) { fail(); return sasl.Secret{}, nil }
}

func TestNegotiation(t *testing.T) {
	generator, secret := never(t)
	oauth := sasl.Credentials{Username: user, Token: generator}
	pass := sasl.Credentials{Username: user, Password: secret}
	concealed := custom("X-CONCEALED", 300, sasl.Concealed)
	mutual := custom("X-MUTUAL", 290, sasl.Concealed|sasl.Mutual)
	bound := custom("X-BOUND", 280, sasl.Concealed|sasl.Mutual|sasl.Binds)
	deprecated := custom("X-OLD", 900, sasl.Concealed|sasl.Deprecated)
	serverOnly := custom("X-SERVER", 950, sasl.Concealed)
	serverOnly.NewClient = nil
	serverOnly.NewServer = func(context.Context, *sasl.Conn, sasl.Directory) (sasl.Server, error) { return nil, nil }
	extended := sasl.Default().With(concealed, mutual, bound, deprecated, serverOnly)

	tests := []struct {
		name        string
		conn        *sasl.Conn
		credentials sasl.Credentials
		registry    *sasl.Registry
		policy      sasl.Policy
		want        []string // the mechanisms that may run, the chosen one first
		reason      string   // "MECHANISM: why not"
		insecure    bool     // the reason matches ErrInsecure
	}{
		{
			name: "token, all offered", conn: secure("LOGIN", "PLAIN", "XOAUTH2", "OAUTHBEARER"), credentials: oauth,
			want: []string{"XOAUTH2", "OAUTHBEARER"}, reason: "PLAIN: no password to sign in with",
		},
		{
			name: "token, OAUTHBEARER alone", conn: secure("PLAIN", "OAUTHBEARER"), credentials: oauth,
			want: []string{"OAUTHBEARER"}, reason: "XOAUTH2: not offered by the server",
		},
		{
			name: "token, only passwords offered", conn: secure("PLAIN", "LOGIN"), credentials: oauth,
			reason: "XOAUTH2: not offered by the server",
		},
		{
			name: "password, all offered", conn: secure("LOGIN", "PLAIN", "XOAUTH2", "OAUTHBEARER"), credentials: pass,
			want: []string{"PLAIN", "LOGIN"}, reason: "XOAUTH2: no token generator to sign in with",
		},
		{name: "offered in lower case", conn: secure("login", "plain"), credentials: pass, want: []string{"PLAIN", "LOGIN"}},
		{name: "nothing offered", conn: secure(), credentials: pass, reason: "PLAIN: not offered by the server"},
		{
			name: "a longer name is another name", conn: secure("PLAIN-CLIENTTOKEN", "XOAUTH2-2", "LOGINX"), credentials: pass,
			reason: "PLAIN: not offered by the server",
		},
		{
			name: "a shorter name is another name", conn: secure("PLAI", "LOG", ""), credentials: pass,
			reason: "LOGIN: not offered by the server",
		},

		{
			name: "plaintext", conn: plaintext("PLAIN"), credentials: pass, insecure: true,
			reason: "PLAIN: connection not secure enough: it sends a secret and the connection has no TLS: connect with TLS",
		},
		{
			name: "unverified TLS", conn: unverified("XOAUTH2"), credentials: oauth, insecure: true,
			reason: "XOAUTH2: connection not secure enough: it sends a secret and the server's certificate is not verified: put its authority into RootCAs in place of InsecureSkipVerify",
		},
		{
			name: "verified without TLS is plaintext", conn: &sasl.Conn{Verified: true, Offered: []string{"PLAIN"}}, credentials: pass,
			insecure: true, reason: "PLAIN: connection not secure enough: it sends a secret and the connection has no TLS: connect with TLS",
		},
		{name: "loopback", conn: loopback("XOAUTH2"), credentials: oauth, want: []string{"XOAUTH2"}},
		{
			name: "InsecurePlaintext opens plaintext", conn: plaintext("PLAIN"), credentials: pass,
			policy: sasl.Policy{InsecurePlaintext: true}, want: []string{"PLAIN"},
		},
		{
			name: "InsecurePlaintext does not open unverified TLS", conn: unverified("PLAIN"), credentials: pass,
			policy: sasl.Policy{InsecurePlaintext: true}, insecure: true,
			reason: "PLAIN: connection not secure enough: it sends a secret and the server's certificate is not verified: put its authority into RootCAs in place of InsecureSkipVerify",
		},
		{
			name: "InsecureUnverifiedTLS opens unverified TLS", conn: unverified("PLAIN"), credentials: pass,
			policy: sasl.Policy{InsecureUnverifiedTLS: true}, want: []string{"PLAIN"},
		},
		{
			name: "InsecureUnverifiedTLS does not open plaintext", conn: plaintext("PLAIN"), credentials: pass,
			policy: sasl.Policy{InsecureUnverifiedTLS: true}, insecure: true,
			reason: "PLAIN: connection not secure enough: it sends a secret and the connection has no TLS: connect with TLS",
		},
		{
			name: "concealed over plaintext", conn: plaintext("PLAIN", "X-CONCEALED"), credentials: pass, registry: extended,
			want: []string{"X-CONCEALED"}, insecure: true,
			reason: "PLAIN: connection not secure enough: it sends a secret and the connection has no TLS: connect with TLS",
		},

		{
			name: "Order pins one", conn: secure("PLAIN", "LOGIN"), credentials: pass, policy: sasl.Policy{Order: []string{"LOGIN"}},
			want: []string{"LOGIN"}, reason: "PLAIN: not in Policy.Order",
		},
		{
			name: "Order pins one that is not offered", conn: secure("XOAUTH2"), credentials: oauth,
			policy: sasl.Policy{Order: []string{"OAUTHBEARER"}}, reason: "XOAUTH2: not in Policy.Order",
		},
		{
			name: "Order turns the ranks round", conn: secure("XOAUTH2", "OAUTHBEARER"), credentials: oauth,
			policy: sasl.Policy{Order: []string{"oauthbearer", "xoauth2"}}, want: []string{"OAUTHBEARER", "XOAUTH2"},
		},
		{
			name: "deprecated", conn: secure("X-OLD", "PLAIN"), credentials: pass, registry: extended,
			want: []string{"PLAIN"}, reason: "X-OLD: deprecated: name it in Policy.Order to allow it",
		},
		{
			name: "deprecated and named", conn: secure("X-OLD", "PLAIN"), credentials: pass, registry: extended,
			policy: sasl.Policy{Order: []string{"X-OLD"}}, want: []string{"X-OLD"},
		},
		{
			name: "RequireMutual", conn: secure("PLAIN", "X-MUTUAL", "X-BOUND"), credentials: pass, registry: extended,
			policy: sasl.Policy{RequireMutual: true}, want: []string{"X-MUTUAL", "X-BOUND"},
			reason: "PLAIN: Policy.RequireMutual wants a mechanism in which the server proves itself, such as SCRAM",
		},
		{
			name: "RequireBinding", conn: secure("X-CONCEALED", "X-MUTUAL", "X-BOUND"), credentials: pass, registry: extended,
			policy: sasl.Policy{RequireBinding: true}, want: []string{"X-BOUND"},
			reason: "X-MUTUAL: Policy.RequireBinding wants a mechanism that is bound to TLS, such as SCRAM with -PLUS",
		},
		{
			name: "server side alone", conn: secure("X-SERVER", "PLAIN"), credentials: pass, registry: extended,
			want: []string{"PLAIN"}, reason: "X-SERVER: it has a server side alone",
		},
		{
			name: "registry without a mechanism", conn: secure("PLAIN", "LOGIN"), credentials: pass,
			registry: sasl.Default().Without("plain", "nonesuch"), want: []string{"LOGIN"},
		},

		{
			name: "host of the credentials", conn: secure("PLAIN"), want: []string{"PLAIN"},
			credentials: sasl.Credentials{Username: user, Password: secret, Hosts: []string{"other.example.com", "SMTP.example.com"}},
		},
		{
			name: "another host", conn: secure("PLAIN"),
			credentials: sasl.Credentials{Username: user, Password: secret, Hosts: []string{"example.com"}},
			reason:      "PLAIN: credentials are not for this host: Credentials.Hosts does not name \"smtp.example.com\"",
		},
		{
			name: "authorization identity that the mechanism cannot carry", conn: secure("XOAUTH2", "OAUTHBEARER"),
			credentials: sasl.Credentials{Username: user, AuthzID: "shared@example.com", Token: generator},
			want:        []string{"OAUTHBEARER"}, reason: "XOAUTH2: it has no place for an authorization identity: leave Credentials.AuthzID empty",
		},
		{
			name: "authorization identity that is the user", conn: secure("XOAUTH2", "LOGIN"),
			credentials: sasl.Credentials{Username: user, AuthzID: user, Token: generator}, want: []string{"XOAUTH2"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := &sasl.Authenticator{Registry: test.registry, Credentials: test.credentials, Policy: test.policy}
			decisions := a.Explain(test.conn)
			var got []string
			for _, d := range decisions {
				if d.Reason == nil {
					got = append(got, d.Mechanism)
				}
				if d.Chosen != (d.Reason == nil && len(got) == 1) {
					t.Errorf("%s: chosen %v", d.Mechanism, d.Chosen)
				}
				if m, ok := test.registry.Lookup(d.Mechanism); !ok || d.Traits != m.Traits {
					t.Errorf("%s: traits %b, want %b", d.Mechanism, d.Traits, m.Traits)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("usable (-want +got):\n%s", diff)
			}
			if len(decisions) != len(test.registry.Mechanisms()) {
				t.Errorf("%d decisions on %d mechanisms", len(decisions), len(test.registry.Mechanisms()))
			}
			if test.reason != "" {
				wantReason(t, decisions, test.reason, test.insecure)
			}
		})
	}
}

// wantReason fails the test unless a mechanism was skipped for that reason.
func wantReason(t *testing.T, decisions []sasl.Decision, want string, insecure bool) {
	t.Helper()
	mechanism, why, _ := strings.Cut(want, ": ")
	for _, d := range decisions {
		if d.Mechanism != mechanism {
			continue
		}
		if d.Reason == nil || d.Reason.Error() != "sasl: "+why || errors.Is(d.Reason, sasl.ErrInsecure) != insecure {
			t.Errorf("%s: reason %v, want %q, insecure %v", mechanism, d.Reason, why, insecure)
		}
		return
	}
	t.Errorf("no decision on %s", mechanism)
}

func TestNoMechanism(t *testing.T) {
	generator, _ := never(t)
	a := sasl.OAuth(user, generator)
	a.Registry = sasl.Default().Without(others()...)
	server := play()
	mechanism, err := a.Authenticate(t.Context(), plaintext("PLAIN", "xoauth2", "GSSAPI"), server)
	var none *sasl.NoMechanismError
	if !errors.As(err, &none) || mechanism != "" {
		t.Fatalf("%q, %v; want a NoMechanismError", mechanism, err)
	}
	wantErrors(t, err, sasl.ErrInsecure)
	const text = "sasl: no usable mechanism: the server offers PLAIN xoauth2 GSSAPI" +
		"; XOAUTH2: connection not secure enough: it sends a secret and the connection has no TLS: connect with TLS" +
		"; PLAIN: no password to sign in with" +
		"; OAUTHBEARER, LOGIN: not offered by the server"
	if err.Error() != text {
		t.Errorf("text:\n%s\nwant:\n%s", err, text)
	}
	server.wantSent(t)

	x, err := a.Begin(t.Context(), plaintext("PLAIN", "xoauth2"))
	if x != nil || !errors.As(err, &none) {
		t.Errorf("Begin: %v, %v; want a NoMechanismError", x, err)
	}
}

// others are the mechanisms of Default besides the four that most servers offer.
func others() []string {
	return slices.DeleteFunc(sasl.Default().Names(), func(name string) bool {
		return slices.Contains([]string{"XOAUTH2", "OAUTHBEARER", "PLAIN", "LOGIN"}, name)
	})
}

// What a server offers is text of its own and may be made to deceive.
func TestNoMechanismTextIsPrintable(t *testing.T) {
	offered := []string{"X\r\nBAD", "\x1b[31mRED", "\u202eSDRAWKCAB", "\xff\xfe", strings.Repeat("LONG", 100)}
	err := &sasl.NoMechanismError{Offered: offered}
	const want = "sasl: no usable mechanism: the server offers X..BAD .[31mRED .SDRAWKCAB . LONGLONGLONGLONGLONG"
	if err.Error() != want {
		t.Errorf("text %q, want %q", err, want)
	}
	if err := new(sasl.NoMechanismError); err.Error() != "sasl: no usable mechanism: the server offers none" {
		t.Errorf("text %q", err)
	}
}

func TestValidate(t *testing.T) {
	generator, secret := never(t)
	tests := []struct {
		name        string
		credentials sasl.Credentials
		order       []string
		want        error  // nil: any
		text        string // in the error; "" for none
	}{
		{"good token", sasl.Credentials{Username: user, Token: generator}, nil, nil, ""},
		{"good password", sasl.Credentials{Username: user, Password: secret}, nil, nil, ""},
		{
			"password and token",
			sasl.Credentials{Username: user, Password: secret, Token: generator},
			nil,
			sasl.ErrAmbiguousCredentials, "both a password and a token generator",
		},
		{"no user name", sasl.Credentials{Token: generator}, nil, sasl.ErrBadCredentials, "no user name"},
		{
			"line break in the user name",
			sasl.Credentials{Username: "a\r\nb", Token: generator},
			nil,
			sasl.ErrBadCredentials, "control character in user name",
		},
		{
			"^A in the user name",
			sasl.Credentials{Username: "a\x01b", Token: generator},
			nil,
			sasl.ErrBadCredentials, "control character in user name",
		},
		{
			"NUL in the authorization identity",
			sasl.Credentials{Username: user, AuthzID: "\x00", Password: secret},
			nil,
			sasl.ErrBadCredentials, "control character in authorization identity",
		},
		{
			"user name is not UTF-8",
			sasl.Credentials{Username: "a\xff", Password: secret},
			nil,
			sasl.ErrBadCredentials, "user name is not valid UTF-8",
		},
		{
			"empty host",
			sasl.Credentials{Username: user, Password: secret, Hosts: []string{""}},
			nil,
			sasl.ErrBadCredentials, "empty name in Hosts",
		},
		{
			"unknown mechanism",
			sasl.Credentials{Username: user, Password: secret},
			[]string{"PLAIN", "PLANE"},
			nil, `Policy.Order names "PLANE", which the registry does not have`,
		},
		{
			"mechanism named twice",
			sasl.Credentials{Username: user, Password: secret},
			[]string{"PLAIN", "LOGIN", "plain"},
			nil, `Policy.Order names "plain" twice`,
		},
		{"nothing", sasl.Credentials{}, nil, sasl.ErrBadCredentials, "nothing to sign in with: set Password or Token"},
		{"nil generator", sasl.OAuth(user, nil).Credentials, nil, sasl.ErrBadCredentials, "nothing to sign in with: set Password or Token"},
		{"certificate", sasl.Credentials{External: true}, nil, nil, ""},
		{
			"token for mechanisms that take passwords",
			sasl.Credentials{Username: user, Token: generator},
			[]string{"SCRAM-SHA-256", "PLAIN"},
			sasl.ErrBadCredentials, "no mechanism in Policy.Order takes them",
		},
		{
			"password for one that takes tokens",
			sasl.Credentials{Username: user, Password: secret},
			[]string{"XOAUTH2"},
			sasl.ErrBadCredentials, "no mechanism in Policy.Order takes them",
		},
		{"one of two mechanisms takes a token", sasl.Credentials{Username: user, Token: generator}, []string{"PLAIN", "XOAUTH2"}, nil, ""},
		{
			"authorization identity for one that has no place for it",
			sasl.Credentials{Username: user, AuthzID: "other", Token: generator},
			[]string{"XOAUTH2"},
			sasl.ErrBadCredentials, "no mechanism in Policy.Order takes them",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := &sasl.Authenticator{Credentials: test.credentials, Policy: sasl.Policy{Order: test.order}}
			err := a.Validate()
			if test.text == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.text) || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("error %v, want %q", err, test.text)
			}
			server := play()
			_, authErr := a.Authenticate(t.Context(), secure("XOAUTH2", "PLAIN"), server)
			_, beginErr := a.Begin(t.Context(), secure("XOAUTH2", "PLAIN"))
			for _, e := range []error{authErr, beginErr} {
				if e == nil || e.Error() != err.Error() {
					t.Errorf("error %v, want that of Validate", e)
				}
			}
			server.wantSent(t)
		})
	}
}

func TestValidateTellsAllOnOneLine(t *testing.T) {
	generator, secret := never(t)
	a := &sasl.Authenticator{
		Credentials: sasl.Credentials{Username: "\n", Password: secret, Token: generator},
		Policy:      sasl.Policy{Order: []string{"NONE"}},
	}
	err := a.Validate()
	wantErrors(t, err, sasl.ErrAmbiguousCredentials, sasl.ErrBadCredentials)
	if text := err.Error(); strings.ContainsAny(text, "\r\n") || !strings.Contains(text, "NONE") {
		t.Errorf("text %q, want all faults on one line", text)
	}
}

func TestRegistry(t *testing.T) {
	var r *sasl.Registry
	if !slices.Equal(r.Names(), sasl.Default().Names()) {
		t.Errorf("nil holds %v", r.Names())
	}
	few := sasl.Default().Without(others()...)
	if got := few.Names(); !slices.Equal(got, []string{"XOAUTH2", "OAUTHBEARER", "PLAIN", "LOGIN"}) {
		t.Errorf("Without: %v", got)
	}
	more := few.With(custom("X-A", 500, 0), custom("X-B", 500, 0))
	if got := more.Names(); !slices.Equal(got, []string{"XOAUTH2", "OAUTHBEARER", "X-A", "X-B", "PLAIN", "LOGIN"}) {
		t.Errorf("With: %v", got)
	}
	if got := more.Without("x-a", "PLAIN").Names(); !slices.Equal(got, []string{"XOAUTH2", "OAUTHBEARER", "X-B", "LOGIN"}) {
		t.Errorf("Without: %v", got)
	}
	if len(more.Names()) != 6 || len(few.Names()) != 4 {
		t.Error("With or Without changed its receiver")
	}
	if m, ok := more.Lookup("x-a"); !ok || m.Name != "X-A" {
		t.Errorf("Lookup: %v, %v", m.Name, ok)
	}
	if _, ok := more.Lookup("X-"); ok {
		t.Error("Lookup found a prefix")
	}
	if got := new(sasl.Registry).Names(); len(got) != 0 {
		t.Errorf("the empty registry holds %v", got)
	}
}

func TestRegistryPanics(t *testing.T) {
	good := custom("X-GOOD", 1, 0)
	tests := []struct {
		name string
		add  []sasl.Mechanism
		text string
	}{
		{"registered already", []sasl.Mechanism{custom("PLAIN", 1, 0)}, "Without"},
		{"twice in one call", []sasl.Mechanism{good, good}, "registered already"},
		{"lower case", []sasl.Mechanism{custom("x-pin", 1, 0)}, "want 1 to 20"},
		{"empty name", []sasl.Mechanism{custom("", 1, 0)}, "want 1 to 20"},
		{"21 octets", []sasl.Mechanism{custom("X-2345678901234567890", 1, 0)}, "want 1 to 20"},
		{"space", []sasl.Mechanism{custom("X PIN", 1, 0)}, "want 1 to 20"},
		{"line break", []sasl.Mechanism{custom("X-PIN\r\n", 1, 0)}, "want 1 to 20"},
		{"neither side", []sasl.Mechanism{{Name: "X-PIN"}}, "neither NewClient nor NewServer"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			defer func() {
				if s, _ := recover().(string); !strings.Contains(s, test.text) {
					t.Errorf("panic %q, want one about %q", s, test.text)
				}
			}()
			sasl.Default().With(test.add...)
		})
	}
}

func TestOffers(t *testing.T) {
	c := &sasl.Conn{Offered: []string{"Plain-ClientToken", "xoauth2"}, TLS: &tls.ConnectionState{}}
	for name, want := range map[string]bool{"XOAUTH2": true, "XOauth2": true, "PLAIN": false, "XOAUTH": false, "PLAIN-CLIENTTOKEN": true, "": false} {
		if c.Offers(name) != want {
			t.Errorf("Offers(%q) = %v", name, !want)
		}
	}
}
