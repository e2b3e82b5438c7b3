package profile_test

import (
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/providers/profile"
)

func TestProfilesAreComplete(t *testing.T) {
	slug := regexp.MustCompile(`^[a-z0-9-]+$`)
	mechanism := regexp.MustCompile(`^[A-Z0-9_-]{1,20}$`)
	for _, p := range profile.All() {
		t.Run(p.Slug, func(t *testing.T) {
			if p.Name == "" || !slug.MatchString(p.Slug) {
				t.Errorf("name %q, slug %q", p.Name, p.Slug)
			}
			if p.Slug == "any" {
				return
			}
			wantHTTPS(t, p.Page)
			for _, addr := range append(p.OtherAddrs, p.Addr) {
				wantServer(t, addr)
			}
			if slices.Contains(p.OtherAddrs, p.Addr) {
				t.Errorf("%s is among the others", p.Addr)
			}
			for _, name := range p.Mechanisms {
				if !mechanism.MatchString(name) {
					t.Errorf("mechanism %q", name)
				}
			}
			if p.Quirks.ChunkInFirstGroup {
				t.Error("ChunkInFirstGroup is for callers to set")
			}
			if len(p.Advice) == 0 {
				t.Error("no advice")
			}
		})
	}
}

// TestTokensOrWords: a user who holds a token gets in, or is told what to hold
// instead.
func TestTokensOrWords(t *testing.T) {
	for _, p := range profile.All() {
		takes := slices.Contains(p.Mechanisms, "XOAUTH2") || slices.Contains(p.Mechanisms, "OAUTHBEARER")
		switch {
		case p.Slug == "any":
		case p.NoOAuth == "" && (!takes || len(p.Scopes) == 0):
			t.Errorf("%s: mechanisms %q, scopes %q, and no word on what to do with a token", p.Slug, p.Mechanisms, p.Scopes)
		case p.NoOAuth != "" && (takes || len(p.Scopes) > 0 || len(p.AppScopes) > 0):
			t.Errorf("%s: mechanisms %q, scopes %q, although no token is of use", p.Slug, p.Mechanisms, p.Scopes)
		case p.NoOAuth != "":
			wantSentence(t, p.NoOAuth)
		}
		for _, scope := range slices.Concat(p.Scopes, p.AppScopes) {
			if strings.ContainsAny(scope, " \t") || scope == "" {
				t.Errorf("%s: scope %q", p.Slug, scope)
			}
		}
	}
}

// TestUnverified: each name is that of a field that has a value.
func TestUnverified(t *testing.T) {
	for _, p := range profile.All() {
		for _, name := range p.Unverified {
			v := reflect.ValueOf(*p)
			for part := range strings.SplitSeq(name, ".") {
				if v = v.FieldByName(part); !v.IsValid() {
					break
				}
			}
			if !v.IsValid() || v.IsZero() {
				t.Errorf("%s: %s is no field, or has no value", p.Slug, name)
			}
		}
		if sorted := slices.Sorted(slices.Values(p.Unverified)); len(slices.Compact(sorted)) != len(p.Unverified) {
			t.Errorf("%s: %q holds a name twice", p.Slug, p.Unverified)
		}
	}
}

// TestValuesAreFresh shows that nobody can change what the next caller gets.
func TestValuesAreFresh(t *testing.T) {
	for _, p := range profile.All() {
		spoil(p.Scopes)
		spoil(p.AppScopes)
		spoil(p.OtherAddrs)
		spoil(p.Mechanisms)
		spoil(p.Exempt)
		spoil(p.Unverified)
		for i := range p.Advice {
			p.Advice[i].Say = "spoilt"
		}
		again, ok := profile.Lookup(p.Slug)
		if !ok {
			t.Fatalf("Lookup(%q) found nothing", p.Slug)
		}
		all := slices.Concat(again.Scopes, again.AppScopes, again.OtherAddrs, again.Mechanisms, again.Exempt, again.Unverified)
		for _, row := range again.Advice {
			all = append(all, row.Say)
		}
		if slices.Contains(all, "spoilt") {
			t.Errorf("%s: two calls share their data", p.Slug)
		}
	}
}

func spoil(list []string) {
	for i := range list {
		list[i] = "spoilt"
	}
}

