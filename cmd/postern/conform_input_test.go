package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/mock"
)

// Bad input: one clear line, and an exit code that says whether the target is to
// blame.
func TestConformBadInput(t *testing.T) {
	srv := startGood(t)
	gone := mock.Start(t, mock.Options{})
	gone.Close()
	t.Setenv("CONFORM_PASSWORD", password)
	t.Setenv("CONFORM_WRONG", "not the password at all")
	t.Setenv("CONFORM_EMPTY", "")
	ca := writeFile(t, "ca.pem", string(srv.CAPEM()))
	open := filepath.Join(filepath.Dir(ca), "missing", "out.json")
	server := func(args ...string) []string {
		return append([]string{"server", srv.URL(), "--tls-ca", ca}, args...)
	}
	signIn := []string{"--user", testUser, "--password-env", "CONFORM_PASSWORD"}
	for name, test := range map[string]struct {
		args []string
		code int
		want string // the line, without "postern: "; "..." stands for the help it leads to
	}{
		"nobody there":           {[]string{"server", gone.URL()}, conformUnreachable, "the server cannot be reached: dial tcp " + gone.Addr() + ": connect: connection refused (nothing listens there: check host and port)"},
		"wrong password":         {server("--user", testUser, "--password-env", "CONFORM_WRONG"), conformUnreachable, "the server refuses the account by AUTH PLAIN: 535 5.7.8 Credentials refused"},
		"no sink":                {server("--tiers", "delivery"), conformUsage, "no sink: the tier delivery needs --sink, a mailbox that takes the messages ..."},
		"unknown id":             {server("--select", "S-AUT-99"), conformUsage, `no case matches "S-AUT-99" (patterns match whole ids: write "C-TLS-*") (see postern conform list)`},
		"id of another kind":     {server("--select", "C-TLS-01"), conformUsage, "no case matches of those for a server (see postern conform list)"},
		"unknown id to exclude":  {server("--exclude", "S-AUT-99"), conformUsage, `no case matches "S-AUT-99" (patterns match whole ids: write "C-TLS-*") (see postern conform list)`},
		"nothing to sign in":     {server("--select", "S-AUT-03"), conformUsage, "nothing was tested: 1 case, all skipped, S-AUT-03 because: tier-off: the tier login is not among those of the run"},
		"false claim":            {server("--claims", "CHUNKING,X-NOTHING"), conformFailed, "what is claimed is not offered: X-NOTHING"},
		"no server":              {[]string{"server"}, conformUsage, "no server: name its URL, such as smtp://localhost:587 ..."},
		"two servers":            {server("smtp://localhost"), conformUsage, `one server at a time, and "smtp://localhost" is another one ...`},
		"unknown scheme":         {[]string{"server", "http://localhost"}, conformUsage, `the address has the scheme "http", and may have smtp or smtps ...`},
		"password in the URL":    {[]string{"server", "smtp://me:secret@localhost"}, conformUsage, "the address holds a user; see --user-env and --password-env ..."},
		"unknown tier":           {server("--tiers", "hostil"), conformUsage, `--tiers: there is no tier "hostil"; there are passive, envelope, login, failed-login, delivery, hostile, slow, and all ...`},
		"unknown profile":        {server("--profile", "imap"), conformUsage, `--profile: "imap" is not for servers ...`},
		"profile of a client":    {server("--profile", "client-core"), conformUsage, `--profile: "client-core" is not for servers ...`},
		"sink that is none":      {server("--sink", "me"), conformUsage, `--sink: no @ between local part and domain ...`},
		"password as a flag":     {server("--password", password), conformUsage, "unknown flag: --password; passwords come from --password-env or --password-file ..."},
		"token as a flag":        {server("--token=" + goodToken), conformUsage, "unknown flag: --token; tokens come from --token-env, --token-file or --token-command ..."},
		"password as variable":   {server("--user", testUser, "--password-env", password), conformUsage, "--password-env: there is no such environment variable, or it is empty (its name is not shown: it might be the secret)"},
		"empty variable":         {server("--user-env", "CONFORM_EMPTY"), conformUsage, "--user-env: there is no such environment variable, or it is empty (its name is not shown: it might be the secret)"},
		"password as file":       {server("--user", testUser, "--password-file", goodToken), conformUsage, "--password-file: no such file or directory (its name is not shown: it might be the secret)"},
		"password twice":         {server("--user", testUser, "--password-env", "A", "--password-file", "b"), conformUsage, "--password-env together with --password-file: give one of them ..."},
		"user alone":             {server("--user", testUser), conformUsage, "--user without a password or a token: give --password-env, --password-file, --token-env, --token-file or --token-command ..."},
		"password alone":         {server(signIn[2:]...), conformUsage, "a password or a token without --user or --user-env ..."},
		"no such token command":  {server("--user", testUser, "--token-command", "no-such-program-here"), conformUsage, "--token-command: the program: executable file not found in $PATH"},
		"token command fails":    {server("--user", testUser, "--token-command", "false"), conformUsage, "--token-command false: exit status 1"},
		"no such CA":             {[]string{"server", srv.URL(), "--tls-ca", "nowhere.pem"}, conformUsage, "--tls-ca: open nowhere.pem: no such file or directory"},
		"unknown report":         {server("--report", "pdf=x"), conformUsage, `--report: "pdf" is no kind of report; there are json, junit, html and badge ...`},
		"report without a file":  {server("--report", "json"), conformUsage, `--report: "json" is not KIND=FILE, such as json=out.json ...`},
		"report nowhere":         {server("--report", "json="+open), conformUsage, "--report: there is no directory " + filepath.Dir(open) + " ..."},
		"two reports, one file":  {server("--report", "json=-,html=-"), conformUsage, "--report: - is there twice ..."},
		"no such known failures": {server("--known", "nowhere.json"), conformUsage, "--known: open nowhere.json: no such file or directory"},
		"negative timeout":       {server("--timeout", "-1s"), conformUsage, "--timeout is negative ..."},
		"timeout without unit":   {server("--timeout", "5"), conformUsage, "--timeout: write it with a unit, such as 90s ..."},
		"unknown command":        {[]string{"sever"}, conformUsage, `unknown command "sever"; did you mean server? ...`},
		"unknown flag":           {[]string{"--fast"}, conformUsage, "unknown flag: --fast ..."},
		"unknown case":           {[]string{"explain", "S-AUT-99"}, conformUsage, `no case matches "S-AUT-99" (patterns match whole ids: write "C-TLS-*") (see postern conform list)`},
		"explain nothing":        {[]string{"explain"}, conformUsage, "no case: name its id, such as S-AUT-05 ..."},
		"no account for it":      {server("--select", "S-AUT-03", "--tiers", "+login"), conformUsage, "nothing was tested: 1 case, all skipped, S-AUT-03 because: no-credential: there is no account: give --user and a password or a token"},
		"list nothing":           {[]string{"list", "--kind", "client", "--tier", "hostile"}, conformUsage, "no case is like that ..."},
		"list an unknown kind":   {[]string{"list", "--kind", "relay"}, conformUsage, `--kind: no case has the kind "relay"; there are client, mechanism, generator, server ...`},
		"list an unknown tier":   {[]string{"list", "--tier", "lethal"}, conformUsage, `--tier: no case has the tier "lethal"; there are passive, login, envelope, failed-login, hostile, delivery ...`},
		"merge nothing":          {[]string{"merge"}, conformUsage, "no report: name files that --report json=FILE has written ..."},
		"merge no report":        {[]string{"merge", ca}, conformUsage, ca + ": no report: invalid character '-' in numeric literal"},
		"no client":              {[]string{"client"}, conformUsage, "no client: give --driver 'COMMAND ...' ..."},
		"driver without quotes":  {[]string{"client", "--driver", "echo", "{addr}"}, conformUsage, `"{addr}" does not belong to a flag: put the whole command of --driver in quotes ...`},
		"driver with a pipe":     {[]string{"client", "--driver", "echo {addr} | cat"}, conformUsage, `--driver: "|" needs a shell, and none runs: quote it, or write sh -c '...' ...`},
		"driver to nowhere":      {[]string{"client", "--driver", "echo {user}"}, conformUsage, "--driver: the command has neither {addr} nor {port}, so that the client cannot know the server ..."},
		"no such driver":         {[]string{"client", "--smtps-driver", "no-such-program-here {addr}"}, conformUsage, "--smtps-driver: the program no-such-program-here: executable file not found in $PATH ..."},
		"status without a word":  {[]string{"client", "--driver", "echo {addr}", "--map", "67"}, conformUsage, `--map: "67" is not of the form 67=auth; there are delivered, partial, temporary, permanent, auth, uncertain and failed ...`},
		"client that can't":      {[]string{"client", "--select", "C-AUT-03", "--driver", "true {addr}"}, conformUsage, "nothing was tested: 1 case, all skipped, C-AUT-03 because: no-capability: the client cannot do what the case needs: TLS, AUTH, AUTH XOAUTH2 (there is no command with STARTTLS and a {token}: unsupported operation)"},
		"client that does not":   {[]string{"client", "--select", "C-TLS-01", "--driver", "true {addr} {password} {token}"}, conformUnreachable, "nothing can be said of the client: the control failed, in which nothing was wrong: the client said delivered, but there was no message"},
		"unknown mechanism":      {[]string{"mechanism", "X-CORP"}, conformUsage, `unknown mechanism "X-CORP"; known are ` + strings.Join(mechanismNames(), ", ") + " (of your own: see conformance.RunMechanism) ..."},
	} {
		t.Run(name, func(t *testing.T) {
			got := invoke(t, "", append([]string{"conform"}, test.args...)...)
			want := "postern: " + strings.TrimSuffix(test.want, "...")
			if strings.HasSuffix(test.want, "...") {
				path := "postern conform"
				if !strings.HasPrefix(name, "unknown command") && !strings.HasPrefix(name, "unknown flag") {
					path += " " + test.args[0]
				}
				want += "(see " + path + " --help)"
			}
			if got.code != test.code || got.stderr != want+"\n" {
				t.Errorf("got  %d, %swant %d, %s", got.code, got.stderr, test.code, want)
			}
			checkSecrets(t, got.stderr, goodToken, password)
		})
	}
}

