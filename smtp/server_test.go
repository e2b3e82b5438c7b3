package smtp

import (
	"errors"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/providers/profile"
)

func TestServer(t *testing.T) {
	for _, tt := range []struct {
		name string
		cfg  Config
		want server
	}{
		{"host", Config{Addr: "mx.test"}, server{host: "mx.test", port: 587, mode: STARTTLSRequired}},
		{"host, implicit", Config{Addr: "mx.test", TLS: TLSImplicit}, server{host: "mx.test", port: 465, mode: TLSImplicit}},
		{"host and port", Config{Addr: "mx.test:25"}, server{host: "mx.test", port: 25, mode: STARTTLSRequired}},
		{"port 465", Config{Addr: "mx.test:465"}, server{host: "mx.test", port: 465, mode: TLSImplicit}},
		{"port 465, STARTTLS", Config{Addr: "mx.test:465", TLS: STARTTLSRequired}, server{host: "mx.test", port: 465, mode: STARTTLSRequired}},
		{"no TLS", Config{Addr: "localhost:1025", TLS: InsecureNoTLS}, server{host: "localhost", port: 1025, mode: InsecureNoTLS}},
		{"IPv6", Config{Addr: "::1"}, server{host: "::1", port: 587, mode: STARTTLSRequired}},
		{"IPv6 in brackets", Config{Addr: "[::1]"}, server{host: "::1", port: 587, mode: STARTTLSRequired}},
		{"IPv6 and port", Config{Addr: "[::1]:465"}, server{host: "::1", port: 465, mode: TLSImplicit}},
		{"smtps", Config{Addr: "smtps://mx.test"}, server{host: "mx.test", port: 465, mode: TLSImplicit}},
		{"smtps and port", Config{Addr: "SMTPS://mx.test:9465/"}, server{host: "mx.test", port: 9465, mode: TLSImplicit}},
		{"smtp", Config{Addr: "smtp://[::1]"}, server{host: "::1", port: 587, mode: STARTTLSRequired}},
		{"smtp without TLS", Config{Addr: "smtp://localhost:25", TLS: InsecureNoTLS}, server{host: "localhost", port: 25, mode: InsecureNoTLS}},
		{"LMTP", Config{Addr: "lmtp://mx.test:24"}, server{host: "mx.test", port: 24, mode: STARTTLSRequired, lmtp: true}},
		{"LMTP without TLS", Config{Addr: "lmtp://[::1]:24/", TLS: InsecureNoTLS}, server{host: "::1", port: 24, mode: InsecureNoTLS, lmtp: true}},
		{"socket", Config{Addr: "smtp+unix:///run/mail.sock"}, server{host: "localhost", path: "/run/mail.sock", mode: InsecureNoTLS}},
		{"LMTP socket", Config{Addr: "LMTP+Unix:///run/lmtp", TLS: InsecureNoTLS}, server{host: "localhost", path: "/run/lmtp", mode: InsecureNoTLS, lmtp: true}},
		{"socket with a space", Config{Addr: "lmtp+unix:///run/my%20mail"}, server{host: "localhost", path: "/run/my mail", mode: InsecureNoTLS, lmtp: true}},
		{"profile", Config{Profile: profile.Gmail()}, server{host: "smtp.gmail.com", port: 465, mode: TLSImplicit}},
		{"profile over STARTTLS", Config{Profile: profile.Microsoft365()}, server{host: "smtp.office365.com", port: 587, mode: STARTTLSRequired}},
		{"address before profile", Config{Addr: "mx.test", Profile: profile.Gmail()}, server{host: "mx.test", port: 587, mode: STARTTLSRequired}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := tt.cfg.server(); err != nil || got != tt.want {
				t.Errorf("got %+v, %v; want %+v", got, err, tt.want)
			}
		})
	}
}

