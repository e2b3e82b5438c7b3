package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
)

// manyFiles writes n messages, each to a recipient of its own.
func manyFiles(t *testing.T, n int) []string {
	t.Helper()
	var files []string
	for i := range n {
		files = append(files, writeFile(t, fmt.Sprintf("m%d.eml", i),
			fmt.Sprintf("From: you@example.com\nTo: to%d@example.com\nSubject: %[1]d\n\nhello\n", i)))
	}
	return files
}

// Several messages go over few connections, and what became of them comes in the
// order of the files.
func TestSendMany(t *testing.T) {
	srv := startServer(t)
	files := manyFiles(t, 30)
	got := invoke(t, "", toServer(t, srv, withToken(t, goodToken, files...)...)...)
	if got.code != exitOK || got.stderr != "" {
		t.Fatalf("%+v", got)
	}
	var names, recipients []string
	for line := range strings.Lines(got.stdout) {
		if name, ok := strings.CutPrefix(line, "file      "); ok {
			names = append(names, strings.TrimSpace(name))
		}
		if to, ok := strings.CutPrefix(line, "accepted  "); ok {
			recipients = append(recipients, strings.TrimSpace(to))
		}
	}
	if !slices.Equal(names, files) {
		t.Errorf("files %q", names)
	}
	for i, to := range recipients {
		if to != fmt.Sprintf("to%d@example.com", i) {
			t.Errorf("recipient %d is %s", i, to)
		}
	}
	if len(recipients) != 30 || len(srv.Messages()) != 30 || srv.Connections() > 4 || len(srv.Auths()) != srv.Connections() {
		t.Errorf("%d recipients, %d messages, %d connections, %d sign-ins", len(recipients), len(srv.Messages()), srv.Connections(), len(srv.Auths()))
	}
}

func TestSendManyFailures(t *testing.T) {
	for name, test := range map[string]struct {
		refuse string
		reply  mock.Action
		code   int
		stderr string // behind the name of the file
	}{
		"for good":  {"RCPT", mock.Reply(550, "5.1.1", "nobody"), exitNoUser, "RCPT: 550 5.1.1 nobody"},
		"for now":   {"RCPT", mock.Reply(450, "4.2.1", "later"), exitTemporary, "RCPT: 450 4.2.1 later"},
		"uncertain": {"EOD", mock.Drop(), exitUncertain, "delivery uncertain"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := startServer(t, mock.At(test.refuse).Conn(1).Nth(1).Do(test.reply))
			files := manyFiles(t, 2)
			got := invoke(t, "", toServer(t, srv, withToken(t, goodToken, files...)...)...)
			lines := strings.Split(strings.TrimSpace(got.stderr), "\n")
			if got.code != test.code || len(lines) != 2 || lines[1] != "postern: 1 of 2 messages failed" || len(srv.Messages()) != 1 {
				t.Fatalf("%+v", got)
			}
			failed := strings.Contains(lines[0], files[0]) || strings.Contains(lines[0], files[1])
			if !failed || !strings.Contains(lines[0], test.stderr) {
				t.Errorf("got %q", lines[0])
			}
		})
	}
}

// All that can be known before is checked before anything is sent.
func TestSendManyChecksAll(t *testing.T) {
	for name, test := range map[string]struct {
		last []string
		code int
		want string
	}{
		"a file that is missing":   {[]string{"no such.eml"}, exitNoInput, "no such"},
		"a file that is empty":     {[]string{writeFile(t, "empty.eml", "")}, exitData, "is empty"},
		"a message for nobody":     {[]string{writeFile(t, "nobody.eml", "From: you@example.com\n\nhello\n")}, exitData, "nobody.eml: "},
		"the standard input twice": {[]string{"-", "-"}, exitUsage, `"-" twice`},
	} {
		t.Run(name, func(t *testing.T) {
			srv := startServer(t)
			args := withToken(t, goodToken, append(manyFiles(t, 2), test.last...)...)
			got := invoke(t, testMessage, toServer(t, srv, args...)...)
			if got.code != test.code || got.stdout != "" || !strings.Contains(got.stderr, test.want) || srv.Connections() != 0 {
				t.Errorf("%+v, %d connections", got, srv.Connections())
			}
		})
	}
}

func TestSendManyDryRun(t *testing.T) {
	files := manyFiles(t, 2)
	got := invoke(t, "", append([]string{"send", "--dry-run", "--provider", "gmail"}, files...)...)
	if got.code != exitOK || got.stderr != "" || strings.Count(got.stdout, "dry run") != 2 ||
		!strings.Contains(got.stdout, "file      "+files[1]+"\n") || !strings.Contains(got.stdout, "to        to1@example.com\n") {
		t.Errorf("%+v", got)
	}
}
