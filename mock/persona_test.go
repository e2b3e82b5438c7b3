package mock_test

import (
	"crypto/tls"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers/profile"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

const (
	mailbox     = "you@example.test"
	appPassword = "abcd efgh ijkl mnop"
)

// A service is a persona and the profile that clients have of it.
type service struct {
	options func(*mock.Authority, ...mock.Condition) mock.Options
	profile *profile.Profile
	dialect mock.Dialect
}

var (
	gmail     = service{mock.Gmail, profile.Gmail(), mock.GoogleOAuth}
	microsoft = service{mock.Microsoft365, profile.Microsoft365(), mock.MicrosoftOAuth}
)

// open starts the service, with the authority that it believes.
func (s service) open(t *testing.T, change func(*mock.Options), conditions ...mock.Condition) (*mock.Server, *mock.Authority) {
	t.Helper()
	a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory, Dialect: s.dialect})
	o := s.options(a, conditions...)
	o.Network, o.Users = mock.InMemory, map[string]string{mailbox: appPassword}
	if change != nil {
		change(&o)
	}
	return mock.Start(t, o), a
}

// client is our own, with the profile of the service and nothing else.
func (s service) client(srv *mock.Server, auth *sasl.Authenticator) smtp.Config {
	return smtp.Config{Profile: s.profile, DialContext: srv.Dial, TLSConfig: &tls.Config{RootCAs: srv.RootCAs()}, Auth: auth}
}

func tokenOf(a *mock.Authority, user string, scopes ...string) *sasl.Authenticator {
	return sasl.OAuth(mailbox, sasl.StaticToken(a.Issue(user, 0, scopes...).Value.Reveal()))
}

func sendFrom(t *testing.T, cfg smtp.Config, from string) error {
	t.Helper()
	_, err := smtp.Send(t.Context(), cfg, smtp.Envelope{From: from, To: []string{"friend@example.test"}}, smtp.Bytes([]byte("Subject: x\r\n\r\nx\r\n")))
	return err
}

// refusal returns what an error says of the reply and what to do about it.
func refusal(err error) (code int, enhanced, advice string) {
	if auth := new(smtp.AuthError); errors.As(err, &auth) && auth.Reply != nil {
		return auth.Reply.Code, auth.Reply.Enhanced.String(), auth.Advice
	}
	if reply := new(smtp.ReplyError); errors.As(err, &reply) {
		return reply.Reply.Code, reply.Reply.Enhanced.String(), reply.Advice
	}
	return 0, "", ""
}

func TestPersonas(t *testing.T) {
	for _, s := range []service{gmail, microsoft} {
		for _, mode := range []mock.TLSMode{mock.STARTTLS, mock.ImplicitTLS} {
			srv, a := s.open(t, func(o *mock.Options) { o.TLS = mode })
			cfg := s.client(srv, tokenOf(a, mailbox))
			cfg.Addr = srv.URL()
			if err := sendFrom(t, cfg, mailbox); err != nil {
				t.Fatalf("%s: %v", s.profile.Name, err)
			}
			m := srv.Messages()[0]
			offered := "AUTH " + strings.Join(s.profile.Mechanisms, " ")
			if m.Mechanism != "XOAUTH2" || m.User != mailbox || !strings.Contains(srv.Transcript().String(), offered) {
				t.Errorf("%s: message of %q by %s\n%s", s.profile.Name, m.User, m.Mechanism, srv.Transcript())
			}
		}
	}
}

