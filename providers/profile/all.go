package profile

import (
	"slices"
	"strings"
)

// All returns every profile of this package, in alphabetical order of the slug.
// One of them, [Any], has no address.
func All() []*Profile {
	all := []*Profile{
		Any(), AOL(), Fastmail(), Gmail(), GmailRelay(), ICloud(),
		Microsoft365(), Microsoft365China(), Microsoft365DoD(), Microsoft365GCCHigh(),
		Outlook(), Yahoo(), Yandex(),
	}
	for _, center := range zohoCenters() {
		all = append(all, zoho(center))
	}
	slices.SortFunc(all, func(a, b *Profile) int { return strings.Compare(a.Slug, b.Slug) })
	return all
}

// Lookup returns the profile with that slug.
func Lookup(slug string) (*Profile, bool) {
	for _, p := range All() {
		if p.Slug == slug {
			return p, true
		}
	}
	return nil, false
}
