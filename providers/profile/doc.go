// Package profile holds what is known of mail providers, as data: where to send,
// which OAuth 2.0 scopes a token needs, which limits apply, and what their
// replies mean for the person who reads them.
//
//	p := profile.Gmail()
//	p.Addr   // smtps://smtp.gmail.com:465
//	p.Scopes // https://mail.google.com/
//	p.Advise(535, "5.7.8", "Username and Password not accepted.")
//
// The SMTP engine takes its address, its limits and its advice from a profile,
// and the mock server plays one. Nothing here connects to anything. Every call
// returns a value of its own, so a caller may change one to suit:
//
//	relay := profile.Gmail()
//	relay.Addr = "smtp://smtp-relay.gmail.com:587"
//
// A profile for a server that is not listed is a literal of type [Profile]. A
// nil *Profile is a server of which nothing is known: it still gives the advice
// that follows from the standards.
package profile
