package sasl_test

import (
	"context"
	"errors"
	"io"
	netsmtp "net/smtp"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/sasl"
)

// classes are what the mechanisms are worth against a hostile server: nothing,
// no secret for it, proof of it, and proof on this connection.
var classes = map[string]int{
	"PLAIN": 0, "LOGIN": 0, "XOAUTH2": 0, "OAUTHBEARER": 0,
	"EXTERNAL": 1, "CRAM-MD5": 1, "ANONYMOUS": 1,
	"SCRAM-SHA-1": 2, "SCRAM-SHA-256": 2, "SCRAM-SHA-512": 2,
	"SCRAM-SHA-1-PLUS": 3, "SCRAM-SHA-256-PLUS": 3, "SCRAM-SHA-512-PLUS": 3,
}

// standIns are the mechanisms of this package with their names and traits, which
// run with any credentials.
func standIns(t *testing.T) *sasl.Registry {
	t.Helper()
	var all []sasl.Mechanism
	for _, m := range sasl.Default().With(sasl.Anonymous("")).Mechanisms() {
		if _, ok := classes[m.Name]; !ok {
			t.Fatalf("no class for %s", m.Name)
		}
		all = append(all, custom(m.Name, m.Rank, m.Traits&^sasl.Bearer))
	}
	return new(sasl.Registry).With(all...)
}

// Of any two mechanisms, the second follows a refusal of the first only if it is
// not weaker, and never anything but "mechanism refused".
func TestNoWeakerMechanism(t *testing.T) {
	registry := standIns(t)
	names := registry.Names()
	for _, first := range names {
		for _, second := range names {
			if first == second {
				continue
			}
			a := &sasl.Authenticator{Registry: registry, Policy: sasl.Policy{Order: []string{first, second}}}
			for name, end := range map[string]step{
				"504": finalCode(504), "534": finalCode(534), "535": finalCode(535), "550": finalCode(550), "538": finalCode(538),
				"454": finalCode(454), "421": finalCode(421), "432": finalCode(432), "500": finalCode(500), "501": finalCode(501),
				"lost":             broken(io.EOF),
				"504 for all":      final(errors.Join(sasl.ErrMechanismRefused, sasl.ErrNotPermitted)),
				"proof is missing": final(sasl.ErrServerUnverified),
			} {
				server := play(end, final235())
				_, err := a.Authenticate(t.Context(), secure(names...), server)
				goesOn := (name == "504" || name == "534") && classes[second] >= classes[first]
				if (err == nil) != goesOn || (len(server.sent) == 2) != goesOn {
					t.Errorf("%s, then %s: %s: sent %q, error %v", first, second, name, server.sent, err)
				}
			}
			if got := begin(t, a, secure(names...)).Mechanism(); got != first {
				t.Errorf("%s, then %s: Begin takes %s", first, second, got)
			}
		}
	}
}

// Order is an allow-list, and what is in it comes in its order, whatever the
// ranks and the offer.
func TestOrder(t *testing.T) {
	registry := standIns(t)
	names := registry.Names()
	shuffled := slices.Clone(names)
	slices.SortFunc(shuffled, func(a, b string) int { return strings.Compare(a[len(a)/2:]+a, b[len(b)/2:]+b) })
	for n := 1; n <= len(shuffled); n++ {
		a := &sasl.Authenticator{Registry: registry, Policy: sasl.Policy{Order: shuffled[:n]}}
		var usable []string
		for _, d := range a.Explain(secure(names...)) {
			if d.Reason == nil {
				usable = append(usable, d.Mechanism)
			}
		}
		if !slices.Equal(usable, shuffled[:n]) {
			t.Errorf("order %v gives %v", shuffled[:n], usable)
		}
		if got := begin(t, a, secure(names...)).Mechanism(); got != shuffled[0] {
			t.Errorf("order %v chooses %s", shuffled[:n], got)
		}
	}
}

