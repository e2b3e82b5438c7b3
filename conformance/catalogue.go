package conformance

// Catalogue returns all cases of this package, in the order of ids. The slice is
// the caller's.
func Catalogue() []Case {
	cases := []Case{
		longToken(),
		hiddenSecrets(),
		mixedReply(),
		strippedSTARTTLS(),
		badCertificate(),
		errorChallenge(),
	}
	cases = append(cases, mechanismCases()...)
	cases = append(cases, generatorCases()...)
	return append(cases, serverCases()...)
}

// Rules that are not in an RFC.
const (
	googleXOAUTH2 = "Google, OAuth 2.0 Mechanism (XOAUTH2)"
	goodPractice  = "good practice"
)
