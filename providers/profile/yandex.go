package profile

// Pages of Yandex about its servers.
const (
	yandexOAuth  = "https://tech.yandex.com/oauth/doc/imap/index-docpage/"
	yandexLimits = "https://yandex.com/support/mail/web/letter/create/send-many-letters.html"
)

// Yandex returns the profile of smtp.yandex.com.
func Yandex() *Profile {
	return &Profile{
		Name:       "Yandex Mail",
		Slug:       "yandex",
		Page:       yandexOAuth,
		Addr:       "smtps://smtp.yandex.com:465",
		OtherAddrs: []string{"smtp://smtp.yandex.com:587"},
		Scopes:     []string{"mail:smtp"},
		Mechanisms: []string{"LOGIN", "PLAIN", "XOAUTH2"},
		Limits:     Limits{MessageSize: 42991616, Recipients: 35, MessagesPerDay: 500, RecipientsPerDay: 500},
		Advice: []Advice{
			{
				Code: 530, Enhanced: "5.7.7",
				Say:    "Yandex wants TLS before anything else: use implicit TLS on port 465, or STARTTLS.",
				Source: yandexOAuth,
			},
			{
				Code: 535, Enhanced: "5.7.8",
				Say: "Yandex refuses the credentials: the token needs the permission to send by SMTP (mail:smtp), and the user name is the " +
					"whole address; a password must be an app password, and the account's settings must let mail programs in.",
				Source: yandexOAuth,
			},
			{
				Code: 554, Enhanced: "5.7.1",
				Say: "Yandex takes the message for spam, or the account has sent too much: it takes 500 recipients within 24 hours and 35 in " +
					"one message. Stop for 24 hours, since trying again prolongs a block.",
				Source: yandexLimits,
			},
		},
		Unverified: []string{"OtherAddrs"},
	}
}