// What makes which exit code, and what counts more than what.
func TestConformVerdict(t *testing.T) {
	const pass, fail, skip, open = conformance.Pass, conformance.Fail, conformance.Skip, conformance.Inconclusive
	for name, test := range map[string]struct {
		outcomes []conformance.Outcome
		change   func(*conformFlags, *conformance.Report)
		code     int
	}{
		"good":                  {[]conformance.Outcome{pass, conformance.Warn, conformance.Info, skip, conformance.XFail}, nil, exitOK},
		"fail":                  {[]conformance.Outcome{pass, fail, open}, nil, conformFailed},
		"xpass":                 {[]conformance.Outcome{pass, conformance.XPass}, nil, conformFailed},
		"error before fail":     {[]conformance.Outcome{fail, conformance.Error}, nil, conformBroken},
		"open":                  {[]conformance.Outcome{pass, open}, nil, conformOpen},
		"open, as allowed":      {[]conformance.Outcome{pass, open}, func(f *conformFlags, _ *conformance.Report) { f.maxOpen = 1 }, exitOK},
		"all open":              {[]conformance.Outcome{open, open, skip}, nil, conformUnreachable},
		"all skipped":           {[]conformance.Outcome{skip, skip}, nil, conformUsage},
		"flaky":                 {[]conformance.Outcome{pass, pass}, func(_ *conformFlags, r *conformance.Report) { r.Results[0].Flaky = true }, conformOpen},
		"flaky, as allowed":     {[]conformance.Outcome{pass}, func(f *conformFlags, r *conformance.Report) { r.Results[0].Flaky, f.allowFlaky = true, true }, exitOK},
		"a provisional failure": {[]conformance.Outcome{pass, fail}, func(_ *conformFlags, r *conformance.Report) { r.Results[1].Provisional = true }, exitOK},
		"no EHLO": {[]conformance.Outcome{fail, open}, func(_ *conformFlags, r *conformance.Report) {
			r.Server = &conformance.ServerFacts{States: [4]conformance.State{{Why: "the greeting was: 554"}}}
		}, conformUnreachable},
		"a server, all open": {[]conformance.Outcome{open}, func(_ *conformFlags, r *conformance.Report) {
			r.Server = &conformance.ServerFacts{States: [4]conformance.State{{Reached: true}}}
		}, conformOpen},
	} {
		t.Run(name, func(t *testing.T) {
			r := &conformance.Report{Kind: "client"}
			for _, o := range test.outcomes {
				r.Results = append(r.Results, conformance.Result{ID: "X-1", Outcome: o})
			}
			f := new(conformFlags)
			if test.change != nil {
				test.change(f, r)
			}
			if got := exitCode(f.verdict(r)); got != test.code {
				t.Errorf("got %d, want %d", got, test.code)
			}
		})
	}
}
