package smtp_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// start returns a server without sign-in and a connection to it.
func start(t *testing.T, o mock.Options) (*mock.Server, *smtp.Client) {
	t.Helper()
	o.Network = mock.InMemory
	s := mock.Start(t, o)
	c, err := smtp.Dial(t.Context(), config(s, nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return s, c
}

var three = smtp.Envelope{From: user, To: []string{"a@x.test", "b@x.test", "c@x.test"}}

func TestPartialAcceptance(t *testing.T) {
	for _, without := range [][]string{nil, {"PIPELINING"}} {
		s, c := start(t, mock.Options{Without: without, Faults: []mock.Fault{
			mock.At("RCPT").Nth(1).Do(mock.Reply(550, "5.1.1", "nobody here")),
			mock.At("RCPT").Nth(3).Do(mock.Reply(451, "4.7.1", "greylisted")),
		}})
		res, err := c.Send(t.Context(), three, message)
		var partial *smtp.PartialError
		if !errors.As(err, &partial) || len(partial.Rejected) != 2 || smtp.Classify(err) != smtp.Partial || smtp.SafeToRetry(err) {
			t.Fatalf("got %v", err)
		}
		if !slices.Equal(res.Accepted, []string{"b@x.test"}) || !slices.Equal(res.Retryable(), []string{"c@x.test"}) || res.Reply.Code != 250 || res.QueueID == "" {
			t.Errorf("got %+v", res)
		}
		if r := res.Rejected[0]; r.Recipient != "a@x.test" || r.Err.Reply.Enhanced != (smtp.EnhancedCode{5, 1, 1}) {
			t.Errorf("got %+v", r)
		}
		if m := s.Messages(); len(m) != 1 || !slices.Equal(m[0].To, res.Accepted) {
			t.Errorf("server has %+v", m)
		}
	}
}

func TestAllRecipientsRefused(t *testing.T) {
	refuse := mock.At("RCPT").Do(mock.Reply(550, "5.1.1", "nobody here"))
	for name, o := range map[string]mock.Options{
		"DATA refused":  {Faults: []mock.Fault{refuse}},
		"354 all along": {Faults: []mock.Fault{refuse, mock.At("DATA").Nth(1).Do(mock.Reply(354, "", "go")), mock.At("EOD").Nth(1).Do(mock.Reply(554, "5.5.1", "no recipients"))}},
		"in lockstep":   {Faults: []mock.Fault{refuse}, Without: []string{"PIPELINING"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, c := start(t, o)
			for range 2 { // the second one finds the connection in step
				res, err := c.Send(t.Context(), three, message)
				var reply *smtp.ReplyError
				if !errors.As(err, &reply) || reply.Command != "RCPT" || smtp.Classify(err) != smtp.Permanent || !smtp.SafeToRetry(err) || len(res.Rejected) != 3 || len(res.Accepted) != 0 {
					t.Errorf("got %+v, %v", res, err)
				}
			}
			if len(s.Messages()) != 0 {
				t.Error("server has a message")
			}
			if said := lines(only(t, s)); name == "354 all along" && !strings.Contains(said, "<content of 0 octets>") {
				t.Errorf("no lone dot: %s", said)
			}
		})
	}
}

// If one of the refused recipients is worth another try, the message is.
func TestAllRecipientsRefusedSomeForNow(t *testing.T) {
	_, c := start(t, mock.Options{Faults: []mock.Fault{
		mock.At("RCPT").Nth(1).Do(mock.Reply(550, "5.1.1", "nobody here")),
		mock.At("RCPT").Nth(2).Do(mock.Reply(451, "4.7.1", "greylisted")),
		mock.At("RCPT").Nth(3).Do(mock.Reply(550, "5.1.1", "nobody here")),
	}})
	res, err := c.Send(t.Context(), three, message)
	if smtp.Classify(err) != smtp.Temporary || !slices.Equal(res.Retryable(), []string{"b@x.test"}) {
		t.Errorf("%v is %v, %v retryable", err, smtp.Classify(err), res.Retryable())
	}
}

func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		point   string
		code    int
		class   smtp.Class
		command string
	}{
		{"MAIL", 550, smtp.Permanent, "MAIL"},
		{"MAIL", 451, smtp.Temporary, "MAIL"},
		{"MAIL", 530, smtp.Auth, "MAIL"},
		{"DATA", 432, smtp.Throttled, "DATA"},
		{"DATA", 554, smtp.Permanent, "DATA"},
		{"EOD", 451, smtp.Temporary, "."},
		{"EOD", 554, smtp.Permanent, "."},
		{"EOD", 421, smtp.Throttled, "."},
	} {
		for _, without := range [][]string{nil, {"PIPELINING"}} {
			s, c := start(t, mock.Options{Without: without, Faults: []mock.Fault{mock.At(tt.point).Nth(1).Do(mock.Reply(tt.code, "", "no"))}})
			res, err := c.Send(t.Context(), envelope, message)
			var reply *smtp.ReplyError
			if !errors.As(err, &reply) || reply.Command != tt.command || reply.Reply.Code != tt.code || smtp.Classify(err) != tt.class || res.Reply.Code != tt.code {
				t.Errorf("%d to %s: got %+v, %v", tt.code, tt.point, res, err)
			}
			_, err = c.Send(t.Context(), envelope, message)
			if dead := tt.code == 421; dead != errors.Is(err, smtp.ErrBroken) || !dead && err != nil {
				t.Errorf("%d to %s: next message: %v", tt.code, tt.point, err)
			}
			if n := len(s.Messages()); n > 1 {
				t.Errorf("%d messages", n)
			}
		}
	}
}

