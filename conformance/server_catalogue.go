package conformance

// serverCases are the cases for servers.
func serverCases() []Case {
	return []Case{
		signsIn(), authInTransaction(), authCancel(), authBase64(), emptyChallenge(), wrongPassword(),
		bareLF(), lfEnd(), smuggling(),
		dotUnstuffing(),
		greeting(),
		hello(), helloResets(),
		overlongCommand(),
		errorChallengeSurvived(),
		batched(),
		foreignIdentity(),
		oneReply(), outOfOrder(),
		scramProof(),
		noRelay(),
		resetClears(),
		startTLS(), startTLSInjection(), startTLSForgets(), passwordsInClear(),
		tokenAccepted(), tokenRefused(),
	}
}
