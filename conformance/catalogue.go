package conformance

// Catalogue returns all cases of this package, in the order of ids. The slice is
// the caller's.
func Catalogue() []Case {
	return clientCases()
}

// clientCases are those for clients.
func clientCases() []Case {
	return []Case{
		unknownMechanisms(),
		longToken(),
		junkChallenge(),
		bareChallenge(),
		longChallenge(),
		refusedSecret(),
		authCodes(),
		nextMechanism(),
		earlySuccess(),
		extraChallenge(),
		strayCancel(),
		hiddenSecrets(),
		lateGreeting(),
		longGreeting(),
		refusingGreeting(),
		noGreeting(),
		malformedGreeting(),
		helloArgument(),
		heloFallback(),
		keywords(),
		anyPrompts(),
		bearerChallenge(),
		noPipelining(),
		pipelinedReplies(),
		contentToNobody(),
		closedBatch(),
		fragmentedReplies(),
		bareCodes(),
		unknownCodes(),
		misleadingText(),
		mixedReply(),
		endlessReply(),
		endlessLine(),
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
		brokenHandshake(),
		timeouts(),
		defaultTimeouts(),
		drippedReply(),
		endedContext(),
		stalledTransport(),
		hostileEnvelope(),
		unofferedParameters(),
		earlyContent(),
		dotStuffing(),
		bareLineEnds(),
		lastLine(),
		recipientResults(),
		tooManyRecipients(),
		refusedMessage(),
		missingReply(),
		goodbye(),
		eightBit(),
		nullSender(),
		errorChallenge(),
		replacedToken(),
		failingToken(),
		hostileToken(),
		bareRefusal(),
	}
}

// Rules that are not in an RFC.
const (
	googleXOAUTH2    = "Google, OAuth 2.0 Mechanism (XOAUTH2)"
	microsoftXOAUTH2 = "Microsoft, Authenticate an IMAP, POP or SMTP connection using OAuth"
	draftOfLOGIN     = "draft-murchison-sasl-login-00"
	goodPractice     = "good practice"
)