// RequireMutual and RequireBinding let through what proves the server or is
// bound, alone or together, and nothing else.
func TestRequirements(t *testing.T) {
	registry := standIns(t)
	names := registry.Names()
	for _, c := range []struct {
		policy sasl.Policy
		least  int
	}{
		{sasl.Policy{RequireMutual: true}, 2},
		{sasl.Policy{RequireBinding: true}, 3},
		{sasl.Policy{RequireMutual: true, RequireBinding: true}, 3},
	} {
		a := &sasl.Authenticator{Registry: registry, Policy: c.policy}
		for _, name := range names {
			x, err := a.Begin(t.Context(), secure(name))
			if (err == nil) != (classes[name] >= c.least) || err == nil && x.Mechanism() != name {
				t.Errorf("%+v: %s: %v", c.policy, name, err)
			}
		}
	}
}

// Requirements that no mechanism for the credentials can meet are wrong before
// there is a connection.
func TestRequirementsThatNothingMeets(t *testing.T) {
	generator, secret := never(t)
	oauth := sasl.Credentials{Username: user, Token: generator}
	pass := sasl.Credentials{Username: user, Password: secret}
	bound := custom("X-BOUND-TOKEN", 1, sasl.Bearer|sasl.Binds)
	for name, c := range map[string]struct {
		credentials sasl.Credentials
		policy      sasl.Policy
		registry    *sasl.Registry
		good        bool
	}{
		"token, RequireMutual":          {oauth, sasl.Policy{RequireMutual: true}, nil, false},
		"token, RequireBinding":         {oauth, sasl.Policy{RequireBinding: true}, nil, false},
		"token, of their own":           {oauth, sasl.Policy{RequireBinding: true}, sasl.Default().With(bound), true},
		"token, nothing":                {oauth, sasl.Policy{}, nil, true},
		"password, RequireMutual":       {pass, sasl.Policy{RequireMutual: true}, nil, true},
		"password, RequireBinding":      {pass, sasl.Policy{RequireBinding: true}, nil, true},
		"password, Order without SCRAM": {pass, sasl.Policy{RequireMutual: true, Order: []string{"PLAIN", "CRAM-MD5"}}, nil, false},
		"password, Order without -PLUS": {pass, sasl.Policy{RequireBinding: true, Order: []string{"SCRAM-SHA-256"}}, nil, false},
		"password, no SCRAM":            {pass, sasl.Policy{RequireMutual: true}, sasl.Default().Without(scramNames()...), false},
	} {
		a := &sasl.Authenticator{Registry: c.registry, Credentials: c.credentials, Policy: c.policy}
		err := a.Validate()
		if (err == nil) != c.good || err != nil && !strings.Contains(err.Error(), "SCRAM can, with a password") {
			t.Errorf("%s: %v", name, err)
		}
		server := play()
		if _, authErr := a.Authenticate(t.Context(), secure(), server); !c.good && (authErr == nil || authErr.Error() != err.Error()) {
			t.Errorf("%s: Authenticate: %v", name, authErr)
		}
		server.wantSent(t)
	}
}

func scramNames() []string {
	return slices.DeleteFunc(sasl.Default().Names(), func(name string) bool { return !strings.HasPrefix(name, "SCRAM-") })
}