// Servers close after some refusals: the refusal is what counts.
func TestRefusalBeforeClose(t *testing.T) {
	for _, point := range []string{"MAIL", "DATA"} {
		_, c := start(t, mock.Options{Faults: []mock.Fault{mock.At(point).Do(mock.Reply(550, "5.7.1", "go away"), mock.Drop())}})
		_, err := c.Send(t.Context(), envelope, message)
		var reply *smtp.ReplyError
		if !errors.As(err, &reply) || reply.Reply.Code != 550 {
			t.Errorf("%s: %v", point, err)
		}
	}
}

func TestUncertain(t *testing.T) {
	for name, action := range map[string]mock.Action{
		"dropped":         mock.Drop(),
		"reset":           mock.Reset(),
		"truncated reply": mock.Raw([]byte("250 o")),
		"354":             mock.Raw([]byte("354 more\r\n")),
		"nonsense":        mock.Raw([]byte("hello\r\n")),
		"two codes":       mock.Raw([]byte("250-ok\r\n550 no\r\n")),
	} {
		t.Run(name, func(t *testing.T) {
			_, c := start(t, mock.Options{Faults: []mock.Fault{mock.At("EOD").Do(action, mock.Drop())}})
			res, err := c.Send(t.Context(), envelope, message)
			if !errors.Is(err, smtp.ErrUncertain) || smtp.Classify(err) != smtp.Uncertain || smtp.SafeToRetry(err) || res.Octets != 23 {
				t.Errorf("got %+v, %v", res, err)
			}
			if _, err := c.Send(t.Context(), envelope, message); !errors.Is(err, smtp.ErrBroken) || !smtp.SafeToRetry(err) {
				t.Errorf("next message: %v", err)
			}
		})
	}
}

func TestProtocolErrors(t *testing.T) {
	for name, octets := range map[string]string{
		"mixed codes":      "250-a\r\n500-b\r\n250 c\r\n",
		"four digits":      "2500 ok\r\n",
		"1yz":              "150 wait\r\n",
		"endless line":     strings.Repeat("2", 1<<17),
		"endless reply":    strings.Repeat("250-x\r\n", 1<<16),
		"extra reply":      "250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n",
		"nothing but dots": "...\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			s, c := start(t, mock.Options{Faults: []mock.Fault{mock.At("MAIL").Do(mock.Raw([]byte(octets)))}})
			res, err := c.Send(t.Context(), envelope, message)
			if err == nil || res.Reply.Code/100 == 2 {
				t.Errorf("got %+v, %v", res, err)
			}
			if !errors.Is(err, smtp.ErrProtocol) || smtp.Classify(err) != smtp.Network {
				t.Errorf("%v is %v", err, smtp.Classify(err))
			}
			s.Close()
			if len(s.Messages()) != 0 {
				t.Error("server has a message")
			}
		})
	}
}

