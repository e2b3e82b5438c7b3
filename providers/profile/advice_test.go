package profile_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/providers/profile"
)

// TestEveryRowIsReachable shows that no row stands in the shadow of one before
// it, and that each says something a person can use.
func TestEveryRowIsReachable(t *testing.T) {
	check := func(name string, p *profile.Profile, rows []profile.Advice) {
		t.Run(name, func(t *testing.T) {
			for i, row := range rows {
				code := row.Code
				if code == 0 {
					code = 550
				}
				if got := p.Advise(code, row.Enhanced, "x "+row.Text+" y"); got != row.Say {
					t.Errorf("row %d (%d %s %q) is never reached:\n got %q\nwant %q", i, row.Code, row.Enhanced, row.Text, got, row.Say)
				}
				wantSentence(t, row.Say)
				wantHTTPS(t, row.Source)
				if row.Code == 0 && row.Enhanced == "" {
					t.Errorf("row %d matches any code", i)
				}
			}
		})
	}
	check("general", nil, profile.General())
	for _, p := range profile.All() {
		check(p.Slug, p, p.Advice)
	}
}

// secret matches the beginnings of Google's and Microsoft's tokens, and anything
// long enough to be one.
var secret = regexp.MustCompile(`ya29\.|1//0|GOCSPX|eyJ|[A-Za-z0-9_+=-]{40,}`)

func wantSentence(t *testing.T, s string) {
	t.Helper()
	if len(s) < 20 || !strings.HasSuffix(s, ".") || strings.ContainsAny(s, "\r\n\t") || secret.MatchString(s) {
		t.Errorf("%q is no advice", s)
	}
}