// Each condition is met by our client with the profile of the service: it has
// advice of its own for each, and makes the right class of it.
func TestConditions(t *testing.T) {
	for _, test := range []struct {
		service   service
		condition mock.Condition
		password  bool
		code      int
		enhanced  string
		class     smtp.Class
		advice    string
	}{
		{gmail, mock.WebLoginRequired, false, 534, "5.7.9", smtp.Auth, "with a browser"},
		{gmail, mock.AppPasswordRequired, true, 534, "5.7.9", smtp.Auth, "app password"},
		{gmail, mock.TooManySignIns, false, 454, "4.7.0", smtp.Throttled, "how often this account signs in"},
		{gmail, mock.SignInUnavailable, false, 454, "4.7.0", smtp.Throttled, "cannot check credentials"},
		{gmail, mock.TryAgainLater, false, 421, "4.7.0", smtp.Throttled, "slows this sender"},
		{microsoft, mock.SMTPAuthDisabled, false, 535, "5.7.139", smtp.Auth, "off for the whole organization"},
		{microsoft, mock.SMTPAuthDisabledForMailbox, false, 535, "5.7.139", smtp.Auth, "off for this mailbox"},
		{microsoft, mock.SecurityDefaults, false, 535, "5.7.139", smtp.Auth, "security defaults"},
		{microsoft, mock.AccessPolicy, false, 535, "5.7.139", smtp.Auth, "Conditional Access"},
		{microsoft, mock.BasicAuthDisabled, true, 535, "5.7.139", smtp.Auth, "takes no password"},
		{microsoft, mock.BasicAuthRemoved, true, 550, "5.7.30", smtp.Auth, "takes no password"},
		{microsoft, mock.ServiceNotActive, false, 421, "4.3.2", smtp.Throttled, "maintenance"},
		{microsoft, mock.TooManySubmissions, false, 432, "4.3.2", smtp.Throttled, "at most three connections"},
		{microsoft, mock.MailboxLogonFailed, false, 430, "4.2.0", smtp.Temporary, "may not open the mailbox"},
		{microsoft, mock.SendAsDenied, false, 550, "5.2.252", smtp.Permanent, "Send As"},
		{microsoft, mock.SenderNotPermitted, false, 550, "5.7.60", smtp.Permanent, "Send As"},
		{microsoft, mock.MailboxFull, false, 554, "5.2.2", smtp.Permanent, "mailbox is full"},
	} {
		for _, chunking := range []bool{false, true} {
			srv, a := test.service.open(t, nil, test.condition)
			auth := tokenOf(a, mailbox)
			if test.password {
				auth = sasl.Password(mailbox, appPassword)
				auth.Policy.Order = []string{"LOGIN"}
			}
			cfg := test.service.client(srv, auth)
			cfg.Chunking = chunking
			err := sendFrom(t, cfg, "other@example.test")
			code, enhanced, advice := refusal(err)
			if code != test.code || enhanced != test.enhanced || !strings.Contains(advice, test.advice) {
				t.Errorf("%v, BDAT %v: %d %s, advice %q\n%v", test.condition, chunking, code, enhanced, advice, err)
			}
			if class := smtp.Classify(err); class != test.class {
				t.Errorf("%v, BDAT %v: class %v, want %v: %v", test.condition, chunking, class, test.class, err)
			}
			if len(srv.Messages()) != 0 {
				t.Errorf("%v, BDAT %v: the message was stored", test.condition, chunking)
			}
			for _, auth := range srv.Auths() {
				if auth.Code != 235 && auth.User != "" {
					t.Errorf("%s is signed in by %d", auth.User, auth.Code)
				}
			}
		}
	}
}

// What is wrong with a token shows as the service says it.
func TestPersonaRefusesTokens(t *testing.T) {
	for name, test := range map[string]struct {
		service service
		user    string
		scope   string
		advice  string
	}{
		"Gmail, another scope":     {gmail, mailbox, "https://www.googleapis.com/auth/gmail.send", "gmail.send is not enough"},
		"Gmail, another mailbox":   {gmail, "other@example.test", "https://mail.google.com/", "not the mailbox"},
		"Microsoft, another scope": {microsoft, mailbox, "https://graph.microsoft.com/Mail.Send", "not for Graph"},
	} {
		t.Run(name, func(t *testing.T) {
			srv, a := test.service.open(t, nil)
			err := sendFrom(t, test.service.client(srv, tokenOf(a, test.user, test.scope)), mailbox)
			code, _, advice := refusal(err)
			if code != 535 || !strings.Contains(advice, test.advice) || smtp.Classify(err) != smtp.Auth {
				t.Errorf("%d, advice %q, class %v: %v", code, advice, smtp.Classify(err), err)
			}
		})
	}
}

// SendAsDenied is about other senders only.
func TestOwnSender(t *testing.T) {
	srv, a := microsoft.open(t, nil, mock.SendAsDenied, mock.SenderNotPermitted)
	if err := sendFrom(t, microsoft.client(srv, tokenOf(a, mailbox)), strings.ToUpper(mailbox)); err != nil {
		t.Error(err)
	}
}