func TestServerRefuses(t *testing.T) {
	for _, tt := range []struct {
		name string
		cfg  Config
		says string
	}{
		{"nothing", Config{}, "set Addr or Profile"},
		{"unknown scheme", Config{Addr: "https://mx.test"}, "scheme"},
		{"user info", Config{Addr: "smtps://me:hunter2@mx.test"}, "give them apart from it"},
		{"user info that is no URL", Config{Addr: "smtps://me:hunter2%zz@mx.test"}, "not a URL"},
		{"path", Config{Addr: "smtp://mx.test/hunter2"}, "more than a host"},
		{"query", Config{Addr: "smtp://mx.test?password=hunter2"}, "query or a fragment"},
		{"empty query", Config{Addr: "smtp://mx.test?"}, "query or a fragment"},
		{"fragment", Config{Addr: "smtps://mx.test#hunter2"}, "query or a fragment"},
		{"user info of a socket", Config{Addr: "lmtp+unix://me:hunter2@/run/lmtp"}, "give them apart from it"},
		{"query of a socket", Config{Addr: "lmtp+unix:///run/lmtp?hunter2"}, "query or a fragment"},
		{"socket without a path", Config{Addr: "lmtp+unix://"}, "absolute path"},
		{"socket of the root", Config{Addr: "lmtp+unix:///"}, "absolute path"},
		{"socket with a relative path", Config{Addr: "smtp+unix://run/hunter2"}, "absolute path"},
		{"socket with NUL", Config{Addr: "smtp+unix:///run/%00x"}, "NUL"},
		{"socket with TLS", Config{Addr: "smtp+unix:///run/mail", TLS: STARTTLSRequired}, "contradicts"},
		{"bare path", Config{Addr: "/run/mail.sock"}, "lmtp+unix://"},
		{"unix alone", Config{Addr: "unix:///run/mail.sock"}, "smtp+unix"},
		{"LMTP without a port", Config{Addr: "lmtp://mx.test"}, "without a port"},
		{"LMTP on SMTP's port", Config{Addr: "lmtp://mx.test:25"}, "port 25"},
		{"LMTP with implicit TLS", Config{Addr: "lmtp://mx.test:24", TLS: TLSImplicit}, "contradicts"},
		{"smtps against STARTTLS", Config{Addr: "smtps://mx.test", TLS: STARTTLSRequired}, "contradicts"},
		{"smtps against no TLS", Config{Addr: "smtps://mx.test", TLS: InsecureNoTLS}, "contradicts"},
		{"smtp against implicit TLS", Config{Addr: "smtp://mx.test", TLS: TLSImplicit}, "contradicts"},
		{"smtp with port 465", Config{Addr: "smtp://mx.test:465"}, "use smtps://"},
		{"port 0", Config{Addr: "mx.test:0"}, "port"},
		{"port too high", Config{Addr: "mx.test:65536"}, "port"},
		{"port in words", Config{Addr: "mx.test:submission"}, "port"},
		{"no host", Config{Addr: ":587"}, "no host"},
		{"space", Config{Addr: "mx test:587"}, "character"},
		{"CR LF", Config{Addr: "mx\r\n.test:587"}, "character"},
		{"outside ASCII", Config{Addr: "bücher.test"}, "xn--"},
		{"unknown mode", Config{Addr: "mx.test", TLS: 99}, "TLS mode"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.cfg.Validate()
			if err == nil {
				t.Fatal("no error")
			}
			if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), tt.says) || strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("got %v; want ErrConfig that says %q", err, tt.says)
			}
			if strings.Contains(err.Error(), "Addr") && tt.cfg.Addr != "" {
				t.Errorf("%v names the field, which who gave the address may not know", err)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%v echoes the URL", err)
			}
		})
	}
}

func TestValidateLocalName(t *testing.T) {
	for name, ok := range map[string]bool{
		"client.example.com": true, "[192.0.2.1]": true, "[IPv6:2001:db8::1]": true,
		"x y": false, "x\r\nMAIL FROM:<>": false, "a@b": false, "bücher.test": false, "-x": false,
	} {
		err := Config{Addr: "mx.test", LocalName: name}.Validate()
		if (err == nil) != ok {
			t.Errorf("LocalName %q: %v", name, err)
		}
	}
	if err := (Config{Addr: "mx.test", Timeouts: Timeouts{Command: -1}}).Validate(); !errors.Is(err, ErrConfig) {
		t.Errorf("negative timeout: %v", err)
	}
}