func TestLookup(t *testing.T) {
	for slug, want := range map[string]string{
		"gmail": "Gmail", "microsoft365": "Microsoft 365", "zoho-eu": "Zoho Mail (Europe)", "any": "any other server",
	} {
		if p, ok := profile.Lookup(slug); !ok || p.Name != want {
			t.Errorf("Lookup(%q) = %v, %v, want %s", slug, p, ok, want)
		}
	}
	for _, slug := range []string{"", "Gmail", "gmail ", "nowhere"} {
		if p, ok := profile.Lookup(slug); ok || p != nil {
			t.Errorf("Lookup(%q) = %v, %v, want nothing", slug, p, ok)
		}
	}
	if !slices.IsSortedFunc(profile.All(), func(a, b *profile.Profile) int { return strings.Compare(a.Slug, b.Slug) }) {
		t.Error("All is not in order of the slug")
	}
	slugs := map[string]bool{}
	for _, p := range profile.All() {
		if slugs[p.Slug] {
			t.Errorf("%s is there twice", p.Slug)
		}
		slugs[p.Slug] = true
	}
}

// TestConstructors: what All has is what the functions return.
func TestConstructors(t *testing.T) {
	for _, want := range []*profile.Profile{
		profile.Any(), profile.AOL(), profile.Fastmail(), profile.Gmail(), profile.GmailRelay(), profile.ICloud(),
		profile.Microsoft365(), profile.Microsoft365China(), profile.Microsoft365DoD(), profile.Microsoft365GCCHigh(),
		profile.Outlook(), profile.Yahoo(), profile.Yandex(), profile.Zoho(),
	} {
		if got, _ := profile.Lookup(want.Slug); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: Lookup returns %+v, the function %+v", want.Slug, got, want)
		}
	}
}

// TestZohoCenters: each data center has its own hosts and nothing else of its own.
func TestZohoCenters(t *testing.T) {
	for slug, domain := range map[string]string{
		"zoho": "zoho.com", "zoho-au": "zoho.com.au", "zoho-ca": "zohocloud.ca", "zoho-cn": "zoho.com.cn",
		"zoho-eu": "zoho.eu", "zoho-in": "zoho.in", "zoho-jp": "zoho.jp", "zoho-sa": "zoho.sa",
	} {
		p, ok := profile.Lookup(slug)
		if !ok || p.Addr != "smtps://smtp."+domain+":465" || !slices.Contains(p.OtherAddrs, "smtps://smtppro."+domain+":465") {
			t.Errorf("%s: %+v", slug, p)
		}
	}
}

func TestTokenBlameless(t *testing.T) {
	var unknown *profile.Profile
	tests := []struct {
		name     string
		profile  *profile.Profile
		enhanced string
		want     bool
	}{
		{"a policy of the tenant", profile.Microsoft365(), "5.7.139", true},
		{"in another cloud", profile.Microsoft365China(), "5.7.139", true},
		{"of a personal account", profile.Outlook(), "5.7.139", true},
		{"the catch-all of Exchange", profile.Microsoft365(), "5.7.3", false},
		{"no enhanced code", profile.Microsoft365(), "", false},
		{"Gmail", profile.Gmail(), "5.7.8", false},
		{"another provider's code", profile.Gmail(), "5.7.139", false},
		{"any server", profile.Any(), "5.7.139", false},
		{"nothing known", unknown, "5.7.139", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.profile.TokenBlameless(tt.enhanced); got != tt.want {
				t.Errorf("TokenBlameless(%q) = %v, want %v", tt.enhanced, got, tt.want)
			}
		})
	}
}

// wantServer checks the URL of a server: ports that agree with the scheme.
func wantServer(t *testing.T, s string) {
	t.Helper()
	addr, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	port := map[string]string{"smtps": "465", "smtp": "587"}[addr.Scheme]
	if addr.Hostname() == "" || addr.Host != addr.Hostname()+":"+port || addr.Path != "" || addr.User != nil {
		t.Errorf("address %q, want smtps://host:465 or smtp://host:587", s)
	}
}

func wantHTTPS(t *testing.T, s string) {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		t.Errorf("%q is no https URL (%v)", s, err)
	}
}
