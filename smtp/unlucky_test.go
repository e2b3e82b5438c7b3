package smtp_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/smtp"
)

// Lines of a header end as they do for who sends it.
func TestBccBehindABareCR(t *testing.T) {
	for _, text := range []string{
		"From: a@b.c\r\nSubject: x\rBcc: secret@x.y\r\nTo: x@y.z\r\n\r\nhi\r\n",
		"From: a@b.c\rTo: x@y.z\rBcc: secret@x.y\r\rhi\r",
		"From: a@b.c\nSubject: x\r\r\nTo: x@y.z\nBcc: secret@x.y\n\nhi\n",
	} {
		env, stripped, err := smtp.EnvelopeOf(smtp.Bytes([]byte(text)))
		if stripped == nil {
			t.Fatalf("%q: %v", text, err)
		}
		r, err := stripped.Open()
		if err != nil {
			t.Fatal(err)
		}
		octets, _ := io.ReadAll(r)
		head, _, _ := strings.Cut(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(octets)), "\n\n")
		if strings.Contains(head, "secret") {
			t.Errorf("%q became %q, for %q", text, octets, env.To)
		}
	}
	env, _, err := smtp.EnvelopeOf(smtp.Bytes([]byte("From: a@b.c\rTo: x@y.z\rBcc: s@x.y\r\rBcc: body@x.y\r")))
	if err != nil || strings.Join(env.To, " ") != "x@y.z s@x.y" {
		t.Errorf("got %+v, %v", env, err)
	}
}

// Addr is a host, perhaps with one port.
func TestAddrWithTooManyColons(t *testing.T) {
	for addr, okay := range map[string]bool{
		"h:25:25": false, "host:587:hunter22": false, "::1": true, "2001:db8::1": true, "[::1]:25": true, "h:25": true, "h:": true,
	} {
		err := smtp.Config{Addr: addr}.Validate()
		if (err == nil) != okay || err != nil && (!errors.Is(err, smtp.ErrConfig) || strings.Contains(err.Error(), "hunter22")) {
			t.Errorf("%q: %v", addr, err)
		}
	}
}

// Mailboxes that no server can take, or that end a line for somebody.
func TestMailboxesRefused(t *testing.T) {
	for _, addr := range []string{
		"a@" + strings.Repeat("x", 64) + ".c", "jö\u0085@x.de", "jö\u2028@x.de", "a\u2029b@x.de",
		"a@ｅｘａｍｐｌｅ.com", "a@bücher。de", "a@𝐱.de", "a@ﬁ.de",
	} {
		_, err := smtp.Send(t.Context(), smtp.Config{Addr: "server.test"}, smtp.Envelope{To: []string{addr}}, message)
		if !errors.Is(err, smtp.ErrEnvelope) {
			t.Errorf("%q: %v", addr, err)
		}
	}
}

// A Send that cannot work leaves a message that can be read once for another one.
func TestBadConfigLeavesTheReader(t *testing.T) {
	once := smtp.Reader(strings.NewReader("x"))
	if _, err := smtp.Send(t.Context(), smtp.Config{}, envelope, once); !errors.Is(err, smtp.ErrConfig) {
		t.Errorf("got %v", err)
	}
	if _, err := once.Open(); err != nil {
		t.Errorf("the reader was consumed: %v", err)
	}
}

type unopened struct{}

var errStoreDown = errors.New("store is down")

func (unopened) Open() (io.ReadCloser, error) { return nil, errStoreDown }

func TestMessageThatCannotBeOpened(t *testing.T) {
	_, err := smtp.Send(t.Context(), smtp.Config{Addr: "server.test"}, envelope, unopened{})
	if !errors.Is(err, smtp.ErrMessage) || !errors.Is(err, errStoreDown) || smtp.Classify(err) != smtp.Local {
		t.Errorf("got %v", err)
	}
}

type panicking struct{}

