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
// the mock server plays one, and the table of providers in the README is made of
// them. Nothing here connects to anything. Every call returns a value of its own,
// so a caller may change one to suit, for example where a network blocks a port:
//
//	p := profile.Gmail()
//	p.Addr = p.OtherAddrs[0] // smtp://smtp.gmail.com:587
//
// [All] has them all, and [Lookup] finds one by its slug, as in "zoho-eu". What
// rests on reports instead of on a page of the provider's is named in
// [Profile].Unverified, and what nobody has published is left zero.
//
// A profile for a server that is not listed is a literal of type [Profile]. A nil
// *Profile is a server of which nothing is known, and so is [Any]: both still give
// the advice that follows from the standards.
package profile
