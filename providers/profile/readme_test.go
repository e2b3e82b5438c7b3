package profile_test

import (
	"cmp"
	"flag"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/providers/profile"
)

var update = flag.Bool("update", false, "write the table of providers into the README")

const (
	readme     = "../../README.md"
	tableBegin = "<!-- providers: go test ./providers/profile -run README -update -->\n"
	tableEnd   = "<!-- end of providers -->\n"
)

// TestREADME: the table of providers in the README is that of the profiles. With
// -update, it becomes so.
func TestREADME(t *testing.T) {
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begun := strings.Cut(string(text), tableBegin)
	table, after, ended := strings.Cut(rest, tableEnd)
	if !begun || !ended {
		t.Fatalf("%s has no table between %q and %q", readme, tableBegin, tableEnd)
	}
	want := providerTable(profile.All())
	switch {
	case table == want:
	case *update:
		if err := os.WriteFile(readme, []byte(before+tableBegin+want+tableEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("the table of providers in %s is not that of the profiles: go test ./providers/profile -run README -update\n got:\n%s\nwant:\n%s", readme, table, want)
	}
}

// providerTable writes profiles as a table of Markdown. Those whose names differ in
// what is in parentheses alone share a row; the one without an address is last.
func providerTable(all []*profile.Profile) string {
	var b strings.Builder
	slices.SortStableFunc(all, func(a, b *profile.Profile) int { return -cmp.Compare(min(len(a.Addr), 1), min(len(b.Addr), 1)) })
	b.WriteString("| provider | slug | server | scope of a token | what it lets a mailbox do |\n|---|---|---|---|---|\n")
	for i := 0; i < len(all); {
		name, _, _ := strings.Cut(all[i].Name, " (")
		n := 1
		for i+n < len(all) && strings.HasPrefix(all[i+n].Name, name+" (") {
			n++
		}
		writeRow(&b, name, all[i:i+n])
		i += n
	}
	return b.String()
}

func writeRow(b *strings.Builder, name string, group []*profile.Profile) {
	first := group[0]
	if first.Page != "" {
		name = "[" + name + "](" + first.Page + ")"
	}
	var slugs, servers []string
	for _, p := range group {
		slugs = append(slugs, "`"+p.Slug+"`")
		servers = append(servers, serversOf(p, len(group) == 1)...)
	}
	fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", name, strings.Join(slugs, ", "),
		orDash(servers), orDash(scopesOf(first)), orDash(limitsOf(first)))
}

// serversOf returns the hosts of a profile, each with its ports; without others,
// those of Addr alone.
func serversOf(p *profile.Profile, others bool) []string {
	var hosts []string
	ports := map[string][]string{}
	for i, addr := range append([]string{p.Addr}, p.OtherAddrs...) {
		u, err := url.Parse(addr)
		if err != nil || u.Host == "" {
			continue
		}
		host := u.Hostname()
		if !slices.Contains(hosts, host) {
			if i > 0 && !others {
				continue
			}
			hosts = append(hosts, host)
		}
		field := "Addr"
		if i > 0 {
			field = "OtherAddrs"
		}
		ports[host] = append(ports[host], u.Port()+mark(p, field))
	}
	for i, host := range hosts {
		hosts[i] = "`" + host + "` " + strings.Join(ports[host], ", ")
	}
	return hosts
}

// scopesOf returns what a token needs.
func scopesOf(p *profile.Profile) []string {
	if p.NoOAuth != "" {
		return []string{"none documented"}
	}
	var list []string
	for _, scope := range p.Scopes {
		list = append(list, "`"+scope+"`"+mark(p, "Scopes"))
	}
	for _, scope := range p.AppScopes {
		if !slices.Contains(p.Scopes, scope) {
			list = append(list, "application: `"+scope+"`"+mark(p, "AppScopes"))
		}
	}
	return list
}

// limitsOf returns the limits that are known.
func limitsOf(p *profile.Profile) []string {
	l := p.Limits
	var list []string
	add := func(known bool, field, format string, value any) {
		if known {
			list = append(list, fmt.Sprintf(format, value)+mark(p, "Limits."+field))
		}
	}
	add(l.MaxConns > 0, "MaxConns", "%d connections", l.MaxConns)
	add(l.MessagesPerMinute > 0, "MessagesPerMinute", "%d messages a minute", l.MessagesPerMinute)
	add(l.MessagesPerConn > 0, "MessagesPerConn", "%d messages a connection", l.MessagesPerConn)
	add(l.SessionAge > 0, "SessionAge", "%v minutes a connection", l.SessionAge.Minutes())
	add(l.Recipients > 0, "Recipients", "%d recipients a message", l.Recipients)
	add(l.MessageSize > 0, "MessageSize", "%.0f MB", float64(l.MessageSize)/1e6)
	add(l.MessagesPerDay > 0, "MessagesPerDay", "%d messages a day", l.MessagesPerDay)
	add(l.RecipientsPerDay > 0, "RecipientsPerDay", "%d recipients a day", l.RecipientsPerDay)
	return list
}

// mark returns the sign of what rests on reports.
func mark(p *profile.Profile, field string) string {
	if slices.Contains(p.Unverified, field) {
		return "†"
	}
	return ""
}

func orDash(list []string) string {
	if len(list) == 0 {
		return "-"
	}
	return strings.Join(list, ", ")
}
