package mock

import "strings"

// mannersOf returns what is known of the service of that slug besides its
// profile. The lines of EHLO, and their order, are from
//
//	https://github.com/simonrob/email-oauth2-proxy/issues/287 (Gmail)
//	https://github.com/simonrob/email-oauth2-proxy/issues/93 (Microsoft 365)
//	https://github.com/zetacomponents/Mail/pull/37 (Yahoo; its "8 BITMIME" is no extension)
//	https://tech.yandex.com/oauth/doc/imap/index-docpage/ (Yandex)
//	https://github.com/PHPAuth/PHPAuth/issues/282 (Zoho)
func mannersOf(slug string) manners {
	switch {
	case isGoogle(slug):
		lines := []string{"SIZE", "8BITMIME", "STARTTLS", "AUTH", "ENHANCEDSTATUSCODES", "PIPELINING", "CHUNKING", "SMTPUTF8"}
		return manners{lines, gmailVoice, gmailCondition}
	case isMicrosoft(slug):
		lines := []string{"SIZE", "PIPELINING", "DSN", "ENHANCEDSTATUSCODES", "STARTTLS", "AUTH", "8BITMIME", "BINARYMIME", "CHUNKING", "SMTPUTF8"}
		return manners{lines, microsoftVoice, microsoftCondition}
	case slug == "yahoo", slug == "aol":
		return manners{lists: []string{"PIPELINING", "SIZE", "STARTTLS", "AUTH"}}
	case slug == "yandex":
		return manners{lists: []string{"8BITMIME", "PIPELINING", "SIZE", "STARTTLS", "AUTH", "DSN", "ENHANCEDSTATUSCODES"}}
	case slug == "zoho", strings.HasPrefix(slug, "zoho-"):
		return manners{lists: []string{"STARTTLS", "AUTH", "SIZE"}}
	}
	return manners{}
}

// isGoogle reports whether a slug is of a service of Google's.
func isGoogle(slug string) bool { return slug == "gmail" || slug == "gmail-relay" }

// isMicrosoft reports whether a slug is of a service of Microsoft's.
func isMicrosoft(slug string) bool {
	return slug == "outlook" || slug == "microsoft365" || strings.HasPrefix(slug, "microsoft365-")
}
