package profile

import "strings"

// An Advice is one row of a table from replies to advice. A zero Code, Enhanced
// or Text matches anything.
type Advice struct {
	Code     int    // reply code; 334 stands for an OAuth error challenge
	Enhanced string // enhanced status code (RFC 3463), such as "5.7.8"
	Text     string // part of the reply's text, in any case

	Say    string // what to do about it, in one or two sentences
	Source string // URL of the page that documents the reply
}

func (a *Advice) matches(code int, enhanced, text string) bool {
	return (a.Code == 0 || a.Code == code) &&
		(a.Enhanced == "" || a.Enhanced == enhanced) &&
		strings.Contains(strings.ToLower(text), strings.ToLower(a.Text))
}

// Advise returns what a reply of the server means and what to do about it, "" if
// there is nothing to say. enhanced is the enhanced status code, "" if the reply
// has none; text is the rest of the reply, all its lines. Code 334 asks about
// the error challenge of XOAUTH2 and OAUTHBEARER, with the decoded challenge as
// text.
//
// What the profile does not know is answered by the standards, and so is
// everything if p is nil. The advice holds nothing that the server said.
func (p *Profile) Advise(code int, enhanced, text string) string {
	if p != nil {
		if say := advise(p.Advice, code, enhanced, text); say != "" {
			return say
		}
	}
	return advise(general(), code, enhanced, text)
}

func advise(rows []Advice, code int, enhanced, text string) string {
	for i := range rows {
		if rows[i].matches(code, enhanced, text) {
			return rows[i].Say
		}
	}
	return ""
}

// Pages that document replies which more than one server gives.
const (
	sourceAuth      = "https://www.rfc-editor.org/rfc/rfc4954#section-6"
	sourceOAuth     = "https://www.rfc-editor.org/rfc/rfc7628#section-3.2.2"
	sourceSMTP      = "https://www.rfc-editor.org/rfc/rfc5321#section-4.2.3"
	sourceStartTLS  = "https://www.rfc-editor.org/rfc/rfc3207#section-4"
	sourceEnhanced  = "https://www.rfc-editor.org/rfc/rfc3463"
	sourceLineLimit = "https://www.rfc-editor.org/rfc/rfc4954#section-4"
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
			Code: 554, Enhanced: "5.3.4",
			Say:    "The message is larger than the server takes: send less, or share large attachments by other means.",
			Source: sourceEnhanced,
		},
	}
}
