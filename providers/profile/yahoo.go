package profile

// Pages of Yahoo about its servers.
const (
	yahooOAuth    = "https://senders.yahooinc.com/developer/documentation"
	yahooPassword = "https://help.yahoo.com/kb/SLN15241.html"
)

// Yahoo returns the profile of smtp.mail.yahoo.com.
//
// An application needs Yahoo's approval for the scope of mail; without one, an app
// password signs in.
func Yahoo() *Profile {
	return yahoo(Profile{
		Name:       "Yahoo Mail",
		Slug:       "yahoo",
		Addr:       "smtps://smtp.mail.yahoo.com:465",
		OtherAddrs: []string{"smtp://smtp.mail.yahoo.com:587"},
	})
}

// AOL returns the profile of smtp.aol.com. It is run by Yahoo and has the same
// scope, but a client identifier for the one is not good for the other.
func AOL() *Profile {
	return yahoo(Profile{
		Name:       "AOL Mail",
		Slug:       "aol",
		Addr:       "smtps://smtp.aol.com:465",
		OtherAddrs: []string{"smtp://smtp.aol.com:587"},
	})
}

// yahoo adds to p what the two have in common.
func yahoo(p Profile) *Profile {
	p.Page = yahooOAuth
	p.Scopes = []string{"mail-w"}
	p.Mechanisms = []string{"PLAIN", "LOGIN", "XOAUTH2", "XYMCOOKIE"}
	p.Limits = Limits{MessageSize: 41697280, Recipients: 100, MessagesPerDay: 500}
	p.Advice = yahooAdvice()
	p.Unverified = []string{
		"Scopes", "Mechanisms", "Limits.MessageSize", "Limits.Recipients", "Limits.MessagesPerDay",
	}
	return &p
}

func yahooAdvice() []Advice {
	return []Advice{
		{
			Code: 535, Enhanced: "5.7.0", Text: "too many bad auth attempts",
			Say: "Yahoo refuses this account after failed sign-ins: stop for a while, then use a token with the scope mail-w, " +
				"or an app password from the account's security page. The account's own password does not work.",
			Source: yahooPassword,
		},
		{
			Code: 535,
			Say: "Yahoo refuses the credentials: the token needs the scope mail-w, from an application that Yahoo has approved for mail; " +
				"a password must be an app password from the account's security page.",
			Source: yahooOAuth,
		},
	}
}
