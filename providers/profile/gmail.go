package profile

// Pages of Google that document addresses, limits and replies.
const (
	gmailOAuth   = "https://developers.google.com/workspace/gmail/imap/xoauth2-protocol"
	gmailReplies = "https://support.google.com/a/answer/3726730"
	gmailSignIn  = "https://support.google.com/mail/answer/7126229"
)

// Gmail returns the profile of smtp.gmail.com, for gmail.com and for Google
// Workspace mailboxes.
//
// There is one scope that signs in to SMTP. The scope gmail.send, which suffices
// for Google's own HTTP interface, does not. The limits of messages and recipients
// are those of Google Workspace (https://support.google.com/a/answer/166852); a
// gmail.com account may have less.
func Gmail() *Profile {
	return &Profile{
		Name:       "Gmail",
		Slug:       "gmail",
		Page:       gmailOAuth,
		Addr:       "smtps://smtp.gmail.com:465",
		OtherAddrs: []string{"smtp://smtp.gmail.com:587"},
		Scopes:     []string{"https://mail.google.com/"},
		AppScopes:  []string{"https://mail.google.com/"},
		Mechanisms: []string{"LOGIN", "PLAIN", "XOAUTH2", "PLAIN-CLIENTTOKEN", "OAUTHBEARER", "XOAUTH"},
		Limits: Limits{
			MaxConns: 10, MessageSize: 35882577, Recipients: 100, MessagesPerDay: 2000, RecipientsPerDay: 10000,
		},
		Advice:     append(gmailAdvice(), googleReplies()...),
		Unverified: []string{"Mechanisms", "Limits.MaxConns", "Limits.MessageSize"},
	}
}

func gmailAdvice() []Advice {
	return []Advice{
		{
			Code: 334, Text: `"status":"400"`,
			Say: "The access token lacks the scope https://mail.google.com/ (gmail.send is not enough), " +
				"or the user name is not the mailbox that it was issued for.",
			Source: gmailOAuth,
		},
		{
			Code: 334, Text: `"status":"401"`,
			Say: "The access token has expired or was revoked. If a fresh one is refused too, " +
				"sign in again and see whether the Workspace administrator allows this application.",
			Source: gmailOAuth,
		},
		{
			Code: 534, Text: "application-specific password",
			Say:    "This account uses 2-step verification, so its password does not sign in here: use OAuth 2.0 or an app password.",
			Source: gmailSignIn,
		},
		{
			Code: 535, Enhanced: "5.7.8",
			Say: "Gmail refuses the credentials: the token must have the scope https://mail.google.com/ and belong to the mailbox " +
				"named as user, and the Workspace administrator must allow SMTP for it. An account password does not work.",
			Source: gmailReplies,
		},
		{
			Code: 550, Enhanced: "5.4.5",
			Say:    "This account has sent as much as Gmail lets it within a day: send again in 24 hours.",
			Source: gmailReplies,
		},
	}
}

// googleReplies is what smtp.gmail.com and the relay of Google Workspace have in
// common.
func googleReplies() []Advice {
	return []Advice{
		{
			Code: 421, Enhanced: "4.7.0",
			Say:    "Gmail slows this sender or network down: wait some minutes, then send at a lower rate over fewer connections.",
			Source: gmailReplies,
		},
		{
			Code: 454, Enhanced: "4.7.0", Text: "too many login attempts",
			Say: "Gmail limits how often this account signs in: wait a minute, twice as long each time, " +
				"and send more messages on each connection. The token is not to blame.",
			Source: gmailReplies,
		},
		{
			Code: 454, Enhanced: "4.7.0",
			Say:    "Gmail cannot check credentials at the moment: try again in a minute. The token is not to blame.",
			Source: gmailReplies,
		},
		{
			Code: 534, Enhanced: "5.7.9",
			Say: "Google protects this account: sign in to it once with a browser, " +
				"then ask the Workspace administrator whether the policy allows SMTP.",
			Source: gmailReplies,
		},
	}
}
