package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/conformance/internal/badclient"
	"github.com/seed-55a66e92/postern/mock"
)

// answering returns a case that has nothing to do.
func answering(id string, v conformance.Verdict) conformance.Case {
	return conformance.Case{ID: id, Title: "A case", Client: func(context.Context, *conformance.ClientBench) conformance.Verdict {
		return v
	}}
}

var nobody = conformance.ClientTarget{Driver: silent(conformance.Answer{})}

func TestSelected(t *testing.T) {
	var all, tls []string
	for _, c := range conformance.Catalogue() {
		all = append(all, c.ID)
		if strings.HasPrefix(c.ID, "C-TLS") {
			tls = append(tls, c.ID)
		}
	}
	passed := conformance.Verdict{Outcome: conformance.Pass}
	tests := []struct {
		name    string
		suite   conformance.Suite
		want    []string
		wantErr string
	}{
		{"zero is all", conformance.Suite{}, all, ""},
		{"one", conformance.Suite{Select: []string{"C-TLS-09"}}, []string{"C-TLS-09"}, ""},
		{"area", conformance.Suite{Select: []string{"C-TLS-*"}}, tls, ""},
		{"overlap", conformance.Suite{Select: []string{"C-TLS-0[1-9]", "C-TLS-*", "C-XOA-01"}}, append(slices.Clip(tls), "C-XOA-01"), ""},
		{"nothing", conformance.Suite{Select: []string{"Z-*"}}, nil, `no case matches "Z-*"`},
		{"one of two is nothing", conformance.Suite{Select: []string{"C-TLS-*", "C-TLS-1"}}, nil, `no case matches "C-TLS-1"`},
		{"beginning of an id", conformance.Suite{Select: []string{"C-TLS"}}, nil, `no case matches "C-TLS" (patterns match whole ids: write "C-TLS-*")`},
		{"bad pattern", conformance.Suite{Select: []string{"C-["}}, nil, `pattern "C-["`},
		{"no cases", conformance.Suite{Cases: []conformance.Case{}}, nil, "no case matches"},
		{"added", conformance.Suite{Select: []string{"X-*"}}.Add(answering("X-mine", passed)), []string{"X-mine"}, ""},
		{"same id", conformance.Suite{}.Add(answering("C-TLS-01", passed)), nil, "two cases have the id C-TLS-01"},
		{"bad id", conformance.Suite{}.Add(answering("tls", passed)), nil, `case id "tls"`},
		{"no function", conformance.Suite{}.Add(conformance.Case{ID: "X-1", Title: "A case"}), nil, "X-1 has nothing to run"},
		{"two functions", conformance.Suite{}.Add(conformance.Case{
			ID: "X-1", Title: "A case", Server: passing("X-1").Server,
			Mechanism: func(context.Context, *conformance.MechanismBench) conformance.Verdict { return conformance.Verdict{} },
		}), nil, "X-1 has 2 functions to run"},
		{"unknown tier", conformance.Suite{}.Add(passing("X-1", "deliver")), nil, `X-1 has the unknown tier "deliver"`},
		{"no title", conformance.Suite{}.Add(conformance.Case{ID: "X-1"}), nil, "X-1 has no title"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cases, err := tt.suite.Selected()
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Errorf("error %v, want one with %q", err, tt.wantErr)
				}
				if strings.Contains(tt.wantErr, "no case matches") != errors.Is(err, conformance.ErrNoMatch) {
					t.Errorf("errors.Is(%v, ErrNoMatch) is wrong", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, c := range cases {
				ids = append(ids, c.ID)
			}
			if !slices.Equal(ids, tt.want) {
				t.Errorf("selected %v, want %v", ids, tt.want)
			}
		})
	}
}

func TestAddDoesNotChangeTheSuite(t *testing.T) {
	base := conformance.Suite{Cases: make([]conformance.Case, 0, 8)}
	one := base.Add(answering("X-1", conformance.Verdict{}))
	base.Add(answering("X-2", conformance.Verdict{}))
	if cases, err := one.Selected(); err != nil || len(cases) != 1 || cases[0].ID != "X-1" {
		t.Errorf("selected %v, %v; want X-1 alone", cases, err)
	}
}

