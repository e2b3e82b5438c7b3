package mock

import "strings"

// What the service answers is from
//
//	https://learn.microsoft.com/en-us/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth
//	https://learn.microsoft.com/en-us/exchange/clients-and-mobile-in-exchange-online/authenticated-client-smtp-submission
//	https://learn.microsoft.com/en-us/exchange/troubleshoot/send-emails/smtp-submission-improvements
//	https://learn.microsoft.com/en-us/exchange/mail-flow-best-practices/non-delivery-reports-in-exchange-online/non-delivery-reports-in-exchange-online
//	https://learn.microsoft.com/en-us/exchange/clients-and-mobile-in-exchange-online/deprecation-of-basic-authentication-exchange-online
//	https://learn.microsoft.com/en-us/exchange/use-telnet-to-test-smtp-communication-exchange-2013-help
//	https://github.com/simonrob/email-oauth2-proxy/issues/93 (greeting, capabilities)
//	https://github.com/tarickb/sasl-xoauth2/issues/97 (STARTTLS)
//	https://github.com/mikel/mail/issues/1357 (a mechanism that is not offered)
//	https://github.com/glowroot/glowroot/issues/226 (MAIL without a sign-in)
//
// The name in brackets at the end is a machine there; here it is the mock.
const microsoftMark = " [mock.prod.outlook.com]"

// microsoftVoice gives a reply the words of smtp.office365.com.
func microsoftVoice(s *session, point string, r reply) reply {
	one := func(code int, enhanced, text string) reply { return reply{code, enhanced, []string{text}, r.then} }
	switch {
	case point == "CONNECT" && r.code == 220: // email-oauth2-proxy/issues/93
		return one(220, "", s.srv.opts.Hostname+" Microsoft ESMTP MAIL Service ready")
	case point == "EHLO" && r.code == 250: // email-oauth2-proxy/issues/93
		return r.beginning(s.srv.opts.Hostname + " Hello [127.0.0.1]")
	case point == "STARTTLS" && r.code == 220: // sasl-xoauth2/issues/97
		return one(220, "2.0.0", "SMTP server ready")
	case strings.HasPrefix(point, "AUTH") && r.code == 235: // how-to-authenticate
		return one(235, "2.7.0", "Authentication successful")
	case strings.HasPrefix(point, "AUTH") && r.code == 535 && r.enhanced == "5.7.8": // how-to-authenticate; passwords have the same words
		return one(535, "5.7.3", "Authentication unsuccessful"+microsoftMark)
	case strings.HasPrefix(point, "AUTH") && r.code == 504: // mail/issues/1357
		return one(504, "5.7.4", "Unrecognized authentication type"+microsoftMark)
	case point == "MAIL" && r.code == 530 && s.tls != nil: // glowroot/issues/226
		return one(530, "5.7.57", "SMTP; Client was not authenticated to send anonymous mail during MAIL FROM"+microsoftMark)
	case point == "MAIL" && r.code == 451 && r.enhanced == "4.3.2": // smtp-submission-improvements: more than the connections of a mailbox
		return one(432, "4.3.2", "Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more information."+microsoftMark)
	case point == "MAIL" && r.code == 250: // use-telnet
		return one(250, "2.1.0", "Sender OK")
	case point == "RCPT" && r.code == 250: // use-telnet
		return one(250, "2.1.5", "Recipient OK")
	case point == "DATA" && r.code == 354: // use-telnet
		return one(354, "", "Start mail input; end with <CRLF>.<CRLF>")
	case point == "EOD" && r.code == 250: // use-telnet
		return one(250, "2.6.0", "<"+strings.TrimPrefix(r.first(), "Queued as ")+"@mock.prod.outlook.com> Queued mail for delivery")
	case point == "QUIT" && r.code == 221: // use-telnet
		return one(221, "2.0.0", "Service closing transmission channel")
	}
	return r
}

// microsoftCondition returns where a condition shows and what the service
// answers.
func microsoftCondition(c Condition) (row, bool) {
	if r, known := microsoftSignIn(c); known {
		return r, true
	}
	at := func(point string, code int, enhanced, text string) (row, bool) {
		return row{point, nil, reply{code, enhanced, []string{text + microsoftMark}, nil}}, true
	}
	var (
		r     row
		known bool
	)
	switch c {
	case ServiceNotActive: // learn.microsoft.com, smtp-submission-improvements
		return at("CONNECT", 421, "4.3.2", "Service not active")
	case TooManySubmissions: // learn.microsoft.com, smtp-submission-improvements
		return at("EOD", 432, "4.3.2", "STOREDRV.ClientSubmit; sender thread limit exceeded")
	case MailboxLogonFailed: // https://github.com/simonrob/email-oauth2-proxy/issues/271
		return at("EOD", 430, "4.2.0", "STOREDRV; mailbox logon failure; MapiExceptionLogonFailed")
	case SendAsDenied: // learn.microsoft.com, non-delivery reports
		r, known = at("EOD", 550, "5.2.252", "SendAsDenied; the mailbox is not allowed to send as the sender")
	case SenderNotPermitted: // learn.microsoft.com, non-delivery reports
		r, known = at("MAIL", 550, "5.7.60", "SMTP; Client does not have permissions to send as this sender")
	case MailboxFull: // learn.microsoft.com, smtp-submission-improvements
		return at("EOD", 554, "5.2.2", "mailbox full; STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded")
	default:
		return row{}, false
	}
	r.only = asAnother
	return r, known
}

// microsoftSignIn is microsoftCondition for those that show at AUTH.
func microsoftSignIn(c Condition) (row, bool) {
	refused := func(text string) reply {
		return reply{535, "5.7.139", []string{"Authentication unsuccessful, " + text + microsoftMark}, nil}
	}
	switch c {
	case SMTPAuthDisabled: // learn.microsoft.com, authenticated-client-smtp-submission
		return row{"AUTH", nil, refused("SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information.")}, true
	case SMTPAuthDisabledForMailbox: // the same page
		return row{"AUTH", nil, refused("SmtpClientAuthentication is disabled for the Mailbox. Visit https://aka.ms/smtp_auth_disabled for more information.")}, true
	case SecurityDefaults: // the same page
		return row{"AUTH", nil, refused("user is locked by your organization's security defaults policy. Contact your administrator.")}, true
	case AccessPolicy: // the same page
		return row{"AUTH", nil, refused("the request did not meet the criteria to be authenticated successfully. Contact your administrator.")}, true
	case BasicAuthDisabled: // learn.microsoft.com, deprecation-of-basic-authentication-exchange-online
		return row{"AUTH", byPassword, refused("basic authentication is disabled.")}, true
	case BasicAuthRemoved: // the same page
		return row{"AUTH", byPassword, reply{550, "5.7.30", []string{"Basic authentication is not supported for Client Submission." + microsoftMark}, nil}}, true
	}
	return row{}, false
}
