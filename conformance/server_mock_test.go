package conformance_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"maps"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/mock"
)

const (
	serverUser     = "user@mock.test"
	serverPassword = "correct horse battery"
	serverToken    = "ya29.a-token-that-is-good"
)

// strictServer is the mock's own server, as a submission server is to be.
func strictServer(network mock.Network) mock.Options {
	return mock.Options{
		Network: network, RequireAuth: true,
		Users: map[string]string{serverUser: serverPassword}, Tokens: mock.UserTokens{serverUser: serverToken},
	}
}

// targetOf is the mock as a target of which everything may be asked.
func targetOf(s *mock.Server) conformance.ServerTarget {
	return conformance.ServerTarget{
		Addr: s.URL(), RootCAs: s.RootCAs(), Dial: s.Dial,
		Account: conformance.Account{
			User: conformance.Fixed(serverUser), Password: conformance.Fixed(serverPassword), Token: conformance.Fixed(serverToken),
		},
		Sink: "sink@mock.test", Observer: observing(s), Tiers: conformance.AllTiers(),
	}
}

// observing finds the messages of a mock.
func observing(s *mock.Server) conformance.Observer {
	return conformance.ObserverFunc(func(_ context.Context, mark string) ([][]byte, error) {
		var found [][]byte
		for _, m := range s.Messages() {
			if bytes.Contains(m.Data, []byte("X-SMTP-Conformance: "+mark+"\r\n")) {
				found = append(found, m.Data)
			}
		}
		return found, nil
	})
}

// casesFor returns the cases for one kind of target: "S" for servers.
func casesFor(letter string) []conformance.Case {
	return slices.DeleteFunc(conformance.Catalogue(), func(c conformance.Case) bool { return c.ID[:1] != letter })
}

// outcomes returns the outcome of each case of a report.
func outcomes(r *conformance.Report) map[string]conformance.Outcome {
	all := make(map[string]conformance.Outcome)
	for _, result := range r.Results {
		all[result.ID] = result.Outcome
	}
	return all
}

// The mock passes all that is asked of servers, unless the question does not come up.
func TestMockServer(t *testing.T) {
	tests := []struct {
		name   string
		change func(*mock.Options)
		skip   []string
		info   []string // the question does not come up
	}{
		{"submission", func(*mock.Options) {}, nil, []string{"S-AUT-05", "S-TLS-05"}},
		{"anybody may send", func(o *mock.Options) { o.RequireAuth = false }, nil, nil},
		{"implicit TLS", func(o *mock.Options) { o.TLS = mock.ImplicitTLS }, []string{"S-TLS-01", "S-TLS-03", "S-TLS-05", "S-TLS-10"}, []string{"S-AUT-05"}},
		{"by octet", func(o *mock.Options) { o.Fragments = mock.ByOctet() }, nil, []string{"S-AUT-05", "S-TLS-05"}},
		{"by line", func(o *mock.Options) { o.Fragments = mock.ByLine() }, nil, []string{"S-AUT-05", "S-TLS-05"}},
		{"at random", func(o *mock.Options) { o.Fragments = mock.AtRandom(7) }, nil, []string{"S-AUT-05", "S-TLS-05"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := strictServer(mock.InMemory)
				tt.change(&o)
				s := mock.Start(t, o)
				report, err := conformance.Suite{}.Run(t.Context(), targetOf(s))
				if err != nil {
					t.Fatal(err)
				}
				want := make(map[string]conformance.Outcome)
				for _, c := range casesFor("S") {
					want[c.ID] = conformance.Pass
				}
				for _, id := range tt.skip {
					want[id] = conformance.Skip
				}
				for _, id := range tt.info {
					want[id] = conformance.Info
				}
				if tt.skip == nil && report.Core.Standing == conformance.PartialSuccess {
					t.Errorf("the standing is %s", report.Core.Standing)
				}
				if !o.RequireAuth {
					want["S-SEC-01"] = conformance.Fail // it is a relay then
				}
				if got := outcomes(report); !maps.Equal(got, want) {
					t.Errorf("%s", report)
				}
			})
		})
	}
}

// mockRoots are authorities that no server of internal/badserver is signed by.
func mockRoots() *x509.CertPool { return x509.NewCertPool() }
