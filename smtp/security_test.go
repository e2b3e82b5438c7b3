package smtp_test

import (
	"crypto/tls"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

func TestStrippedSTARTTLS(t *testing.T) {
	for name, o := range map[string]mock.Options{
		"not offered":          {TLS: mock.NoTLS, InsecureAuth: true},
		"not offered, no AUTH": {TLS: mock.NoTLS},
		"refused for now":      {InsecureAuth: true, Faults: []mock.Fault{mock.At("STARTTLS").Do(mock.Reply(454, "4.7.0", "no"))}},
		"refused":              {InsecureAuth: true, Faults: []mock.Fault{mock.At("STARTTLS").Do(mock.Reply(502, "5.5.1", "no"))}},
		"answered 250":         {InsecureAuth: true, Faults: []mock.Fault{mock.At("STARTTLS").Do(mock.Reply(250, "2.0.0", "ok"), mock.Stall())}},
		"EHLO refused":         {InsecureAuth: true, Faults: []mock.Fault{mock.At("EHLO").Do(mock.Reply(502, "5.5.1", "no"))}},
		"capability gone":      {InsecureAuth: true, Capabilities: mock.Capabilities{Plain: []string{"AUTH PLAIN XOAUTH2"}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o.Network, o.Directory = mock.InMemory, accept(short)
				s := mock.Start(t, o)
				_, err := smtp.Send(t.Context(), config(s, sasl.OAuth(user, sasl.StaticToken(short))), envelope, message)
				if err == nil {
					t.Error("no error")
				}
				if strings.HasPrefix(name, "not offered") && (!errors.Is(err, smtp.ErrTLSRequired) || smtp.Classify(err) != smtp.Local) {
					t.Errorf("got %v", err)
				}
				if name == "refused for now" && smtp.Classify(err) != smtp.Temporary {
					t.Errorf("%v is %v", err, smtp.Classify(err))
				}
				synctest.Wait()
				said := lines(only(t, s))
				for _, verb := range []string{"AUTH", "MAIL", "RCPT", "HELO"} {
					if strings.Contains(said, verb) {
						t.Errorf("client said %q", said)
					}
				}
			})
		})
	}
}