func TestRunRefuses(t *testing.T) {
	tests := []struct {
		name   string
		target conformance.Target
		want   string
	}{
		{"no target", nil, "no target"},
		{"no driver", conformance.ClientTarget{}, "no Driver"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			report, err := conformance.Suite{}.Run(t.Context(), tt.target)
			if report != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, %v; want an error with %q", report, err, tt.want)
			}
		})
	}
}

func TestOutcomes(t *testing.T) {
	panics := answering("X-1", conformance.Verdict{})
	panics.Client = func(context.Context, *conformance.ClientBench) conformance.Verdict { panic("oh") }
	noServer := answering("X-1", conformance.Verdict{})
	noServer.Client = func(ctx context.Context, b *conformance.ClientBench) conformance.Verdict {
		b.Try(ctx, conformance.Scene{Server: mock.Options{Mechanisms: []string{"NO-SUCH"}}})
		return conformance.Verdict{Outcome: conformance.Pass}
	}
	tests := []struct {
		name       string
		run        conformance.Case
		want       conformance.Outcome
		wantReason string
		wantErr    string // of the report
	}{
		{"pass", answering("X-1", conformance.Verdict{Outcome: conformance.Pass}), conformance.Pass, "", ""},
		{"warn", answering("X-1", conformance.Verdict{Outcome: conformance.Warn}), conformance.Warn, "", ""},
		{"fail", answering("X-1", conformance.Verdict{Outcome: conformance.Fail}), conformance.Fail, "", "X-1 fail"},
		{"inconclusive", answering("X-1", conformance.Verdict{Outcome: conformance.Inconclusive}), conformance.Inconclusive, "", "X-1 inconclusive"},
		{"all skipped", answering("X-1", conformance.Verdict{Outcome: conformance.Skip}), conformance.Skip, "", "nothing was tested"},
		{"no verdict", answering("X-1", conformance.Verdict{}), conformance.Error, `outcome ""`, "X-1 error"},
		{"unknown verdict", answering("X-1", conformance.Verdict{Outcome: "fine"}), conformance.Error, `outcome "fine"`, "X-1 error"},
		{"the case panics", panics, conformance.Error, "the case panicked: oh", "X-1 error"},
		{"the suite has no server", noServer, conformance.Error, "NO-SUCH", "X-1 error"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			report, err := conformance.Suite{Cases: []conformance.Case{tt.run}}.Run(t.Context(), nobody)
			if err != nil {
				t.Fatal(err)
			}
			if r := report.Results[0]; r.Outcome != tt.want || !strings.Contains(r.Reason, tt.wantReason) {
				t.Errorf("got %s, want %s because of %q", r, tt.want, tt.wantReason)
			}
			err = report.Err()
			if (err != nil) != (tt.wantErr != "") || err != nil && !strings.Contains(err.Error(), tt.wantErr) {
				t.Errorf("Err is %v, want one with %q", err, tt.wantErr)
			}
		})
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		second := answering("X-2", conformance.Verdict{Outcome: conformance.Pass})
		second.Client = func(context.Context, *conformance.ClientBench) conformance.Verdict {
			cancel()
			return conformance.Verdict{Outcome: conformance.Fail}
		}
		suite := conformance.Suite{Cases: []conformance.Case{second, answering("X-1", conformance.Verdict{Outcome: conformance.Pass})}}
		report, err := suite.Run(ctx, nobody)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want the context's", err)
		}
		if report == nil || len(report.Results) != 1 || report.Results[0].ID != "X-1" {
			t.Errorf("report %v, want X-1 alone", report)
		}
	})
}

// trying returns a case that tries one scene and hands the trial to check.
func trying(check func(*conformance.Trial)) conformance.Case {
	c := answering("X-1", conformance.Verdict{})
	c.Client = func(ctx context.Context, b *conformance.ClientBench) conformance.Verdict {
		check(b.Try(ctx, conformance.Scene{Password: b.Secret(40)}))
		return conformance.Verdict{Outcome: conformance.Pass}
	}
	return c
}