// TestAdvise replays replies as the servers give them.
func TestAdvise(t *testing.T) {
	var unknown *profile.Profile
	gmail, relay, microsoft := profile.Gmail(), profile.GmailRelay(), profile.Microsoft365()
	tests := []struct {
		name           string
		profile        *profile.Profile
		code           int
		enhanced, text string
		want           string // part of the advice; "" means none
	}{
		{"gmail: scope or mailbox", gmail, 334, "", `{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}`, "lacks the scope"},
		{"gmail: expired", gmail, 334, "", `{"status":"401","schemes":"bearer mac","scope":"https://mail.google.com/"}`, "expired or was revoked"},
		{"gmail: refused", gmail, 535, "5.7.8", "Username and Password not accepted. For more information, go to\nhttps://support.google.com/mail/?p=BadCredentials", "must have the scope"},
		{"gmail: password with 2-step verification", gmail, 534, "5.7.9", "Application-specific password required.", "2-step verification"},
		{"gmail: web login", gmail, 534, "5.7.9", "Please log in with your web browser and then try again. WebLoginRequired", "with a browser"},
		{"gmail: login rate", gmail, 454, "4.7.0", "Too many login attempts, please try again later.", "how often"},
		{"gmail: system problem", gmail, 454, "4.7.0", "Cannot authenticate due to a temporary system problem.", "at the moment"},
		{"gmail: back-pressure", gmail, 421, "4.7.0", "Try again later, closing connection.", "lower rate"},
		{"gmail: STARTTLS first", gmail, 530, "5.7.0", "Must issue a STARTTLS command first", "wants TLS first"},
		{"gmail: no sign-in", gmail, 530, "5.7.0", "Authentication Required.", "wants a sign-in"},

		{"microsoft: catch-all", microsoft, 535, "5.7.3", "Authentication unsuccessful [XX0P000CA0000.EURP000.PROD.OUTLOOK.COM]", "New-ServicePrincipal"},
		{"microsoft: tenant", microsoft, 535, "5.7.139", "Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled", "whole organization"},
		{"microsoft: mailbox", microsoft, 535, "5.7.139", "Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox.", "for this mailbox: an administrator"},
		{"microsoft: security defaults", microsoft, 535, "5.7.139", "Authentication unsuccessful, user is locked by your organization's security defaults policy.", "security defaults forbid"},
		{"microsoft: policy", microsoft, 535, "5.7.139", "Authentication unsuccessful, the request did not meet the criteria to be authenticated successfully.", "sign-in log"},
		{"microsoft: password", microsoft, 535, "5.7.139", "Authentication unsuccessful, basic authentication is disabled.", "takes no password"},
		{"microsoft: another policy", microsoft, 535, "5.7.139", "Authentication unsuccessful.", "whatever the token"},
		{"microsoft: password at submission", microsoft, 550, "5.7.30", "Basic authentication is not supported for Client Submission.", "takes no password"},
		{"microsoft: not signed in", microsoft, 530, "5.7.57", "Client not authenticated to send mail.", "reply to AUTH"},
		{"microsoft: throttled", microsoft, 432, "4.3.2", "Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending", "at most three connections"},
		{"microsoft: throttled in other words", microsoft, 432, "4.3.2", "STOREDRV.ClientSubmit; sender thread limit exceeded", "at most three connections"},
		{"microsoft: maintenance", microsoft, 421, "4.3.2", "Service not active", "new connection"},
		{"microsoft: no access to the mailbox", microsoft, 430, "4.2.0", "STOREDRV; mailbox logon failure; failure category: TransientFailure; MapiExceptionLogonFailed", "FullAccess"},
		{"microsoft: send as", microsoft, 550, "5.2.252", "SendAsDenied; a@example.com not allowed to send as b@example.com", "Send As"},
		{"microsoft: send as, old form", microsoft, 554, "5.2.0", "STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied", "Send As"},
		{"microsoft: send as at MAIL", microsoft, 550, "5.7.60", "SMTP; Client does not have permissions to send as this sender", "Send As"},
		{"microsoft: full", microsoft, 554, "5.2.2", "mailbox full", "Sent Items"},
		{"microsoft: mechanism", microsoft, 504, "5.7.4", "Unrecognized authentication type", "does not run this mechanism"},

		{"gmail: day is over", gmail, 550, "5.4.5", "Daily user sending limit exceeded.", "24 hours"},
		{"relay: unknown machine", relay, 550, "5.7.1", "Invalid credentials for relay [192.0.2.1]. The IP address you've registered in your Workspace SMTP Relay service doesn't match", "registers this machine"},
		{"relay: day is over", relay, 550, "5.7.1", "Daily SMTP relay limit exceeded for customer.", "within a day"},
		{"relay: peak", relay, 450, "4.2.1", "Peak SMTP relay limit exceeded for customer.", "ten minutes"},
		{"relay: a token", relay, 535, "5.7.8", "Username and Password not accepted.", "no access tokens"},
		{"relay: back-pressure", relay, 421, "4.7.0", "Try again later, closing connection.", "lower rate"},
		{"relay: too many recipients", relay, 452, "4.5.3", "Your message has too many recipients.", "another one"},
		{"china: catch-all", profile.Microsoft365China(), 535, "5.7.3", "Authentication unsuccessful", "https://partner.outlook.cn/.default"},
		{"DoD: throttled", profile.Microsoft365DoD(), 432, "4.3.2", "Concurrent connections limit exceeded.", "at most three connections"},
		{"outlook.com: catch-all", profile.Outlook(), 535, "5.7.3", "Authentication unsuccessful", "personal account"},
		{"outlook.com: password", profile.Outlook(), 535, "5.7.139", "Authentication unsuccessful, basic authentication is disabled.", "takes no password"},
		{"outlook.com: blocked", profile.Outlook(), 535, "5.7.139", "Authentication unsuccessful.", "with a browser"},
		{"yahoo: refused", profile.Yahoo(), 535, "5.7.0", "(#MBR1212) Incorrect username or password.", "mail-w"},
		{"yahoo: too many sign-ins", profile.Yahoo(), 535, "5.7.0", "(#AUTH005) Too many bad auth attempts.", "stop for a while"},
		{"AOL: token", profile.AOL(), 334, "", `{"status":"invalid_token"}`, "expired"},
		{"fastmail: refused", profile.Fastmail(), 535, "5.7.0", "Incorrect username or password", "app password"},
		{"zoho: refused", profile.Zoho(), 535, "", "Authentication Failed", "data center"},
		{"zoho: another sender", profile.Zoho(), 553, "", "Relaying disallowed as someone@example.com", "address or an alias"},
		{"yandex: refused", profile.Yandex(), 535, "5.7.8", "Error: authentication failed: Invalid user or password!", "mail:smtp"},
		{"yandex: no TLS", profile.Yandex(), 530, "5.7.7", "Email sending without SSL/TLS encryption is not allowed.", "wants TLS"},
		{"yandex: spam", profile.Yandex(), 554, "5.7.1", "Message rejected under suspicion of SPAM", "prolongs a block"},
		{"icloud: refused", profile.ICloud(), 535, "5.7.8", "Error: authentication failed", "app-specific"},
		{"icloud: day is over", profile.ICloud(), 550, "5.7.1", "you@icloud.com: You have exceeded your daily sending limit.", "1000"},
		{"any: as nobody", profile.Any(), 535, "5.7.8", "no", "check the user name"},

		{"unknown: mechanism refused for now", unknown, 454, "4.7.0", "unknown mechanism", "does not run this mechanism"},
		{"unknown: mechanism invalid", unknown, 535, "5.7.8", "Error: authentication failed: Invalid authentication mechanism", "does not run this mechanism"},
		{"unknown: no mechanism", unknown, 535, "5.7.8", "Error: authentication failed: no mechanism available", "does not run this mechanism"},
		{"unknown: unable to check", unknown, 535, "5.7.8", "Error: authentication failed: (reason unavailable)", "unable to check"},
		{"unknown: TLS first", unknown, 523, "5.7.10", "TLS is required", "wants TLS"},
		{"unknown: too many errors", unknown, 421, "4.7.0", "mail.example.test Error: too many errors", "refused before"},
		{"unknown: command too long", unknown, 555, "5.5.2", "Syntax error, command line too long", "too long"},
		{"unknown: too many recipients", unknown, 452, "4.5.3", "Too many recipients", "another one"},
		{"unknown: too large", unknown, 552, "5.3.4", "Message size exceeds fixed limit", "larger than"},
		{"unknown: mechanism refused as credentials", unknown, 535, "", "Unrecognized authentication type", "does not run this mechanism"},
		{"unknown: line too long", unknown, 500, "5.5.2", "Line too long.", "too long"},
		{"unknown: token expired", unknown, 334, "", `{"status":"invalid_token"}`, "expired"},
		{"unknown: success", unknown, 250, "2.0.0", "OK", ""},
		{"unknown: nothing standard", unknown, 451, "4.7.1", "Greylisted", ""},
		{"gmail does not speak for others", unknown, 535, "5.7.139", "SmtpClientAuthentication is disabled for the Tenant", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.profile.Advise(tt.code, tt.enhanced, tt.text)
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("Advise(%d, %q, %q) = %q, want %q in it", tt.code, tt.enhanced, tt.text, got, tt.want)
			}
		})
	}
}