// A persona takes what it lists, and nothing else.
func TestPersonaTakesWhatItLists(t *testing.T) {
	for _, test := range []struct {
		service  service
		commands []string
		answers  []string
	}{
		{gmail, []string{
			"AUTH SCRAM-SHA-256 =", "AUTH CRAM-MD5", "AUTH XOAUTH",
			"AUTH PLAIN " + b64("\x00"+mailbox+"\x00"+appPassword),
			"MAIL FROM:<> RET=FULL", "MAIL FROM:<> ENVID=x", "MAIL FROM:<> REQUIRETLS", "MAIL FROM:<> BODY=BINARYMIME",
			"MAIL FROM:<" + mailbox + "> BODY=8BITMIME", "RCPT TO:<a@b.test> NOTIFY=NEVER", "RCPT TO:<a@b.test> ORCPT=rfc822;a@b.test",
		}, []string{
			"504 5.7.4", "504 5.7.4", "504 5.7.4", "235 2.7.0",
			"555 5.5.4", "555 5.5.4", "555 5.5.4", "555 5.5.4", "250 2.1.0", "555 5.5.4", "555 5.5.4",
		}},
		{microsoft, []string{
			"AUTH SCRAM-SHA-256 =", "AUTH PLAIN " + b64("\x00"+mailbox+"\x00"+appPassword), "AUTH OAUTHBEARER =",
			"AUTH LOGIN " + b64(mailbox), b64(appPassword),
			"MAIL FROM:<> REQUIRETLS", "MAIL FROM:<" + mailbox + "> RET=FULL BODY=BINARYMIME", "RCPT TO:<a@b.test> NOTIFY=NEVER",
		}, []string{"504 5.7.4", "504 5.7.4", "504 5.7.4", "334 ", "235 2.7.0", "555 5.5.4", "250 2.1.0", "250 2.1.5"}},
	} {
		t.Run(test.service.profile.Name, func(t *testing.T) {
			srv, _ := test.service.open(t, func(o *mock.Options) { o.TLS = mock.ImplicitTLS })
			c := dial(t, srv)
			c.startTLS(srv)
			c.replies(1)
			c.ask("EHLO client.test\r\n")
			var want []string
			for i, command := range test.commands {
				c.send(command + "\r\n")
				if answer := c.line(); !strings.HasPrefix(answer, test.answers[i]) {
					t.Errorf("%s: %q, want %s", command, answer, test.answers[i])
				}
				if test.answers[i][0] == '5' && command != "AUTH XOAUTH" { // Gmail lists that, and the mock does not have it
					want = append(want, command)
				}
			}
			if got := violations(srv); len(got) != len(want) {
				t.Errorf("violations %q, want one for each of %q", got, want)
			}
		})
	}
}

// A password is refused where nobody has one: the service lists it nevertheless.
func TestPersonaWithoutUsers(t *testing.T) {
	srv, _ := gmail.open(t, func(o *mock.Options) { o.Users = nil })
	c := dial(t, srv)
	c.startTLS(srv)
	c.replies(1)
	c.ask("EHLO client.test\r\n")
	c.send("AUTH PLAIN " + b64("\x00"+mailbox+"\x00"+appPassword) + "\r\n")
	c.expect("535-5.7.8 Username and Password not accepted.")
	if got := violations(srv); len(got) != 0 {
		t.Errorf("violations %q", got)
	}
}

func TestPersonaWords(t *testing.T) {
	srv, _ := gmail.open(t, func(o *mock.Options) { o.TLS = mock.STARTTLS })
	c := dial(t, srv)
	c.dialogue(`
		S: 220 smtp.gmail.com ESMTP mock - gsmtp
		C: MAIL FROM:<a@b.test>
		S: 503 5.5.1 EHLO first
		C: STARTTLS
		S: 220 2.0.0 Ready to start TLS`)
	conn := tls.Client(c.conn, &tls.Config{RootCAs: srv.RootCAs(), ServerName: "smtp.gmail.com"})
	if err := conn.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.conn, c.r = conn, newReader(conn)
	c.send("EHLO x.test\r\n")
	c.expect("250-smtp.gmail.com at your service, [127.0.0.1]\r\n250-SIZE 35882577\r\n250-8BITMIME\r\n250-AUTH LOGIN PLAIN XOAUTH2 PLAIN-CLIENTTOKEN OAUTHBEARER XOAUTH\r\n")
	for strings.HasPrefix(c.line(), "250-") {
	}
	c.send("AUTH XOAUTH2 " + strings.Repeat("A", 1000) + "\r\n")
	c.expect("555 5.5.2 Syntax error, command line too long mock - gsmtp\r\n")
	c.dialogue(`
		C: AUTH XOAUTH
		S: 504 5.7.4 Unrecognized Authentication Type mock - gsmtp
		C: MAIL FROM:<a@b.test>
		S: 530-5.7.0 Authentication Required. For more information, go to
		S: 530 5.7.0 https://support.google.com/mail/?p=WantAuthError mock - gsmtp
		C: QUIT
		S: 221 2.0.0 closing connection mock - gsmtp`)
}

