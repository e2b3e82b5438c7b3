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
		{"host", Config{Addr: "mx.test"}, server{"mx.test", 587, STARTTLSRequired}},
		{"host, implicit", Config{Addr: "mx.test", TLS: TLSImplicit}, server{"mx.test", 465, TLSImplicit}},
		{"host and port", Config{Addr: "mx.test:25"}, server{"mx.test", 25, STARTTLSRequired}},
		{"port 465", Config{Addr: "mx.test:465"}, server{"mx.test", 465, TLSImplicit}},
		{"port 465, STARTTLS", Config{Addr: "mx.test:465", TLS: STARTTLSRequired}, server{"mx.test", 465, STARTTLSRequired}},
		{"no TLS", Config{Addr: "localhost:1025", TLS: InsecureNoTLS}, server{"localhost", 1025, InsecureNoTLS}},
		{"IPv6", Config{Addr: "::1"}, server{"::1", 587, STARTTLSRequired}},
		{"IPv6 in brackets", Config{Addr: "[::1]"}, server{"::1", 587, STARTTLSRequired}},
		{"IPv6 and port", Config{Addr: "[::1]:465"}, server{"::1", 465, TLSImplicit}},
		{"smtps", Config{Addr: "smtps://mx.test"}, server{"mx.test", 465, TLSImplicit}},
		{"smtps and port", Config{Addr: "SMTPS://mx.test:9465/"}, server{"mx.test", 9465, TLSImplicit}},
		{"smtp", Config{Addr: "smtp://[::1]"}, server{"::1", 587, STARTTLSRequired}},
		{"smtp without TLS", Config{Addr: "smtp://localhost:25", TLS: InsecureNoTLS}, server{"localhost", 25, InsecureNoTLS}},
		{"profile", Config{Profile: profile.Gmail()}, server{"smtp.gmail.com", 465, TLSImplicit}},
		{"profile over STARTTLS", Config{Profile: profile.Microsoft365()}, server{"smtp.office365.com", 587, STARTTLSRequired}},
		{"address before profile", Config{Addr: "mx.test", Profile: profile.Gmail()}, server{"mx.test", 587, STARTTLSRequired}},
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
