package profile

// Pages that document replies which more than one server gives.
const (
	sourceAuth      = "https://www.rfc-editor.org/rfc/rfc4954#section-6"
	sourceOAuth     = "https://www.rfc-editor.org/rfc/rfc7628#section-3.2.2"
	sourceSMTP      = "https://www.rfc-editor.org/rfc/rfc5321#section-4.2.3"
	sourceStartTLS  = "https://www.rfc-editor.org/rfc/rfc3207#section-4"
	sourceEnhanced  = "https://www.rfc-editor.org/rfc/rfc3463"
	sourceLineLimit = "https://www.rfc-editor.org/rfc/rfc4954#section-4"
	sourceSize      = "https://www.rfc-editor.org/rfc/rfc1870#section-6"
	sourceCrowd     = "https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1.10"
)

// general is what replies mean on any server that keeps to the standards.
func general() []Advice {
	return []Advice{
		{
			Code: 334, Text: "insufficient_scope",
			Say:    "The access token lacks the scope that sending mail needs: ask for it when signing in and consent again.",
			Source: sourceOAuth,
		},
		{
			Code: 334, Text: "invalid_token",
			Say:    "The access token has expired or was revoked, or it belongs to another account than the user name says.",
			Source: sourceOAuth,
		},
		{
			Code: 421, Text: "too many errors",
			Say:    "The server closes the connection after too many refused commands: see to what it refused before.",
			Source: sourceSMTP,
		},
		{
			Code:   421,
			Say:    "The server closes the connection for now: wait a minute, then try again with fewer connections.",
			Source: sourceSMTP,
		},
		{
			Code: 432, Enhanced: "4.7.12",
			Say:    "The server wants this account's password changed before it accepts it by this mechanism (RFC 4954 calls it a transition).",
			Source: sourceAuth,
		},
		{
			Code: 452, Enhanced: "4.5.3",
			Say:    "The server takes no more recipients in one message: send it to the others in another one.",
			Source: sourceCrowd,
		},
		{
			Code: 454, Text: "unknown mechanism",
			Say:    "The server does not run this mechanism here: compare what it offers after STARTTLS with what you allow.",
			Source: sourceAuth,
		},
		{
			Code: 454, Enhanced: "4.7.0",
			Say:    "The server cannot check credentials at the moment: nothing is wrong with them as far as it knows. Try again later.",
			Source: sourceAuth,
		},
		{
			Code: 500, Enhanced: "5.5.6",
			Say:    "The token or password is too long for this server: ask for a token with fewer claims or scopes.",
			Source: sourceAuth,
		},
		{
			Code: 500, Text: "too long",
			Say:    "The token or password is too long for this server: ask for a token with fewer claims or scopes.",
			Source: sourceLineLimit,
		},
		{
			Code: 555, Text: "too long",
			Say:    "The token or password is too long for this server: ask for a token with fewer claims or scopes.",
			Source: sourceLineLimit,
		},
		{
			Code: 501, Text: "too long",
			Say:    "The token or password is too long for this server: ask for a token with fewer claims or scopes.",
			Source: sourceLineLimit,
		},
		{
			Code:   504,
			Say:    "The server does not run this mechanism here: compare what it offers after STARTTLS with what you allow.",
			Source: sourceAuth,
		},
		{
			Code: 523, Enhanced: "5.7.10",
			Say:    "The server wants TLS before a sign-in: use STARTTLS, or implicit TLS on port 465.",
			Source: sourceAuth,
		},
		{
			Code: 530, Text: "starttls",
			Say:    "The server wants TLS first: use STARTTLS, or implicit TLS on port 465.",
			Source: sourceStartTLS,
		},
		{
			Code:   530,
			Say:    "The server wants a sign-in before it takes mail: set credentials, or see why the sign-in did not complete.",
			Source: sourceAuth,
		},
		{
			Code: 534, Enhanced: "5.7.9",
			Say:    "The server finds this mechanism too weak for this account: sign in with OAuth 2.0 or with a stronger mechanism.",
			Source: sourceAuth,
		},
		{
			Code: 535, Text: "unrecognized authentication type",
			Say:    "The server does not run this mechanism: compare what it offers after STARTTLS with what you allow.",
			Source: sourceAuth,
		},
		{
			Code: 535, Text: "invalid authentication mechanism",
			Say:    "The server does not run this mechanism: compare what it offers after STARTTLS with what you allow.",
			Source: sourceAuth,
		},
		{
			Code: 535, Text: "no mechanism available",
			Say:    "The server does not run this mechanism: compare what it offers after STARTTLS with what you allow.",
			Source: sourceAuth,
		},
		{
			Code: 535, Text: "reason unavailable",
			Say: "The server refuses the credentials without a reason. It may be unable to check them at the moment: " +
				"see whether the same ones are good later.",
			Source: sourceAuth,
		},
		{
			Code: 535, Enhanced: "5.7.8",
			Say:    "The server refuses the credentials: check the user name and the token or password that go with it.",
			Source: sourceAuth,
		},
		{
			Code: 538, Enhanced: "5.7.11",
			Say:    "The server wants TLS before this mechanism: use STARTTLS, or implicit TLS on port 465.",
			Source: sourceAuth,
		},
		{
			Code: 552, Enhanced: "5.3.4",
			Say:    "The message is larger than the server takes: send less, or share large attachments by other means.",
			Source: sourceSize,
		},
		{
			Code: 554, Enhanced: "5.3.4",
			Say:    "The message is larger than the server takes: send less, or share large attachments by other means.",
			Source: sourceEnhanced,
		},
	}
}