func (panicking) WriteTo(w io.Writer) (int64, error) {
	io.WriteString(w, "half")
	panic("no more")
}

// What panicked once is not an empty message the next time.
func TestWriterToThatPanics(t *testing.T) {
	m := smtp.WriterTo(panicking{})
	for range 2 {
		func() {
			defer func() { _ = recover() }()
			if r, err := m.Open(); r != nil || !errors.Is(err, smtp.ErrMessage) {
				t.Errorf("got %v, %v", r, err)
			}
		}()
	}
}

// With LMTP, 421 to one recipient says why there is no reply to the others.
func TestLMTPFarewell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, _ := talk(t, func(s *talker) {
			s.hello("PIPELINING")
			for range 2 + len(several().To) {
				s.line()
			}
			s.say("250 mail")
			for range several().To {
				s.say("250 rcpt")
			}
			s.say("354 go")
			s.content()
			s.say("421 4.3.2 shutting down now")
		})
		cfg.Addr = "lmtp://server.test:24"
		res, err := smtp.Send(t.Context(), cfg, several(), message)
		if !errors.Is(err, smtp.ErrUncertain) || !strings.Contains(err.Error(), "shutting down now") {
			t.Errorf("got %v", err)
		}
		if len(res.Rejected) != 1 || len(res.Uncertain) != len(several().To)-1 {
			t.Errorf("got %+v", res)
		}
	})
}

// A server that has refused a chunk and says nothing about those behind it holds
// nobody up for long.
func TestRepliesBehindARefusedChunk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, _ := talk(t, func(s *talker) {
			s.hello("CHUNKING", "PIPELINING")
			s.line()
			s.line()
			s.say("250 mail", "250 rcpt")
			for command := s.line(); command != "" && !strings.HasSuffix(command, "LAST"); command = s.line() {
				s.chunk(command)
				if s.heard.Len() > 0 && strings.Count(s.heard.String(), "BDAT") == 3 {
					go s.say("552 5.3.4 too big")
				}
			}
			<-t.Context().Done()
		})
		cfg.Chunking = true
		began := time.Now()
		_, err := smtp.Send(t.Context(), cfg, envelope, smtp.Bytes([]byte(strings.Repeat("hello\r\n", 8*(256<<10)/7))))
		if took := time.Since(began); smtp.Classify(err) != smtp.Permanent || took > 5*time.Minute {
			t.Errorf("%v after %v", err, took)
		}
	})
}

// What is known of a connection that came to nothing is in the Result.
func TestResultOfAFailedDial(t *testing.T) {
	s := mock.Start(t, mock.Options{Network: mock.InMemory, Users: map[string]string{user: "pencil"}, Mechanisms: []string{"PLAIN"}})
	res, err := smtp.Send(t.Context(), withPassword(config(s, nil), user, "wrong"), envelope, message)
	if smtp.Classify(err) != smtp.Auth || res.TLS == nil || res.Attempts != 1 {
		t.Errorf("got %v, %+v", err, res)
	}
}

// Words that only end like it do not announce the name of a message.
func TestQueueIDsInWords(t *testing.T) {
	for text, id := range map[string]string{
		"2.0.0 Ok: queued as 4F1B": "4F1B", "OK id=1abc-23": "1abc-23", "[InternalId=77, Hostname=x]": "77",
		"ok Message-Id=x": "", "ok valid=yes": "", "ok paid=no id=9": "9",
	} {
		synctest.Test(t, func(t *testing.T) {
			cfg, _ := talk(t, func(s *talker) {
				s.hello()
				s.answer("250 mail", "250 rcpt", "354 go")
				s.content()
				s.say("250 " + text)
				s.line()
			})
			res, err := smtp.Send(t.Context(), cfg, envelope, message)
			if err != nil || res.QueueID != id {
				t.Errorf("%q: %q, %v; want %q", text, res.QueueID, err, id)
			}
		})
	}
}
