package profile

// Pages of Fastmail about its servers.
const (
	fastmailServers  = "https://www.fastmail.help/hc/en-us/articles/1500000278342"
	fastmailPassword = "https://www.fastmail.help/hc/en-us/articles/360058752854"
)

// Fastmail returns the profile of smtp.fastmail.com.
//
// Application identifiers for OAuth 2.0 are given out by Fastmail; without one, an
// app password signs in. The user name is that of the account, whatever address
// the message is from.
func Fastmail() *Profile {
	return &Profile{
		Name:       "Fastmail",
		Slug:       "fastmail",
		Page:       fastmailServers,
		Addr:       "smtps://smtp.fastmail.com:465",
		OtherAddrs: []string{"smtp://smtp.fastmail.com:587"},
		Scopes:     []string{"https://www.fastmail.com/dev/protocol-smtp"},
		Mechanisms: []string{"PLAIN", "LOGIN", "XOAUTH2"},
		Advice: []Advice{{
			Code: 535,
			Say: "Fastmail refuses the credentials: the token needs the scope https://www.fastmail.com/dev/protocol-smtp and the user name " +
				"of the account; a password must be an app password with access to SMTP, and the plan must include it.",
			Source: fastmailPassword,
		}},
		Unverified: []string{"Scopes", "Mechanisms"},
	}
}