func TestUnsolicitedReply(t *testing.T) {
	s, c := start(t, mock.Options{Faults: []mock.Fault{mock.At("EOD").After().Do(mock.Raw([]byte("250 and another\r\n")))}})
	if _, err := c.Send(t.Context(), envelope, message); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Send(t.Context(), envelope, message); err == nil {
		t.Error("second message was accepted")
	}
	if n := len(s.Messages()); n != 1 {
		t.Errorf("%d messages", n)
	}
}

// What is accepted stays accepted, whatever comes of QUIT.
func TestFailureOfQUIT(t *testing.T) {
	for name, action := range map[string]mock.Action{"refused": mock.Reply(500, "5.5.1", "no"), "dropped": mock.Drop(), "unanswered": mock.Stall()} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := mock.Start(t, mock.Options{Network: mock.InMemory, Faults: []mock.Fault{mock.At("QUIT").Do(action)}})
				if _, err := smtp.Send(t.Context(), config(s, nil), envelope, message); err != nil {
					t.Errorf("Send: %v", err)
				}
			})
		})
	}
}

func TestContent(t *testing.T) {
	eight := "Subject: \xc3\xbc\r\n\r\nb\xc3\xa4r\r\n"
	big := "X: y\r\n\r\n" + strings.Repeat(strings.Repeat("z", 70)+"\n.\n", 5000)
	normal := strings.NewReplacer("\r\n", "\r\n", "\n", "\r\n")
	dir := t.TempDir()
	file := filepath.Join(dir, "m.eml")
	if err := os.WriteFile(file, []byte(big), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, want string
		m          smtp.Message
		params     []string
	}{
		{"bytes", "a\r\n", smtp.Bytes([]byte("a")), []string{"SIZE=3"}},
		{"empty", "", smtp.Bytes(nil), []string{"SIZE=0"}},
		{"bare CR and LF", "a\r\nb\r\n.\r\nc\r\n", smtp.Bytes([]byte("a\rb\n.\nc")), []string{"SIZE=12"}},
		{"8-bit", eight, smtp.Bytes([]byte(eight)), []string{"SIZE=21", "BODY=8BITMIME"}},
		{"file", normal.Replace(big), smtp.File(file), []string{"SIZE=375008"}},
		{"writer to", "hi\r\n", smtp.WriterTo(strings.NewReader("hi\n")), []string{"SIZE=4"}},
		{"reader", normal.Replace(big), smtp.Reader(iotest.HalfReader(strings.NewReader(big))), []string{"BODY=8BITMIME"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, c := start(t, mock.Options{})
			res, err := c.Send(t.Context(), envelope, tt.m)
			if err != nil || res.Octets != int64(len(tt.want)) {
				t.Fatalf("%v, %d octets; want %d", err, res.Octets, len(tt.want))
			}
			m := s.Messages()
			if string(m[0].Data) != tt.want {
				t.Errorf("server has %.200q; want %.200q", m[0].Data, tt.want)
			}
			if !slices.Equal(m[0].Parameters, tt.params) {
				t.Errorf("parameters %q; want %q", m[0].Parameters, tt.params)
			}
		})
	}
}

func TestWarningForLongLines(t *testing.T) {
	_, c := start(t, mock.Options{})
	for n, warnings := range map[int]int{998: 0, 999: 1} {
		res, err := c.Send(t.Context(), envelope, smtp.Bytes([]byte(strings.Repeat("x", n)+"\n")))
		if err != nil || len(res.Warnings) != warnings {
			t.Errorf("%d octets: %v, warnings %v", n, err, res.Warnings)
		}
	}
}

