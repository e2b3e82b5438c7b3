package profile

// Pages of Google that document the relay.
const (
	relaySettings = "https://support.google.com/a/answer/2956491"
	relayReplies  = "https://support.google.com/a/answer/6140680"
)

// GmailRelay returns the profile of smtp-relay.gmail.com, through which servers
// and devices of a Google Workspace customer send in the names of its users.
//
// The relay knows a customer by the IP address that an administrator registered,
// by SMTP AUTH with a mailbox of the customer, or by both. Google documents no
// access tokens for it; for those, use [Gmail].
func GmailRelay() *Profile {
	return &Profile{
		Name:       "Google Workspace relay",
		Slug:       "gmail-relay",
		Page:       relaySettings,
		Addr:       "smtp://smtp-relay.gmail.com:587",
		OtherAddrs: []string{"smtps://smtp-relay.gmail.com:465"},
		NoOAuth: "The relay of Google Workspace knows its customers by a registered IP address or by SMTP AUTH with an app password, " +
			"and Google documents no access tokens for it: leave the credentials out, or send through smtp.gmail.com with the token.",
		Limits:     Limits{Recipients: 100, MessagesPerDay: 10000, RecipientsPerDay: 10000},
		Advice:     append(relayAdvice(), googleReplies()...),
		Unverified: []string{"OtherAddrs"},
	}
}

func relayAdvice() []Advice {
	return []Advice{
		{
			Code: 450, Enhanced: "4.2.1", Text: "peak smtp relay limit",
			Say:    "The customer has sent more through the relay within ten minutes than it may: try again later, at a lower rate.",
			Source: relayReplies,
		},
		{
			Code: 535, Enhanced: "5.7.8",
			Say: "The relay refuses the credentials: it takes the mailbox of a user of this Workspace with an app password, or no sign-in " +
				"at all from an IP address that an administrator registered. Google documents no access tokens for it.",
			Source: relaySettings,
		},
		{
			Code: 550, Enhanced: "5.7.1", Text: "credentials for relay",
			Say: "The relay does not know who sends: an administrator registers this machine's IP address in the setting of the SMTP relay " +
				"service, and EHLO (LocalName) and the sender name a domain of the Workspace.",
			Source: relayReplies,
		},
		{
			Code: 550, Enhanced: "5.7.1", Text: "relay denied",
			Say: "The relay does not know who sends: an administrator registers this machine's IP address in the setting of the SMTP relay " +
				"service, and EHLO (LocalName) and the sender name a domain of the Workspace.",
			Source: relayReplies,
		},
		{
			Code: 550, Enhanced: "5.7.1", Text: "daily smtp relay limit",
			Say:    "The customer has sent as much through the relay as it may within a day: send again in 24 hours.",
			Source: relayReplies,
		},
		{
			Code: 550, Enhanced: "5.4.5",
			Say:    "This user has sent as much through the relay as it may within a day: send again in 24 hours.",
			Source: relayReplies,
		},
	}
}