func TestTrial(t *testing.T) {
	panicking := conformance.DriverFunc(func(context.Context, conformance.ClientConfig, conformance.Message) conformance.Answer {
		panic("client")
	})
	tests := []struct {
		name      string
		driver    conformance.Driver
		wantCrash string
		status    conformance.Status
		messages  int
	}{
		{"well", naive(badclient.None), "", conformance.Delivered, 1},
		{"nothing", silent(conformance.Answer{}), "", conformance.Failed, 0},
		{"panic", panicking, "the client panicked: client", "", 0},
		{"stuck", conformance.DriverFunc(stuck), "the client had not come to an end within 10s", "", 0},
		{"leaves its connection open", conformance.DriverFunc(leaky), "", conformance.Failed, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				suite := conformance.Suite{Cases: []conformance.Case{trying(func(trial *conformance.Trial) {
					if trial.Crash != tt.wantCrash || trial.Answer.Status != tt.status || len(trial.Messages) != tt.messages {
						t.Errorf("crash %q, status %q, %d messages; want %q, %q, %d",
							trial.Crash, trial.Answer.Status, len(trial.Messages), tt.wantCrash, tt.status, tt.messages)
					}
				})}}
				if _, err := suite.Run(t.Context(), conformance.ClientTarget{Driver: tt.driver, Network: mock.InMemory}); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// leaky connects and never closes.
func leaky(ctx context.Context, cfg conformance.ClientConfig, _ conformance.Message) conformance.Answer {
	_, err := cfg.Dial(ctx, "tcp", cfg.Addr)
	return conformance.AnswerOf(errors.Join(err, errMade))
}

// A report holds no secret, whatever the client put into its errors.
func TestReportIsRedacted(t *testing.T) {
	var secrets []string
	telling := func(ctx context.Context, cfg conformance.ClientConfig, msg conformance.Message) conformance.Answer {
		secrets = append(secrets, cfg.Password)
		answer := naive(badclient.LogAUTH)(ctx, cfg, msg)
		if answer.Err != nil {
			answer.Err = errors.Join(answer.Err, errors.New("with\x1b[31m the password "+cfg.Password))
		}
		return answer
	}
	c := answering("X-1", conformance.Verdict{})
	c.Client = func(ctx context.Context, b *conformance.ClientBench) conformance.Verdict {
		refusing := mock.At("AUTH").Do(mock.Reply(535, "5.7.8", "No"))
		v, ok := b.Control(ctx, conformance.Scene{Password: b.Secret(40), Server: mock.Options{Faults: []mock.Fault{refusing}}})
		if ok {
			t.Error("the control succeeded")
		}
		return v
	}
	report, err := conformance.Suite{Cases: []conformance.Case{c}}.Run(t.Context(), conformance.ClientTarget{Driver: conformance.DriverFunc(telling)})
	if err != nil {
		t.Fatal(err)
	}
	octets, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	text := string(octets) + report.String()
	if !strings.Contains(report.String(), `with\x1b[31m the password [redacted]`) {
		t.Errorf("the error is not in the report: %s", text)
	}
	for _, secret := range secrets {
		if strings.Contains(text, secret[:20]) || strings.Contains(text, secret[20:]) {
			t.Errorf("half of a secret is in the report: %s", text)
		}
	}
}

func TestReportForms(t *testing.T) {
	failing := answering("X-2", conformance.Verdict{
		Outcome: conformance.Fail, Reason: "as it happens", Want: "QUIT", Got: "AUTH",
		Transcript: []string{"S: 250 mock.test", "C: AUTH PLAIN <redacted 8 octets>"},
	})
	failing.Area = conformance.AreaTLS
	failing.Refs = []conformance.Ref{
		{RFC: 3207, Section: "6", Level: conformance.Must},
		{Document: "good practice", Level: conformance.Security},
	}
	suite := conformance.Suite{Cases: []conformance.Case{
		answering("X-3", conformance.Verdict{Outcome: conformance.Skip, Reason: "no-capability"}),
		failing,
		answering("X-1", conformance.Verdict{Outcome: conformance.Pass}),
	}}
	report, err := suite.Run(t.Context(), conformance.ClientTarget{Name: "mail", Driver: silent(conformance.Answer{})})
	if err != nil {
		t.Fatal(err)
	}
	octets, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "report.json", string(octets)+"\n")
	golden(t, "report.txt", report.String())
	var again conformance.Report
	if err := json.Unmarshal(octets, &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(report, &again); diff != "" {
		t.Errorf("JSON loses something (-report +again):\n%s", diff)
	}
}
