package conformance_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/sasl"
)

// Wherever a report says a secret, and in whatever form, the scan finds it; and it
// finds nothing in a report that says none.
func TestSecretScan(t *testing.T) {
	const long, short = "a/long+secret&of<38>octets-0123456789a", "hunter2"
	said := func(text string) func(*conformance.Report) {
		return func(r *conformance.Report) { r.Results[0].Got = text }
	}
	for name, test := range map[string]struct {
		change func(*conformance.Report)
		leak   bool
	}{
		"nothing":                {said("250 ok"), false},
		"in clear":               {said("250 " + long), true},
		"half of it":             {said("250 " + long[:19]), true},
		"base64":                 {said("334 " + base64.StdEncoding.EncodeToString([]byte(long))), true},
		"base64 in a longer one": {said("334 " + base64.StdEncoding.EncodeToString([]byte("\x00me\x00"+long))), true},
		"hexadecimal":            {said(hex.EncodeToString([]byte(long))), true},
		"decimal":                {said(fmt.Sprint([]byte(long))), true},
		"in a dialogue":          {func(r *conformance.Report) { r.Results[2].Transcript = []string{"S: " + long} }, true},
		"in a title":             {func(r *conformance.Report) { r.Results[2].Title = long }, true},
		"in the greeting":        {func(r *conformance.Report) { r.Server.Greeting = long }, true},
		"in the settings":        {func(r *conformance.Report) { r.Settings.Sink = long + "@example.test" }, true},
		"short":                  {said("250 " + short), true},
		"short, base64":          {said("334 " + base64.StdEncoding.EncodeToString([]byte(short))), true},
		"short, in a dialogue":   {func(r *conformance.Report) { r.Results[2].Transcript = []string{short} }, true},
		"short, in the greeting": {func(r *conformance.Report) { r.Server.Greeting = short }, true},
		"short, from EHLO":       {func(r *conformance.Report) { r.Server.States[0].Lines = []string{"X-" + short} }, true},
		"short, by the suite":    {func(r *conformance.Report) { r.Results[0].Title = "A " + short + " is refused" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			var scan conformance.SecretScan
			scan.Add(sasl.NewSecret(long))
			scan.Add(sasl.NewSecret(short))
			scan.Add(sasl.NewSecret("ok")) // could be anything
			report := exampleReport()
			test.change(report)
			err := scan.Report(report)
			if errors.Is(err, conformance.ErrLeak) != test.leak {
				t.Errorf("got the error %v", err)
			}
			if err != nil && (strings.Contains(err.Error(), long[:19]) || strings.Contains(err.Error(), short)) {
				t.Errorf("the error says it: %v", err)
			}
		})
	}
}

// A source that is watched gives what it gave, and the scan learns of it.
func TestSecretScanWatch(t *testing.T) {
	var scan conformance.SecretScan
	const secret = "one that the source supplies"
	source := scan.Watch(conformance.Fixed(secret))
	if err := scan.Text(secret); err != nil {
		t.Errorf("before it was asked: %v", err)
	}
	if value, err := source(t.Context()); err != nil || value.Reveal() != secret {
		t.Errorf("%v, %v", value, err)
	}
	if err := scan.Text("it is " + secret); !errors.Is(err, conformance.ErrLeak) {
		t.Errorf("got the error %v", err)
	}
	if scan.Watch(nil) != nil {
		t.Error("a source came of none")
	}
	failing := scan.Watch(func(context.Context) (sasl.Secret, error) { return sasl.Secret{}, errors.New("no") })
	if _, err := failing(t.Context()); err == nil {
		t.Error("a failure is gone")
	}
}

// Who looks on is told what was said on each connection, and no secret.
func TestDialogueEvents(t *testing.T) {
	var lines []string
	suite := conformance.Suite{Select: []string{"C-TLS-01"}, Progress: func(e conformance.Event) {
		if e.Kind == conformance.Dialogue {
			if e.Case.ID != "C-TLS-01" {
				t.Errorf("a dialogue of %q", e.Case.ID)
			}
			lines = append(lines, e.Lines...)
		}
	}}
	if _, err := suite.Run(t.Context(), conformance.ClientTarget{Driver: conformance.DriverFunc(engine)}); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(lines, "\n")
	for _, want := range []string{"C: STARTTLS\nS: 220 ", "C: AUTH ", "C: QUIT\nS: 221 "} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}