func TestExtensionNeededAndMissing(t *testing.T) {
	eight := smtp.Bytes([]byte("\xc3\xbc"))
	utf8 := smtp.Envelope{From: user, To: []string{"jürgen@example.com"}}
	for _, tt := range []struct {
		name string
		o    mock.Options
		env  smtp.Envelope
		m    smtp.Message
		is   error
	}{
		{"8BITMIME", mock.Options{Without: []string{"8BITMIME"}}, envelope, eight, smtp.ErrNotOffered},
		{"SMTPUTF8", mock.Options{Without: []string{"SMTPUTF8"}}, utf8, message, smtp.ErrNotOffered},
		{"SIZE", mock.Options{MaxSize: 1000}, envelope, smtp.Bytes(make8(1001)), smtp.ErrTooLarge},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, c := start(t, tt.o)
			_, err := c.Send(t.Context(), tt.env, tt.m)
			if !errors.Is(err, tt.is) || !smtp.SafeToRetry(err) {
				t.Errorf("got %v", err)
			}
			if got := verbs(only(t, s)); strings.Contains(got, "MAIL") {
				t.Errorf("client said %q", got)
			}
			if _, err := c.Send(t.Context(), envelope, message); err != nil {
				t.Errorf("next message: %v", err)
			}
		})
	}
}

// make8 returns n octets of text.
func make8(n int) []byte { return bytes.Repeat([]byte("x"), n) }

func TestSMTPUTF8OnlyWhenNeeded(t *testing.T) {
	s, c := start(t, mock.Options{})
	for _, to := range []string{"friend@example.com", "jürgen@example.com"} {
		if _, err := c.Send(t.Context(), smtp.Envelope{From: user, To: []string{to}}, message); err != nil {
			t.Fatal(err)
		}
	}
	m := s.Messages()
	if slices.Contains(m[0].Parameters, "SMTPUTF8") || !slices.Contains(m[1].Parameters, "SMTPUTF8") {
		t.Errorf("parameters %q and %q", m[0].Parameters, m[1].Parameters)
	}
}

// A source that fails half-way leaves nothing that could be taken for a message.
func TestSourceFailsHalfway(t *testing.T) {
	boom := errors.New("disk on fire")
	for name, tt := range map[string]struct {
		o  mock.Options
		r  io.Reader
		is error
	}{
		"read error":           {mock.Options{}, io.MultiReader(strings.NewReader(strings.Repeat("x\r\n", 30000)), iotest.ErrReader(boom)), boom},
		"8-bit where it can't": {mock.Options{Without: []string{"8BITMIME"}}, strings.NewReader(strings.Repeat("x\r\n", 30000) + "\xc3\xbc"), smtp.ErrNotOffered},
		"NUL":                  {mock.Options{}, strings.NewReader("x\r\n\x00"), smtp.ErrMessage},
	} {
		t.Run(name, func(t *testing.T) {
			s, c := start(t, tt.o)
			_, err := c.Send(t.Context(), envelope, smtp.Reader(tt.r))
			if !errors.Is(err, tt.is) || smtp.Classify(err) != smtp.Local || !smtp.SafeToRetry(err) {
				t.Errorf("got %v", err)
			}
			s.Close()
			if len(s.Messages()) != 0 {
				t.Error("server has a message")
			}
		})
	}
}

