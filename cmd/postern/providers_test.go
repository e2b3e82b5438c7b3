package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers/profile"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// Every provider that is known is taken, shown, and listed in the help.
func TestProviders(t *testing.T) {
	message := writeFile(t, "m.eml", testMessage)
	for _, p := range profile.All() {
		args := append([]string{"send", "--dry-run", "--provider", p.Slug, message}, withToken(t, goodToken)...)
		addr := p.Addr
		if addr == "" {
			addr = "smtps://mail.example.com"
			args = append(args, "--server", addr)
		}
		got := invoke(t, "", args...)
		if got.code != exitOK || !strings.Contains(got.stdout, "\nserver    "+addr+" ("+p.Name+")\n") {
			t.Errorf("%s: %+v", p.Slug, got)
		}
		if said := strings.Contains(got.stdout, "\nadvice    "+p.NoOAuth+"\n"); said != (p.NoOAuth != "") {
			t.Errorf("%s: advice for a token, %q:\n%s", p.Slug, p.NoOAuth, got.stdout)
		}
		if usable := strings.Contains(got.stdout, "if the server offers it"); usable != (p.NoOAuth == "" || p.Mechanisms == nil) {
			t.Errorf("%s: a token can be used: %t\n%s", p.Slug, usable, got.stdout)
		}
	}
	for _, command := range []string{"send", "mock"} {
		help := invoke(t, "", command, "--help").stdout
		words := strings.FieldsFunc(help, func(r rune) bool { return strings.ContainsRune(" ,;\n", r) })
		for _, name := range providerNames() {
			if !slices.Contains(words, name) {
				t.Errorf("%s is not in the help of %s", name, command)
			}
		}
		for line := range strings.Lines(help) {
			if strings.Contains(line, "zoho") && len(line) > 100 {
				t.Errorf("%d characters on a line: %s", len(line), line)
			}
		}
	}
}

// With both, the server is the one that was given, and what is known of the
// provider still counts.
func TestServerOfProvider(t *testing.T) {
	srv := startServer(t, mock.At("EOD").Do(mock.Reply(554, "5.2.2", "mailbox full")))
	args := toServer(t, srv, withToken(t, goodToken, "--provider", "microsoft365", writeFile(t, "m.eml", testMessage))...)
	got := invoke(t, "", args...)
	if got.code == exitOK || !strings.Contains(got.stderr, "Sent Items") || srv.Connections() != 1 {
		t.Errorf("%d connections, %+v", srv.Connections(), got)
	}
}

// A token for a provider that takes none leads to the words about what to use.
func TestTokenForProviderWithout(t *testing.T) {
	o := mock.Persona(profile.ICloud(), nil)
	o.Users = map[string]string{testUser: password}
	srv := mock.Start(t, o)
	message := writeFile(t, "m.eml", testMessage)
	got := invoke(t, "", toServer(t, srv, withToken(t, goodToken, "--provider", "icloud", message)...)...)
	if got.code == exitOK || !strings.Contains(got.stderr, "app-specific password") || len(srv.Auths()) != 0 {
		t.Errorf("%d AUTH commands, %+v", len(srv.Auths()), got)
	}
	got = invoke(t, "", toServer(t, srv, "--provider", "icloud", "--user", testUser, "--password-file", writeFile(t, "password", password+"\n"), message)...)
	if got.code != exitOK || len(srv.Messages()) != 1 {
		t.Errorf("%+v", got)
	}
}

// Any provider can be played.
func TestMockCommandPersona(t *testing.T) {
	ca := filepath.Join(t.TempDir(), "ca.pem")
	r := startMock(t, "--ca", ca, "--persona", "yandex", "--oauth")
	server, _, _ := strings.Cut(r.item("server"), " ")
	auth := sasl.OAuth("user@example.com", sasl.StaticToken(r.item("access token")))
	if err := sendTo(t, smtp.Config{Addr: server, TLSConfig: trusting(t, ca), Auth: auth}); err != nil {
		t.Error(err)
	}
	if out := r.interrupt(); !strings.Contains(out, "AUTH LOGIN PLAIN XOAUTH2\n") {
		t.Error(out)
	}
}
