package profile

// zohoServers is Zoho's page about its servers.
const zohoServers = "https://www.zoho.com/mail/help/zoho-smtp.html"

// A zohoCenter is one of Zoho's data centers. An account is in one of them, and the
// servers of the others refuse it.
type zohoCenter struct{ name, suffix, domain string }

func zohoCenters() []zohoCenter {
	return []zohoCenter{
		{"United States", "", "zoho.com"},
		{"Australia", "-au", "zoho.com.au"},
		{"Canada", "-ca", "zohocloud.ca"},
		{"China", "-cn", "zoho.com.cn"},
		{"Europe", "-eu", "zoho.eu"},
		{"India", "-in", "zoho.in"},
		{"Japan", "-jp", "zoho.jp"},
		{"Saudi Arabia", "-sa", "zoho.sa"},
	}
}

// Zoho returns the profile of smtp.zoho.com, for accounts in Zoho's data center in
// the United States. Each other data center has servers and a profile of its own,
// for [Lookup]: zoho-au, zoho-ca, zoho-cn, zoho-eu, zoho-in, zoho-jp and zoho-sa.
//
// Addr is for personal accounts and free plans. Organizations with a paid plan use
// the host in OtherAddrs that begins with smtppro. The number of recipients is that
// of free plans; others have more
// (https://www.zoho.com/mail/help/adminconsole/rates-and-limits.html).
//
// Zoho documents access tokens for IMAP and POP alone
// (https://www.zoho.com/mail/help/sasl-xoauth2-smtp-imap-pop-protocol-exchange.html).
func Zoho() *Profile { return zoho(zohoCenters()[0]) }

func zoho(c zohoCenter) *Profile {
	p := &Profile{
		Name: "Zoho Mail (" + c.name + ")",
		Slug: "zoho" + c.suffix,
		Page: zohoServers,
		Addr: "smtps://smtp." + c.domain + ":465",
		OtherAddrs: []string{
			"smtp://smtp." + c.domain + ":587", "smtps://smtppro." + c.domain + ":465", "smtp://smtppro." + c.domain + ":587",
		},
		NoOAuth: "Zoho documents access tokens for IMAP and POP, and none for SMTP: sign in with the password of the account, " +
			"or with an app password if two-factor authentication is on.",
		Mechanisms: []string{"LOGIN", "PLAIN"},
		Limits:     Limits{MessageSize: 53477376, Recipients: 100},
		Advice:     zohoAdvice(),
		Unverified: []string{"Mechanisms", "Limits.MessageSize"},
	}
	if c.suffix != "" {
		p.Unverified = append(p.Unverified, "Addr", "OtherAddrs")
	}
	return p
}

func zohoAdvice() []Advice {
	return []Advice{
		{
			Code: 535,
			Say: "Zoho refuses the credentials: use the server of the data center that the account is in (the ending of the address " +
				"after signing in with a browser), smtppro with a paid plan, and an app password if two-factor authentication is on.",
			Source: zohoServers,
		},
		{
			Code: 553, Text: "relaying disallowed",
			Say:    "The sender must be an address or an alias of the account that signed in: give one of those, in the envelope and in From.",
			Source: zohoServers,
		},
	}
}
