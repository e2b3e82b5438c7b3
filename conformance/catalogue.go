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
		junkChallenge(),
		refusedSecret(),
		authCodes(),
		earlySuccess(),
		extraChallenge(),
		strayCancel(),
		hiddenSecrets(),
		lateGreeting(),
		longGreeting(),
		refusingGreeting(),
		noGreeting(),
		malformedGreeting(),
		heloFallback(),
		keywords(),
		loginPrompts(),
		bearerChallenge(),
		noPipelining(),
		pipelinedReplies(),
		contentToNobody(),
		closedBatch(),
		fragmentedReplies(),
		bareCodes(),
		unknownCodes(),
		mixedReply(),
		endlessReply(),
		unsolicitedReply(),
		truncatedReply(),
		shutdown(),
		strippedSTARTTLS(),
		refusedSTARTTLS(),
		injectedReply(),
		forgottenCapabilities(),
		nestedSTARTTLS(),
		nothingBehindSTARTTLS(),
		badCertificate(),
		timeouts(),
		cancelled(),
		controlCharacters(),
		earlyContent(),
		dotStuffing(),
		bareLineEnds(),
		recipientResults(),
		missingReply(),
		errorChallenge(),
		refusedToken(),
		failingToken(),
		hostileToken(),
		bareRefusal(),
	}
}

// Rules that are not in an RFC.
const (
	googleXOAUTH2    = "Google, OAuth 2.0 Mechanism (XOAUTH2)"
	microsoftXOAUTH2 = "Microsoft, Authenticate an IMAP, POP or SMTP connection using OAuth"
	loginDraft       = "draft-murchison-sasl-login-00"
	goodPractice     = "good practice"
)
