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
	gmail, microsoft := profile.Gmail(), profile.Microsoft365()
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
