package conformance

// Catalogue returns all cases of this package, in the order of ids. The slice is
// the caller's.
func Catalogue() []Case {
	return clientCases()
}

// clientCases are those for clients.
func clientCases() []Case {
	return []Case{
		longToken(),
		refusedSecret(),
		earlySuccess(),
		hiddenSecrets(),
		heloFallback(),
		fragmentedReplies(),
		mixedReply(),
		endlessReply(),
		unsolicitedReply(),
		truncatedReply(),
		strippedSTARTTLS(),
		refusedSTARTTLS(),
		injectedReply(),
		badCertificate(),
		timeouts(),
		cancelled(),
		controlCharacters(),
		earlyContent(),
		dotStuffing(),
		bareLineEnds(),
		recipientResults(),
		errorChallenge(),
	}
}

// Rules that are not in an RFC.
const (
	googleXOAUTH2 = "Google, OAuth 2.0 Mechanism (XOAUTH2)"
	goodPractice  = "good practice"
)
