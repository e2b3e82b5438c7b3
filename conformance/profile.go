package conformance

import "slices"

// A Profile is what a target claims to be. It chooses among the cases for its kind
// of target.
type Profile string

// The profiles. The zero Profile is any: no case is left out.
const (
	Submission587  Profile = "submission-587"  // RFC 6409, with STARTTLS
	Submissions465 Profile = "submissions-465" // RFC 8314, with TLS from the start
	MX25           Profile = "mx-25"           // takes mail for its own domains from anybody
	ClientCore     Profile = "client-core"     // a client that signs in somehow
	ClientOAuth    Profile = "client-oauth"    // a client that signs in by token, too
	OfMechanism    Profile = "mechanism"
	TokenProvider  Profile = "token-provider"
)

// kind returns the kind of target that the profile is for, "" for any.
func (p Profile) kind() string {
	switch p {
	case Submission587, Submissions465, MX25:
		return "server"
	case ClientCore, ClientOAuth:
		return "client"
	case OfMechanism:
		return "mechanism"
	case TokenProvider:
		return "token generator"
	}
	return ""
}

// includes reports whether a case for the kind of target belongs to the profile.
func (p Profile) includes(c Case) bool {
	if p == "" {
		return true
	}
	if p == ClientCore && !c.Core() {
		return false
	}
	return len(c.Profiles) == 0 || slices.Contains(c.Profiles, p)
}