// Two refused tokens, whoever met them, end all sign-ins for a while, whoever
// tries; an answer that is no refusal does not count.
func TestCoolDownIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		generator := &generator{tokens: []string{token, renewed, "third"}}
		a := sasl.OAuth(user, generator)
		ways := map[string]func(verdict error) error{
			"Authenticate": func(verdict error) error {
				_, err := a.Authenticate(t.Context(), secure("XOAUTH2"), play(final(verdict), broken(io.EOF)))
				return err
			},
			"Begin": func(verdict error) error {
				x, err := a.Begin(t.Context(), secure("OAUTHBEARER"))
				if err != nil {
					return err
				}
				if _, _, err := x.Start(); err != nil {
					return err
				}
				return x.Finish(verdict)
			},
			"NetSMTP": func(verdict error) error {
				auth := sasl.NetSMTP(t.Context(), a, secure("XOAUTH2"))
				if _, _, err := auth.Start(&netsmtp.ServerInfo{Name: "smtp.example.com", TLS: true}); err != nil {
					return err
				}
				return auth.Finish(verdict)
			},
		}
		wantErrors(t, ways["NetSMTP"](&textproto.Error{Code: 421, Msg: "busy"}), sasl.ErrUnavailable)
		wantErrors(t, ways["Begin"](&textproto.Error{Code: 535, Msg: "no"}), sasl.ErrRejected)
		wantErrors(t, ways["NetSMTP"](&textproto.Error{Code: 535, Msg: "no"}), sasl.ErrRejected)
		asked := len(generator.requests)
		for name, way := range ways {
			var cool *sasl.CoolDownError
			if err := way(nil); !errors.As(err, &cool) || !errors.Is(err, sasl.ErrRejected) {
				t.Errorf("%s: %v, want a CoolDownError", name, err)
			}
		}
		if len(generator.requests) != asked {
			t.Errorf("the generator was asked %d times during the cool-down", len(generator.requests)-asked)
		}
		time.Sleep(sasl.CoolDown)
		for name, way := range ways {
			if err := way(nil); err != nil {
				t.Errorf("%s: %v after the cool-down", name, err)
			}
		}
	})
}

// A hundred connections, half of them run by other engines, and one dying token:
// it is renewed once.
func TestHundredConnections(t *testing.T) {
	const many = 100
	synctest.Test(t, func(t *testing.T) {
		generator := newCache()
		a := sasl.OAuth(user, generator)
		f := &farm{good: renewed, refused: map[string]time.Time{}}
		var wg sync.WaitGroup
		for n := range many {
			wg.Go(func() {
				c := &conduit{farm: f, number: n, latency: time.Duration(n%7) * time.Millisecond}
				var err error
				if n%4 < 2 {
					_, err = a.Authenticate(t.Context(), secure("XOAUTH2"), c)
				} else if err = inAnotherEngine(t.Context(), a, c); errors.Is(err, sasl.ErrRejected) { // on the next connection
					err = inAnotherEngine(t.Context(), a, &conduit{farm: f, number: n + many, latency: c.latency})
				}
				if err != nil {
					t.Errorf("connection %d: %v", n, err)
				}
			})
		}
		wg.Wait()
		f.check(t)
		if generator.renewals != 1 {
			t.Errorf("%d renewals, want 1", generator.renewals)
		}
	})
}

// inAnotherEngine is the loop of an engine that knows of go-sasl's interface alone.
func inAnotherEngine(ctx context.Context, a *sasl.Authenticator, c *conduit) error {
	x, err := a.Begin(ctx, secure("XOAUTH2"))
	if err != nil {
		return err
	}
	name, initial, err := x.Start()
	if err != nil {
		return x.Finish(err)
	}
	reply, err := c.Auth(ctx, name, initial)
	for err == nil && reply.More {
		var response []byte
		if response, err = x.Next(reply.Challenge); err == nil {
			reply, err = c.Respond(ctx, response)
		}
	}
	if err != nil {
		return x.Finish(err)
	}
	return x.Finish(reply.Verdict)
}

// A default registry is made once for an Authenticator, and a sign-in costs few
// allocations.
func TestAllocations(t *testing.T) {
	a := sasl.OAuth(user, sasl.StaticToken(token))
	c := secure("PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER")
	got := testing.AllocsPerRun(100, func() {
		if _, err := a.Authenticate(t.Context(), c, accepting{}); err != nil {
			t.Fatal(err)
		}
	})
	if got > 12 {
		t.Errorf("%v allocations for XOAUTH2, want 12 at most", got)
	}
}
