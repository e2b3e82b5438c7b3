package conformance_test

import (
	"cmp"
	"context"
	"fmt"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/mock"
)

// The server is the mock. In a test, Run(t, target) makes a subtest of each case.
// The tier "hostile" is asked for, since the server is one's own.
func ExampleServerTarget() {
	server, err := mock.New(mock.Options{RequireAuth: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	report, err := conformance.Suite{Select: []string{"S-TLS-*", "S-CRL-*"}}.Run(context.Background(), conformance.ServerTarget{
		Name:    "my server",
		Addr:    server.URL(),
		RootCAs: server.RootCAs(),
		Account: conformance.Account{User: conformance.Fixed("user"), Password: conformance.Fixed("secret")},
		Tiers:   []conformance.Tier{conformance.Passive, conformance.Login, conformance.Hostile},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, result := range report.Results {
		fmt.Println(result.ID, cmp.Or(string(result.Skipped), string(result.Outcome)))
	}
	// Output:
	// S-CRL-01 pass
	// S-CRL-03 tier-off
	// S-CRL-07 tier-off
	// S-TLS-01 pass
	// S-TLS-03 pass
	// S-TLS-05 tier-off
	// S-TLS-10 pass
}

// A case of one's own: its id begins with "X-". A session that is ready for mail is
// made by Ready, what has to work anyway is a Control, and Finish makes sure that
// the server has not said more than it was asked.
func ExampleServerBench() {
	noExpansion := conformance.Case{
		ID: "X-EXPN", Title: "EXPN tells nobody anything", Area: conformance.AreaAbuse,
		Tiers: []conformance.Tier{conformance.Passive},
		Server: func(ctx context.Context, b *conformance.ServerBench) conformance.Verdict {
			w, v, ok := b.Ready(ctx)
			if !ok {
				return v
			}
			v = w.Play(
				conformance.Step{Send: "NOOP\r\n", Accept: "250", Control: true},
				conformance.Step{Send: "EXPN staff\r\n", Accept: "502 5yz ~252"})
			if v.Outcome != conformance.Pass {
				return v
			}
			return w.Finish()
		},
	}
	server, err := mock.New(mock.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	suite := conformance.Suite{Select: []string{"X-*"}}.Add(noExpansion)
	report, err := suite.Run(context.Background(), conformance.ServerTarget{Name: "my server", Addr: server.URL()})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(report)
	// Output:
	// pass          X-EXPN  EXPN tells nobody anything
	// my server: 1 pass
}