// Octets in clear behind the 220 were not sent by the holder of the key.
func TestInjectionBehindSTARTTLS(t *testing.T) {
	for name, octets := range map[string]string{"reply": "250-evil\r\n250 AUTH PLAIN\r\n", "fragment": "250-SIZE "} {
		t.Run(name, func(t *testing.T) {
			s := mock.Start(t, mock.Options{
				Network: mock.InMemory, Directory: accept(short),
				Faults: []mock.Fault{mock.At("STARTTLS").Do(mock.InjectAfter220([]byte(octets)))},
			})
			_, err := smtp.Send(t.Context(), config(s, sasl.OAuth(user, sasl.StaticToken(short))), envelope, message)
			if !errors.Is(err, smtp.ErrProtocol) || len(s.Auths()) != 0 {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestBadCertificate(t *testing.T) {
	for _, kind := range []mock.Certificate{mock.Expired, mock.WrongName, mock.SelfSigned, mock.UnknownCA} {
		for _, mode := range []mock.TLSMode{mock.STARTTLS, mock.ImplicitTLS} {
			s := mock.Start(t, mock.Options{Network: mock.InMemory, TLS: mode, Certificate: kind, Directory: accept(short)})
			_, err := smtp.Send(t.Context(), config(s, sasl.OAuth(user, sasl.StaticToken(short))), envelope, message)
			var certificate *tls.CertificateVerificationError
			if !errors.As(err, &certificate) || smtp.Classify(err) != smtp.Local || len(s.Auths()) != 0 {
				t.Errorf("%v, %v: got %v", kind, mode, err)
			}
		}
	}
}

// InsecureSkipVerify encrypts, but to whom nobody knows.
func TestUnverifiedTLSKeepsSecrets(t *testing.T) {
	s := mock.Start(t, mock.Options{Network: mock.InMemory, Certificate: mock.SelfSigned, Directory: accept(short)})
	a := sasl.OAuth(user, sasl.StaticToken(short))
	cfg := config(s, a)
	cfg.TLSConfig = &tls.Config{InsecureSkipVerify: true}
	_, err := smtp.Send(t.Context(), cfg, envelope, message)
	if !errors.Is(err, sasl.ErrInsecure) || !strings.Contains(err.Error(), "not verified") || len(s.Auths()) != 0 {
		t.Errorf("got %v, %d AUTH", err, len(s.Auths()))
	}

	// Somebody who says so may.
	insecure := sasl.OAuth(user, sasl.StaticToken(short))
	insecure.Policy.InsecureUnverifiedTLS = true
	cfg.Auth = insecure
	if _, err := smtp.Send(t.Context(), cfg, envelope, message); err != nil {
		t.Errorf("InsecureUnverifiedTLS: %v", err)
	}

	// So may somebody who verifies in another way.
	cfg.Auth = a
	cfg.TLSConfig = &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(tls.ConnectionState) error { return nil }}
	if _, err := smtp.Send(t.Context(), cfg, envelope, message); err != nil {
		t.Errorf("VerifyConnection: %v", err)
	}
}

func TestPlaintext(t *testing.T) {
	s := mock.Start(t, mock.Options{TLS: mock.NoTLS, InsecureAuth: true, Users: map[string]string{user: "pencil"}, Mechanisms: []string{"PLAIN"}})
	cfg := smtp.Config{Addr: s.Addr(), TLS: smtp.InsecureNoTLS, Auth: sasl.Password(user, "pencil")}
	res, err := smtp.Send(t.Context(), cfg, envelope, message)
	if err != nil || res.TLS != nil {
		t.Errorf("loopback: %v", err)
	}

	cfg.DialContext = s.Dial // may be a proxy, so it is no loopback
	if _, err := smtp.Send(t.Context(), cfg, envelope, message); !errors.Is(err, sasl.ErrInsecure) {
		t.Errorf("custom dialer: %v", err)
	}
	cfg.TLS = smtp.InsecureOpportunistic
	if _, err := smtp.Send(t.Context(), cfg, envelope, message); !errors.Is(err, sasl.ErrInsecure) {
		t.Errorf("opportunistic: %v", err)
	}
	if n := len(s.Auths()); n != 1 {
		t.Errorf("%d AUTH; want 1", n)
	}
	cfg.Auth.Policy.InsecurePlaintext = true
	if _, err := smtp.Send(t.Context(), cfg, envelope, message); err != nil {
		t.Errorf("InsecurePlaintext: %v", err)
	}
}

func TestHELOWhereNothingDependsOnEHLO(t *testing.T) {
	s := mock.Start(t, mock.Options{
		Network: mock.InMemory, TLS: mock.NoTLS,
		Faults: []mock.Fault{mock.At("EHLO").Do(mock.Reply(502, "5.5.1", "what?"))},
	})
	cfg := config(s, nil)
	cfg.TLS = smtp.InsecureOpportunistic
	if _, err := smtp.Send(t.Context(), cfg, envelope, message); err != nil {
		t.Error(err)
	}
	if m := s.Messages(); len(m) != 1 || len(m[0].Parameters) != 0 {
		t.Errorf("server has %+v", m)
	}
}

// A secret shows nowhere, whatever goes wrong and wherever.
func TestSecretsStayHidden(t *testing.T) {
	const token = "ya29.Zk3-vN8qPw_2rT6yLx0-hidden-Jd7Gf5"
	faults := map[string][]mock.Fault{
		"accepted":             nil,
		"AUTH refused":         {mock.At("AUTH").Do(mock.Reply(535, "5.7.8", "no"))},
		"AUTH unsupported":     {mock.At("AUTH").Do(mock.Reply(504, "5.5.4", "no"))},
		"AUTH dropped":         {mock.At("AUTH").Do(mock.Drop())},
		"AUTH garbage":         {mock.At("AUTH").Do(mock.Raw([]byte("hello\r\n")))},
		"AUTH challenge":       {mock.At("AUTH").Do(mock.Raw([]byte("334 eyJzdGF0dXMiOiI0MDEifQ==\r\n")))},
		"AUTH 250":             {mock.At("AUTH").Do(mock.Reply(250, "2.0.0", "ok"))},
		"response dropped":     {mock.At("AUTH").Do(mock.Raw([]byte("334 eyJzdGF0dXMiOiI0MDEifQ==\r\n"))), mock.At("AUTH/2").Do(mock.Drop())},
		"malformed challenge":  {mock.At("AUTH").Do(mock.Raw([]byte("334 !!!\r\n")))},
		"235 after challenge":  {mock.At("AUTH").Do(mock.Raw([]byte("334 eyJzdGF0dXMiOiI0MDEifQ==\r\n"))), mock.At("AUTH/2").Do(mock.Reply(235, "2.7.0", "ok"))},
		"MAIL refused":         {mock.At("MAIL").Do(mock.Reply(550, "5.7.1", "no"))},
		"dropped at the end":   {mock.At("EOD").Do(mock.Drop())},
		"unknown to STARTTLS":  {mock.At("STARTTLS").Do(mock.Reply(500, "5.5.1", "no"))},
		"dropped at the start": {mock.At("CONNECT").Do(mock.Drop())},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			s := mock.Start(t, mock.Options{Network: mock.InMemory, Directory: accept(token), Faults: fault})
			log, logged := logger()
			a := sasl.OAuth(user, sasl.StaticToken(token))
			cfg := config(s, a)
			cfg.Logger = log
			c, err := smtp.Dial(t.Context(), cfg)
			var res *smtp.Result
			if err == nil {
				res, err = c.Send(t.Context(), envelope, message)
				c.Close()
			}
			if (err == nil) != (name == "accepted") {
				t.Errorf("got %v", err)
			}
			for _, e := range tree(err) {
				scan(t, token, e)
			}
			scan(t, token, cfg, &cfg, a, a.Credentials, c, res, logged.String(), s.Transcript().String())
			if !strings.Contains(logged.String(), "smtp command") && fault == nil {
				t.Error("nothing was logged")
			}
		})
	}
}