// line reads a line of the server.
func (c *client) line() string {
	c.t.Helper()
	line, err := c.r.ReadString('\n')
	if err != nil {
		c.t.Fatal(err)
	}
	return line
}

func TestLimitConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, a := microsoft.open(t, nil)
		cfg := microsoft.client(srv, tokenOf(a, mailbox))
		var clients []*smtp.Client
		for range 4 {
			c, err := smtp.Dial(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			clients = append(clients, c)
		}
		msg := smtp.Bytes([]byte("Subject: x\r\n\r\nx\r\n"))
		env := smtp.Envelope{From: mailbox, To: []string{"friend@example.test"}}
		_, err := clients[3].Send(t.Context(), env, msg)
		if code, enhanced, advice := refusal(err); code != 432 || enhanced != "4.3.2" || !strings.Contains(advice, "at most three") {
			t.Errorf("fourth connection: %v", err)
		}
		clients[0].Close()
		synctest.Wait() // the server has seen the end
		if _, err := clients[3].Send(t.Context(), env, msg); err != nil {
			t.Errorf("third connection: %v", err)
		}
	})
}

func TestLimitsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, a := gmail.open(t, func(o *mock.Options) {
			o.Limits = mock.Limits{MessagesPerMinute: 2, SignInsPerMinute: 2, SessionAge: 10 * time.Minute}
		})
		cfg := gmail.client(srv, tokenOf(a, mailbox))
		start := time.Now()
		c, err := smtp.Dial(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		msg := smtp.Bytes([]byte("Subject: x\r\n\r\nx\r\n"))
		env := smtp.Envelope{From: mailbox, To: []string{"friend@example.test"}}
		for i, want := range []time.Duration{0, 0, time.Minute} {
			if _, err := c.Send(t.Context(), env, msg); err != nil {
				t.Fatal(err)
			}
			if got := time.Since(start).Truncate(time.Second); got != want {
				t.Errorf("message %d accepted after %v, want %v", i+1, got, want)
			}
		}
		time.Sleep(time.Minute)
		if err := sendFrom(t, cfg, mailbox); err != nil {
			t.Errorf("second sign-in: %v", err)
		}
		if err := sendFrom(t, cfg, mailbox); err != nil {
			t.Errorf("third sign-in, in another minute than the first: %v", err)
		}
		err = sendFrom(t, cfg, mailbox)
		if code, _, advice := refusal(err); code != 454 || !strings.Contains(advice, "how often this account signs in") {
			t.Errorf("sign-in too many: %v", err)
		}
		time.Sleep(10 * time.Minute)
		_, err = c.Send(t.Context(), env, msg)
		if code, enhanced, _ := refusal(err); code != 421 || enhanced != "4.4.2" {
			t.Errorf("old session: %v", err)
		}
		c.Close()
	})
}

func TestConditionErrors(t *testing.T) {
	o := mock.Gmail(nil, mock.MailboxFull)
	if _, err := mock.New(o); err == nil || err.Error() != "mock: Options.Conditions[0]: Gmail has no condition MailboxFull" {
		t.Errorf("%v", err)
	}
	if _, err := mock.New(mock.Options{Conditions: []mock.Condition{mock.MailboxFull}}); err == nil || !strings.Contains(err.Error(), "only the options of Gmail") {
		t.Errorf("%v", err)
	}
	if got := mock.Condition(7000).String(); got != "Condition(7000)" {
		t.Error(got)
	}
	all := append(mock.Gmail(nil).PossibleConditions(), mock.Microsoft365(nil).PossibleConditions()...)
	if len(all) != 17 || !slices.IsSorted(all) || len((mock.Options{}).PossibleConditions()) != 0 {
		t.Errorf("%v", all)
	}
}

func TestListen(t *testing.T) {
	srv := mock.Start(t, mock.Options{Listen: "[::1]:0"})
	if !strings.HasPrefix(srv.Addr(), "[::1]:") {
		t.Errorf("address %s", srv.Addr())
	}
	for _, addr := range []string{"0.0.0.0:2525", ":2525", "192.0.2.1:25", "example.com:25", "127.0.0.1", "127.0.0.1:x"} {
		if _, err := mock.New(mock.Options{Listen: addr}); err == nil || !strings.Contains(err.Error(), "no loopback address") {
			t.Errorf("%s: %v", addr, err)
		}
		if _, err := mock.NewAuthority(mock.AuthorityOptions{Listen: addr}); err == nil || !strings.Contains(err.Error(), "AuthorityOptions.Listen") {
			t.Errorf("authority at %s: %v", addr, err)
		}
	}
}
