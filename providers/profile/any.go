package profile

// Any returns the profile of a server of which nothing is known, so that a choice
// of providers can have an entry for all others. It has no address, and does what
// a nil Profile does: its advice is what follows from the standards.
func Any() *Profile {
	return &Profile{Name: "any other server", Slug: "any"}
}
