package conformance_test

import (
	"bytes"
	"context"
	"fmt"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/mock"
)

// A report is searched for the secrets of the run before it is written anywhere, and
// read again to be put beside another one.
func ExampleSecretScan() {
	server, err := mock.New(mock.Options{Users: map[string]string{"me@example.com": "a password of mine"}, RequireAuth: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	var scan conformance.SecretScan
	report, err := conformance.Suite{Select: []string{"S-GRT-01", "S-REP-01"}}.Run(context.Background(), conformance.ServerTarget{
		Name:    "my server",
		Addr:    server.URL(),
		RootCAs: server.RootCAs(),
		Account: conformance.Account{
			User:     conformance.Fixed("me@example.com"),
			Password: scan.Watch(conformance.Fixed("a password of mine")), // a real one: FromEnv, FromFile or FromCommand
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := scan.Report(report); err != nil {
		fmt.Println(err)
		return
	}
	var file, page bytes.Buffer
	if err := conformance.WriteJSON(&file, report); err != nil {
		fmt.Println(err)
	}
	before, err := conformance.ReadReports(&file)
	if err != nil {
		fmt.Println(err)
	}
	if err := conformance.WriteHTML(&page, append(before, report)...); err != nil {
		fmt.Println(err)
	}
	result, _ := before[0].Find("S-REP-01")
	fmt.Println(result.ID, result.Outcome)
	// Output:
	// S-REP-01 pass
}
