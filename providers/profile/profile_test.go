package profile_test

import (
	"net/url"
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
			addr, err := url.Parse(p.Addr)
			if err != nil {
				t.Fatal(err)
			}
			port := map[string]string{"smtps": "465", "smtp": "587"}[addr.Scheme]
			if addr.Host != addr.Hostname()+":"+port || addr.Path != "" || addr.User != nil {
				t.Errorf("Addr = %q, want smtps://host:465 or smtp://host:587", p.Addr)
			}
			for _, scope := range slices.Concat(p.Scopes, p.AppScopes) {
				wantHTTPS(t, scope)
			}
			for _, name := range p.Mechanisms {
				if !mechanism.MatchString(name) {
					t.Errorf("mechanism %q", name)
				}
			}
			if !slices.Contains(p.Mechanisms, "XOAUTH2") || len(p.Scopes) == 0 {
				t.Errorf("mechanisms %q, scopes %q: nothing to sign in with", p.Mechanisms, p.Scopes)
			}
			if p.Quirks.ChunkInFirstGroup {
				t.Error("ChunkInFirstGroup is for callers to set")
			}
		})
	}
}

// TestValuesAreFresh shows that nobody can change what the next caller gets.
func TestValuesAreFresh(t *testing.T) {
	for _, p := range profile.All() {
		p.Scopes[0], p.Mechanisms[0], p.Advice[0].Say = "spoilt", "spoilt", "spoilt"
		again, ok := profile.Lookup(p.Slug)
		if !ok {
			t.Fatalf("Lookup(%q) found nothing", p.Slug)
		}
		if again.Scopes[0] == "spoilt" || again.Mechanisms[0] == "spoilt" || again.Advice[0].Say == "spoilt" {
			t.Errorf("%s: two calls share their data", p.Slug)
		}
	}
}

func TestLookup(t *testing.T) {
	for slug, want := range map[string]string{"gmail": "Gmail", "microsoft365": "Microsoft 365"} {
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
		{"the catch-all of Exchange", profile.Microsoft365(), "5.7.3", false},
		{"no enhanced code", profile.Microsoft365(), "", false},
		{"Gmail", profile.Gmail(), "5.7.8", false},
		{"another provider's code", profile.Gmail(), "5.7.139", false},
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

func wantHTTPS(t *testing.T, s string) {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		t.Errorf("%q is no https URL (%v)", s, err)
	}
}
