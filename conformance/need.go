package conformance

import "strings"

// A Need is something that a target has to be capable of.
type Need string

// The needs, besides those of [NeedMechanism] and [NeedExtension].
const (
	NeedTLS      Need = "TLS"       // at all, by STARTTLS or from the start
	NeedAuth     Need = "AUTH"      // by any mechanism
	NeedClear    Need = "cleartext" // the connection begins without TLS
	NeedPassword Need = "password"  // to sign in with, known to the suite
	NeedToken    Need = "token"     // the same
	NeedObserver Need = "observer"  // of the messages that a server has stored
)

// NeedMechanism is the need of a SASL mechanism.
func NeedMechanism(name string) Need { return Need(mechanismNeed + name) }

// NeedExtension is the need of a service extension, by the keyword that EHLO
// lists.
func NeedExtension(keyword string) Need { return Need(extensionNeed + keyword) }

const (
	mechanismNeed = "AUTH "
	extensionNeed = "EHLO "
)

// mechanism returns the mechanism that is needed.
func (n Need) mechanism() (string, bool) { return strings.CutPrefix(string(n), mechanismNeed) }

// extension returns the keyword that is needed.
func (n Need) extension() (string, bool) { return strings.CutPrefix(string(n), extensionNeed) }

// optional reports whether a target may do without.
func (n Need) optional() bool {
	_, mechanism := n.mechanism()
	_, extension := n.extension()
	return mechanism || extension || n == NeedClear
}
