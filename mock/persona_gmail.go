package mock

import "strings"

// What the service answers is from
//
//	https://support.google.com/a/answer/3726730 (codes and texts of SMTP errors)
//	https://developers.google.com/workspace/gmail/imap/xoauth2-protocol (sign-in)
//	https://github.com/simonrob/email-oauth2-proxy/issues/287 (capabilities, their order)
//	https://github.com/eclipse-ee4j/angus-mail/issues/201 (an AUTH line that is too long)
//
// The last word of its replies names a session there; here it is "mock".
const gmailMark = " mock - gsmtp"

// gmailVoice gives a reply the words of smtp.gmail.com.
func gmailVoice(s *session, point string, r reply) reply {
	lines := func(code int, enhanced string, text ...string) reply {
		text[len(text)-1] += gmailMark
		return reply{code, enhanced, text, r.then}
	}
	switch {
	case point == "CONNECT" && r.code == 220: // xoauth2-protocol
		return lines(220, "", s.srv.opts.Hostname+" ESMTP")
	case point == "EHLO" && r.code == 250: // xoauth2-protocol
		return r.beginning(s.srv.opts.Hostname + " at your service, [127.0.0.1]")
	case strings.HasPrefix(point, "AUTH"):
		return gmailSignIn(r, lines)
	case r.code == 530 && r.enhanced == "5.7.0" && s.tls == nil: // answer/3726730
		return lines(530, "5.7.0", "Must issue a STARTTLS command first.")
	case r.code == 530: // answer/3726730: to MAIL without a sign-in
		return lines(530, "5.7.0", "Authentication Required. For more information, go to", "https://support.google.com/mail/?p=WantAuthError")
	case point == "EOD" && r.code == 250:
		return lines(250, "2.0.0", "OK "+strings.TrimPrefix(r.first(), "Queued as "))
	case (point == "MAIL" || point == "RCPT") && r.code == 250:
		return lines(250, r.enhanced, "OK")
	case point == "DATA" && r.code == 354:
		return lines(354, "", "Go ahead")
	case point == "MAIL" && r.code == 451 && r.enhanced == "4.3.2": // answer/3726730: too many connections
		r.then = s.end
		return lines(421, "4.7.0", "Try again later, closing connection.")
	case point == "QUIT" && r.code == 221:
		return lines(221, "2.0.0", "closing connection")
	}
	return r
}

// gmailSignIn is what the service answers to AUTH.
func gmailSignIn(r reply, lines func(int, string, ...string) reply) reply {
	switch {
	case r.code == 235: // xoauth2-protocol
		r.lines = []string{"Accepted"}
	case r.code == 500 && r.enhanced == "5.5.6": // angus-mail/issues/201: the line was too long
		return lines(555, "5.5.2", "Syntax error, command line too long")
	case r.code == 504: // answer/3726730
		return lines(504, "5.7.4", "Unrecognized Authentication Type")
	case r.code == 535: // answer/3726730: for passwords too
		return reply{535, "5.7.8", []string{
			"Username and Password not accepted. For more information, go to",
			"https://support.google.com/mail/?p=BadCredentials" + gmailMark,
		}, r.then}
	case r.code == 454 && strings.HasPrefix(r.first(), "Too many sign-ins"): // answer/3726730
		return lines(454, "4.7.0", "Too many login attempts, please try again later.")
	}
	return r
}

// gmailCondition returns where a condition shows and what the service answers.
func gmailCondition(c Condition) (row, bool) {
	switch c {
	case WebLoginRequired: // https://support.google.com/a/answer/3726730
		return row{"AUTH", nil, reply{534, "5.7.9", []string{
			"Please log in with your web browser and then try again. For more",
			"information, go to https://support.google.com/mail/?p=WebLoginRequired" + gmailMark,
		}, nil}}, true
	case AppPasswordRequired: // https://support.google.com/mail/answer/7126229
		return row{"AUTH", byPassword, reply{534, "5.7.9", []string{
			"Application-specific password required. For more information, go to",
			"https://support.google.com/mail/?p=InvalidSecondFactor" + gmailMark,
		}, nil}}, true
	case TooManySignIns: // https://support.google.com/a/answer/3726730
		return row{"AUTH", nil, reply{454, "4.7.0", []string{"Too many login attempts, please try again later." + gmailMark}, nil}}, true
	case SignInUnavailable: // https://support.google.com/a/answer/3726730
		return row{"AUTH", nil, reply{454, "4.7.0", []string{"Cannot authenticate due to a temporary system problem. Try again later." + gmailMark}, nil}}, true
	case TryAgainLater: // https://support.google.com/a/answer/3726730
		return row{"CONNECT", nil, reply{421, "4.7.0", []string{"Try again later, closing connection." + gmailMark}, nil}}, true
	}
	return row{}, false
}
