package microsoft

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/public"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// A grant is what is left of a sign-in: the refresh token, and whose it is. It is
// kept in the form of MSAL's cache, which all MSALs share, without the access
// tokens: those are for the [providers.Cache] to keep.
type grant struct {
	home    string // MSAL's name of the account
	user    string // ours; "" until an answer has told
	family  string // of clients that share refresh tokens, "" for most
	refresh sasl.Secret

	foreign map[string]json.RawMessage // access tokens, as another program has left them
}

// A document is MSAL's cache, as far as it concerns us.
type document struct {
	Access  map[string]json.RawMessage `json:"AccessToken,omitempty"`
	Refresh map[string]refreshEntry    `json:"RefreshToken,omitempty"`
	Account map[string]accountEntry    `json:"Account,omitempty"`
	App     map[string]appEntry        `json:"AppMetadata,omitempty"`
}

type refreshEntry struct {
	Home   string `json:"home_account_id"`
	Host   string `json:"environment"`
	Type   string `json:"credential_type"`
	Client string `json:"client_id"`
	Family string `json:"family_id,omitempty"`
	Secret string `json:"secret"`
}

type accountEntry struct {
	Home string `json:"home_account_id"`
	Host string `json:"environment"`
	User string `json:"username"`
}

type appEntry struct {
	Client string `json:"client_id"`
	Host   string `json:"environment"`
	Family string `json:"family_id,omitempty"`
}

// unknownHome stands for the account of a refresh token of unknown origin.
const unknownHome = "imported"

// readGrant returns the grant of a user: what this package has kept, or the cache
// of an MSAL in another program, or a refresh token alone.
func (s *settings) readGrant(kept sasl.Secret, user string) (*grant, error) {
	text := strings.TrimSpace(kept.Reveal())
	if !strings.HasPrefix(text, "{") {
		return &grant{home: unknownHome, refresh: sasl.NewSecret(text)}, nil
	}
	var d document
	if json.Unmarshal([]byte(text), &d) != nil { // its error might quote
		return nil, damaged()
	}
	g, found := s.choose(&d, user)
	switch {
	case g != nil:
		return g, nil
	case len(found) > 0:
		return nil, &providers.Error{
			Kind: providers.Misconfigured, Provider: provider,
			Description: "the sign-in is that of " + providers.Scrub(strings.Join(found, ", ")) + ", not of " + providers.Scrub(user),
			Hint:        "give each user a Key of its own; if both names are of the same mailbox, use the one that signs in",
		}
	case len(d.Refresh) > 0:
		return nil, &providers.Error{
			Kind: providers.Misconfigured, Provider: provider,
			Description: "the sign-in was made with another client id or in another cloud than those of Options",
			Hint:        "compare Options.ClientID, Options.Cloud and Options.Cache.Key, or sign in again",
		}
	}
	return nil, nobody()
}

func damaged() error {
	return &providers.Error{
		Kind: providers.Misconfigured, Provider: provider, Description: "what was kept of the sign-in is damaged",
		Hint: "sign in again",
	}
}

// nobody is the error for a sign-in that has not been.
func nobody() error {
	return &providers.Error{
		Kind: providers.NeedsUser, Provider: provider, Description: "nobody has signed in yet",
		Hint: "sign in with Login or LoginDevice, to the same Store and Key and with the same client id",
	}
}

// choose returns the grant of the user in a document, or the names of those that it
// has grants of. A grant whose account is unknown is taken for the user's.
func (s *settings) choose(d *document, user string) (_ *grant, found []string) {
	names := make(map[string]string)
	for _, a := range d.Account {
		names[a.Home] = a.User
	}
	var unnamed *grant
	for _, key := range slices.Sorted(maps.Keys(d.Refresh)) {
		r := d.Refresh[key]
		if !s.isOurs(r) {
			continue
		}
		g := &grant{home: r.Home, user: names[r.Home], family: r.Family, refresh: sasl.NewSecret(r.Secret), foreign: d.Access}
		switch {
		case g.user == "":
			unnamed = g
		case user == "" || strings.EqualFold(user, g.user):
			return g, nil
		default:
			found = append(found, g.user)
		}
	}
	return unnamed, found
}

// isOurs reports whether a refresh token is good for this client, at this login
// server. The worldwide one has had several names.
func (s *settings) isOurs(r refreshEntry) bool {
	host := strings.ToLower(r.Host)
	switch host {
	case "login.windows.net", "login.microsoft.com", "sts.windows.net":
		host = strings.TrimPrefix(defaultAuthority, "https://")
	}
	return r.Secret != "" && host == s.host() && (strings.EqualFold(r.Client, s.ClientID) || r.Family != "")
}

// encode returns a grant in the form in which MSAL finds it: for this client and
// this login server. The same grant is always the same text.
func (s *settings) encode(g *grant) sasl.Secret {
	d := document{
		Access: g.foreign,
		Refresh: map[string]refreshEntry{
			entryKey(g.home, s.host(), "refreshtoken", s.ClientID): {g.home, s.host(), "RefreshToken", s.ClientID, g.family, g.refresh.Reveal()},
		},
		App: map[string]appEntry{entryKey("appmetadata", s.host(), s.ClientID): {s.ClientID, s.host(), g.family}},
	}
	if g.user != "" {
		d.Account = map[string]accountEntry{entryKey(g.home, s.host()): {g.home, s.host(), g.user}}
	}
	text, err := json.Marshal(d)
	if err != nil { // not of strings, nor of what was JSON before
		return sasl.Secret{}
	}
	return sasl.NewSecret(string(text))
}

// entryKey returns the key of an entry as MSAL makes it.
func entryKey(parts ...string) string { return strings.ToLower(strings.Join(parts, "-")) }

// account returns how MSAL is told whose token it is to find.
func (s *settings) account(g *grant) public.Account {
	return public.Account{HomeAccountID: g.home, Environment: s.host(), PreferredUsername: g.user}
}

// after returns the grant that MSAL's cache holds after a call that was made with g,
// nil at a sign-in. There was one refresh token before, so another one is what took
// its place, whoever the answer says it belongs to: it may say nothing.
func (s *settings) after(left []byte, g *grant, signedIn public.Account) *grant {
	next := new(grant)
	if g != nil {
		*next = *g
		next.foreign = nil
	}
	next.home = cmp.Or(signedIn.HomeAccountID, next.home, unknownHome)
	next.user = cmp.Or(next.user, signedIn.PreferredUsername) // an account may come to have another name
	var d document
	if json.Unmarshal(left, &d) != nil {
		return next
	}
	for _, r := range d.Refresh {
		if secret := sasl.NewSecret(r.Secret); s.isOurs(r) && (g == nil || !secret.Equal(g.refresh)) {
			next.refresh, next.family = secret, r.Family
		}
	}
	return next
}