// Bad input is refused before anything is sent, here before a connection is made.
func TestBadInput(t *testing.T) {
	s := mock.Start(t, mock.Options{Network: mock.InMemory})
	with := func(to ...string) smtp.Envelope { return smtp.Envelope{From: user, To: to} }
	used := smtp.Reader(strings.NewReader(""))
	used.Open()
	for _, tt := range []struct {
		name string
		env  smtp.Envelope
		m    smtp.Message
		is   error
	}{
		{"no recipient", with(), message, smtp.ErrEnvelope},
		{"empty recipient", with(""), message, smtp.ErrEnvelope},
		{"CR LF in recipient", with("a@x.test>\r\nRCPT TO:<b@x.test"), message, smtp.ErrEnvelope},
		{"NUL in recipient", with("a\x00@x.test"), message, smtp.ErrEnvelope},
		{"name and address", with("A <a@x.test>"), message, smtp.ErrEnvelope},
		{"parameter in recipient", with("a@x.test> NOTIFY=NEVER"), message, smtp.ErrEnvelope},
		{"LF in sender", smtp.Envelope{From: "a@x.test\n", To: []string{"b@x.test"}}, message, smtp.ErrEnvelope},
		{"no message", envelope, nil, smtp.ErrMessage},
		{"unreadable file", envelope, smtp.File(filepath.Join(t.TempDir(), "none")), os.ErrNotExist},
		{"directory", envelope, smtp.File(t.TempDir()), smtp.ErrMessage},
		{"NUL in message", envelope, smtp.Bytes([]byte("a\x00")), smtp.ErrMessage},
		{"message read already", envelope, used, smtp.ErrConsumed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res, err := smtp.Send(t.Context(), config(s, nil), tt.env, tt.m)
			if !errors.Is(err, tt.is) || smtp.Classify(err) != smtp.Local || res == nil || strings.ContainsAny(err.Error(), "\r\n\x00") {
				t.Errorf("got %v, %q", res, err)
			}
		})
	}
	if n := s.Connections(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

func TestNullReversePath(t *testing.T) {
	s, c := start(t, mock.Options{Without: []string{"SIZE"}})
	if _, err := c.Send(t.Context(), smtp.Envelope{To: []string{"Postmaster"}}, message); err != nil {
		t.Fatal(err)
	}
	if said := lines(only(t, s)); !strings.Contains(said, "MAIL FROM:<>\nRCPT TO:<Postmaster>") {
		t.Errorf("client said %s", said)
	}
}

// A group that is longer than what the network holds does not lock up, although
// the server stops reading while nobody reads its replies.
func TestManyRecipientsThroughASmallWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mock.Start(t, mock.Options{Network: mock.InMemory, Window: 512, MaxRecipients: 5000})
		c, err := smtp.Dial(t.Context(), config(s, nil))
		if err != nil {
			t.Fatal(err)
		}
		env := smtp.Envelope{From: user}
		for i := range 5000 {
			env.To = append(env.To, strings.Repeat("r", i%40+1)+"@example.com")
		}
		res, err := c.Send(t.Context(), env, message)
		if err != nil || len(res.Accepted) != 5000 {
			t.Errorf("%v, %d accepted", err, len(res.Accepted))
		}
		c.Close()
		if _, err := c.Send(t.Context(), env, message); !errors.Is(err, smtp.ErrBroken) {
			t.Errorf("after Close: %v", err)
		}
	})
}

func TestPoliteAboutGreeting(t *testing.T) {
	for code, class := range map[int]smtp.Class{554: smtp.Permanent, 421: smtp.Throttled} {
		s := mock.Start(t, mock.Options{Network: mock.InMemory, Faults: []mock.Fault{mock.At("CONNECT").Do(mock.Reply(code, "", "not today"))}})
		_, err := smtp.Send(t.Context(), config(s, sasl.Password(user, "pencil")), envelope, message)
		var reply *smtp.ReplyError
		if !errors.As(err, &reply) || reply.Command != "" || smtp.Classify(err) != class {
			t.Errorf("%d: %v is %v", code, err, smtp.Classify(err))
		}
	}
}

func TestCanceledBeforeAnything(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, c := start(t, mock.Options{})
	if _, err := c.Send(ctx, envelope, message); !errors.Is(err, context.Canceled) || smtp.Classify(err) != smtp.Canceled {
		t.Errorf("got %v", err)
	}
	if _, err := c.Send(t.Context(), envelope, message); err != nil {
		t.Errorf("next message: %v", err)
	}
}
