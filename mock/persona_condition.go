package mock

import (
	"slices"
	"strconv"
	"strings"
)

// A Condition is something about an account, or about the service on a bad day,
// that makes the service refuse. Those of accounts show when the credentials are
// good: they look like a sign-in that failed, and no other token helps.
type Condition int

// Conditions of [Gmail], and of the relay of Google Workspace.
const (
	// WebLoginRequired refuses each sign-in with 534 5.7.9 until the user has
	// signed in with a browser.
	WebLoginRequired Condition = iota + 1
	// AppPasswordRequired refuses passwords with 534 5.7.9, as for accounts with
	// 2-step verification.
	AppPasswordRequired
	// TooManySignIns refuses each sign-in with 454 4.7.0.
	TooManySignIns
	// SignInUnavailable refuses each sign-in with 454 4.7.0, as during an outage.
	SignInUnavailable
	// TryAgainLater turns each connection away with 421 4.7.0.
	TryAgainLater
)

// Conditions of [Microsoft365], of its other clouds, and of Outlook.com.
const (
	// SMTPAuthDisabled: SMTP AUTH is off for the tenant, 535 5.7.139.
	SMTPAuthDisabled Condition = iota + 101
	// SMTPAuthDisabledForMailbox: it is off for this mailbox, 535 5.7.139.
	SMTPAuthDisabledForMailbox
	// SecurityDefaults forbid SMTP AUTH, 535 5.7.139.
	SecurityDefaults
	// AccessPolicy: Conditional Access forbids this sign-in, 535 5.7.139.
	AccessPolicy
	// BasicAuthDisabled refuses passwords with 535 5.7.139.
	BasicAuthDisabled
	// BasicAuthRemoved refuses passwords with 550 5.7.30.
	BasicAuthRemoved
	// ServiceNotActive turns each connection away with 421 4.3.2.
	ServiceNotActive
	// TooManySubmissions refuses each message with 432 4.3.2.
	TooManySubmissions
	// MailboxLogonFailed refuses each message with 430 4.2.0, which looks
	// temporary: the application has no access to the mailbox.
	MailboxLogonFailed
	// SendAsDenied refuses, with 550 5.2.252, messages from anybody but the mailbox
	// that signed in.
	SendAsDenied
	// SenderNotPermitted refuses such senders at MAIL, with 550 5.7.60.
	SenderNotPermitted
	// MailboxFull refuses each message with 554 5.2.2.
	MailboxFull
)

// conditionNames are the names for people, by condition.
func conditionNames() map[Condition]string {
	return map[Condition]string{
		WebLoginRequired: "WebLoginRequired", AppPasswordRequired: "AppPasswordRequired",
		TooManySignIns: "TooManySignIns", SignInUnavailable: "SignInUnavailable", TryAgainLater: "TryAgainLater",
		SMTPAuthDisabled: "SMTPAuthDisabled", SMTPAuthDisabledForMailbox: "SMTPAuthDisabledForMailbox",
		SecurityDefaults: "SecurityDefaults", AccessPolicy: "AccessPolicy",
		BasicAuthDisabled: "BasicAuthDisabled", BasicAuthRemoved: "BasicAuthRemoved",
		ServiceNotActive: "ServiceNotActive", TooManySubmissions: "TooManySubmissions",
		MailboxLogonFailed: "MailboxLogonFailed", SendAsDenied: "SendAsDenied",
		SenderNotPermitted: "SenderNotPermitted", MailboxFull: "MailboxFull",
	}
}

func (c Condition) String() string {
	if name := conditionNames()[c]; name != "" {
		return name
	}
	return "Condition(" + strconv.Itoa(int(c)) + ")"
}

// PossibleConditions returns the conditions that the service of these options
// knows, in their order: none unless they are of a service of Google's or
// Microsoft's.
func (o Options) PossibleConditions() []Condition {
	var list []Condition
	for c := range conditionNames() {
		if o.persona == nil {
			break
		}
		if _, known := o.persona.condition(c); known {
			list = append(list, c)
		}
	}
	slices.Sort(list)
	return list
}

// A row is where a condition shows, for whom, and what the service answers.
type row struct {
	point  string
	only   func(s *session, who signIn) bool // nil: always
	answer reply
}

// condition returns the refusal that a condition makes at a point, nil if none
// does. who has signed in, or is about to.
func (o *Options) condition(point string, s *session, who signIn) *reply {
	for _, c := range o.Conditions {
		row, known := o.persona.condition(c)
		if !known || row.point != point || row.only != nil && !row.only(s, who) {
			continue
		}
		r := row.answer
		if r.code == 421 {
			r.then = s.end
		}
		return &r
	}
	return nil
}

// byPassword reports whether somebody signs in by a password.
func byPassword(_ *session, who signIn) bool {
	return who.mechanism != "XOAUTH2" && who.mechanism != "OAUTHBEARER"
}

// asAnother reports whether the message is from somebody else than the account.
// At MAIL there is no transaction yet, and the command tells.
func asAnother(s *session, who signIn) bool {
	from := ""
	if s.tx != nil {
		from = s.tx.from
	} else if _, argument, found := strings.Cut(strings.TrimRight(string(s.line), "\r\n"), " "); found {
		from, _, _ = cutPath(argument, "FROM:")
	}
	return !strings.EqualFold(from, who.user)
}
