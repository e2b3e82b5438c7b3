package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/seed-55a66e92/postern/providers/profile"
	"github.com/seed-55a66e92/postern/smtp"
)

// providerNames are what --provider and --persona take.
func providerNames() []string {
	var names []string
	for _, p := range profile.All() {
		names = append(names, p.Slug)
	}
	return names
}

// helpWidth is how wide a list in the help of a flag gets, in characters.
const helpWidth = 56

// wrapped lists names for the help of a flag, on as many lines as they need.
func wrapped(names []string) string {
	var b strings.Builder
	width := 0
	for i, name := range names {
		if i < len(names)-1 {
			name += ","
		}
		switch {
		case i > 0 && width+1+len(name) > helpWidth:
			b.WriteByte('\n')
			width = 0
		case i > 0:
			b.WriteByte(' ')
			width++
		}
		b.WriteString(name)
		width += len(name)
	}
	return b.String()
}

// checkProvider returns what is wrong with --provider and --server, "" if nothing
// is.
func checkProvider(provider, server string) string {
	if provider == "" {
		if server == "" {
			return "no server: give --server URL or --provider NAME"
		}
		return ""
	}
	p, ok := profile.Lookup(provider)
	switch {
	case !ok:
		return fmt.Sprintf("unknown provider %q; known are %s", provider, strings.Join(providerNames(), ", "))
	case p.Addr == "" && server == "":
		return "--provider " + provider + " has no address of its own: give --server URL too"
	}
	return ""
}

// addressOf is where cfg leads: what was given goes before what is known.
func addressOf(cfg smtp.Config) string {
	if cfg.Profile == nil {
		return cfg.Addr
	}
	return cmp.Or(cfg.Addr, cfg.Profile.Addr)
}
