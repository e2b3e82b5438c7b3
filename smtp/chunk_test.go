package smtp_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers/profile"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// startWith is start with a configuration that change has changed.
func startWith(t *testing.T, o mock.Options, change func(*smtp.Config)) (*mock.Server, *smtp.Client) {
	t.Helper()
	o.Network = mock.InMemory
	s := mock.Start(t, o)
	cfg := config(s, nil)
	change(&cfg)
	c, err := smtp.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return s, c
}

func chunking(cfg *smtp.Config)      { cfg.Chunking = true }
func chunksInGroup(cfg *smtp.Config) { cfg.ChunkInFirstGroup = true }

// hostile is a message whose lines are commands.
var hostile = smtp.Bytes([]byte("Subject: x\r\n\r\nRSET\r\nMAIL FROM:<evil@example.com>\r\nRCPT TO:<victim@example.com>\r\nDATA\r\nSubject: forged\r\n\r\n.\r\nQUIT\r\n"))

// A server with the refused-chunk defect runs nothing of a message, wherever it
// refuses it, unless the configuration has said that it has no such defect.
func TestContentIsNeverRunAsCommands(t *testing.T) {
	for _, point := range []string{"MAIL", "RCPT", "DATA", "BDAT", "EOD"} {
		for _, code := range []int{421, 452, 550} {
			for _, env := range []smtp.Envelope{envelope, three, {From: user, To: three.To, AllOrNothing: true}} {
				t.Run(fmt.Sprint(point, code), func(t *testing.T) {
					s, err := mock.New(mock.Options{
						Network: mock.InMemory, Defects: []mock.Defect{mock.RefusedChunkIsRun},
						Faults: []mock.Fault{mock.At(point).Do(mock.Reply(code, "", "no"))},
					})
					if err != nil {
						t.Fatal(err)
					}
					defer s.Close()
					for _, m := range []smtp.Message{hostile, smtp.Reader(strings.NewReader(strings.Repeat("RSET\r\nQUIT\r\n", 1<<16)))} {
						if _, err := smtp.Send(t.Context(), config(s, nil), env, m); err != nil && !smtp.SafeToRetry(err) {
							t.Errorf("got %v", err)
						}
					}
					for _, session := range s.Sessions() {
						for _, c := range session.Commands {
							if c.Verb == "" || strings.Contains(c.Line, "evil") || c.Verb == "BDAT" {
								t.Errorf("server ran %q", c.Line)
							}
						}
					}
				})
			}
		}
	}
}

func TestChunking(t *testing.T) {
	long := "X: y\r\n\r\n" + strings.Repeat(strings.Repeat("z", 70)+"\n.\n", 10000)
	normal := strings.ReplaceAll(long, "\n", "\r\n")
	normal = strings.ReplaceAll(normal, "\r\r\n", "\r\n")
	octets := func(s string) func() smtp.Message { return func() smtp.Message { return smtp.Bytes([]byte(s)) } }
	stream := func(s string) func() smtp.Message {
		return func() smtp.Message { return smtp.Reader(strings.NewReader(s)) }
	}
	raw := strings.Repeat("a\r\x00\n.\n\xff", 50000)
	for _, tt := range []struct {
		name, want string
		m          func() smtp.Message
		binary     bool
		params     string
		chunks     int
	}{
		{"small", "Subject: hi\r\n\r\n.hello\r\n", octets("Subject: hi\r\n\r\n.hello\r\n"), false, "SIZE=23", 1},
		{"empty", "", octets(""), false, "SIZE=0", 1},
		{"no line ending at the end", "a\r\n.\r\n", octets("a\n."), false, "SIZE=6", 1},
		{"large", normal, octets(long), false, "SIZE=750008", 3},
		{"size unknown", normal, stream(long), false, "BODY=8BITMIME", 3},
		{"binary", raw, octets(raw), true, "SIZE=350000 BODY=BINARYMIME", 2},
		{"binary, size unknown", raw, stream(raw), true, "BODY=BINARYMIME", 2},
	} {
		for how, without := range map[string][]string{"in groups": nil, "in lockstep": {"PIPELINING"}} {
			t.Run(tt.name+", "+how, func(t *testing.T) {
				s, c := startWith(t, mock.Options{Without: without, Strict: true}, chunking)
				env := envelope
				env.Binary = tt.binary
				res, err := c.Send(t.Context(), env, tt.m())
				if err != nil || res.Octets != int64(len(tt.want)) || res.QueueID == "" {
					t.Fatalf("%+v, %v; want %d octets", res, err, len(tt.want))
				}
				m := s.Messages()[0]
				if string(m.Data) != tt.want || strings.Join(m.Parameters, " ") != tt.params {
					t.Errorf("server has %d octets, %.100q, %q", len(m.Data), m.Data, m.Parameters)
				}
				if got := strings.Count(verbs(only(t, s)), "BDAT"); got != tt.chunks {
					t.Errorf("%d chunks; want %d", got, tt.chunks)
				}
			})
		}
	}
}

// Binary content goes by BDAT whatever the configuration says; other content by
// DATA, unless it asks for BDAT and the server has it, defect or not.
func TestDataOrChunks(t *testing.T) {
	binary := envelope
	binary.Binary = true
	for _, tt := range []struct {
		name   string
		o      mock.Options
		change func(*smtp.Config)
		env    smtp.Envelope
		want   string
	}{
		{"by default", mock.Options{}, func(*smtp.Config) {}, envelope, "DATA EOD"},
		{"binary", mock.Options{}, func(*smtp.Config) {}, binary, "BDAT"},
		{"asked for", mock.Options{}, chunking, envelope, "BDAT"},
		{"in the first group", mock.Options{}, chunksInGroup, envelope, "BDAT"},
		{"not offered", mock.Options{Without: []string{"CHUNKING"}}, chunksInGroup, envelope, "DATA EOD"},
		{"known not to work", mock.Options{}, func(cfg *smtp.Config) {
			cfg.Chunking, cfg.Profile = true, &profile.Profile{Quirks: profile.Quirks{NoChunking: true}}
		}, envelope, "DATA EOD"},
		{"the profile knows better", mock.Options{}, func(cfg *smtp.Config) {
			cfg.Profile = &profile.Profile{Quirks: profile.Quirks{ChunkInFirstGroup: true}}
		}, envelope, "BDAT"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, c := startWith(t, tt.o, tt.change)
			if _, err := c.Send(t.Context(), tt.env, message); err != nil {
				t.Fatal(err)
			}
			if got := verbs(only(t, s)); !strings.HasSuffix(got, " MAIL RCPT "+tt.want) {
				t.Errorf("client said %s; want %s", got, tt.want)
			}
		})
	}
}

// No chunk follows one that was refused, but for those that were on their way,
// and no end: the next message begins with RSET (RFC 3030, Section 2).
func TestRefusedChunk(t *testing.T) {
	for _, tt := range []struct {
		name    string
		without []string
		most    int
	}{{"in groups", nil, 2 + 8}, {"in lockstep", []string{"PIPELINING"}, 2}} {
		t.Run(tt.name, func(t *testing.T) {
			s, c := startWith(t, mock.Options{Without: tt.without, Faults: []mock.Fault{mock.At("BDAT").Nth(2).Do(mock.Reply(452, "4.3.1", "no room"))}}, chunking)
			res, err := c.Send(t.Context(), envelope, smtp.Reader(io.LimitReader(zeros{}, 16<<20)))
			var reply *smtp.ReplyError
			if !errors.As(err, &reply) || reply.Command != "BDAT" || smtp.Classify(err) != smtp.Temporary || !smtp.SafeToRetry(err) || res.Reply.Code != 452 {
				t.Errorf("%+v, %v", res, err)
			}
			said := lines(only(t, s))
			if n := strings.Count(said, "BDAT "); n > tt.most || strings.Contains(said, "LAST") {
				t.Errorf("%d chunks, or a last one:\n%s", n, said)
			}
			if _, err := c.Send(t.Context(), envelope, message); err != nil {
				t.Errorf("next message: %v", err)
			}
			if !strings.Contains(lines(only(t, s)), "\nRSET\nMAIL") || len(s.Messages()) != 1 {
				t.Errorf("client said %s", lines(only(t, s)))
			}
		})
	}
}

// zeros is an endless text.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	for i := 70; i < len(p); i += 71 {
		p[i] = '\n'
	}
	return len(p), nil
}

// The last chunk decides; what is refused there is refused as by DATA.
func TestRefusedLastChunk(t *testing.T) {
	for _, change := range []func(*smtp.Config){chunking, chunksInGroup} {
		s, c := startWith(t, mock.Options{Faults: []mock.Fault{mock.At("BDAT").Nth(1).Do(mock.Reply(554, "5.7.1", "spam"))}}, change)
		res, err := c.Send(t.Context(), envelope, message)
		var reply *smtp.ReplyError
		if !errors.As(err, &reply) || reply.Command != "." || reply.Reply.Code != 554 || res.Reply.Code != 554 || !smtp.SafeToRetry(err) {
			t.Errorf("%+v, %v", res, err)
		}
		if _, err := c.Send(t.Context(), envelope, message); err != nil || len(s.Messages()) != 1 {
			t.Errorf("next message: %v", err)
		}
	}
}

// With the content in the first group, there is one round trip less; a refusal of
// MAIL or of all recipients is still what the caller hears of.
func TestChunkInFirstGroup(t *testing.T) {
	for _, tt := range []struct {
		tls   mock.TLSMode
		first int
	}{{mock.ImplicitTLS, 5}, {mock.STARTTLS, 7}} {
		s := mock.Start(t, mock.Options{TLS: tt.tls, Network: mock.InMemory, Directory: accept(short), Strict: true})
		cfg := config(s, sasl.OAuth(user, sasl.StaticToken(short)))
		cfg.ChunkInFirstGroup = true
		c, err := smtp.Dial(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		big := smtp.Bytes(bytes.Repeat([]byte("0123456789\r\n"), 6000)) // above what goes with the commands
		for i, m := range []smtp.Message{message, message, message, big} {
			env := envelope
			if i == 2 {
				env = many(100)
			}
			if _, err := c.Send(t.Context(), env, m); err != nil {
				t.Fatal(err)
			}
		}
		c.Close()
		var got []int
		for _, m := range s.Messages() {
			got = append(got, m.RoundTrips-tt.first)
		}
		if fmt.Sprint(got) != "[0 1 2 4]" {
			t.Errorf("%v: messages accepted after %d%+v round trips", tt.tls, tt.first, got)
		}
	}
}

func TestChunkInFirstGroupRefused(t *testing.T) {
	for _, point := range []string{"MAIL", "RCPT"} {
		s, c := startWith(t, mock.Options{Faults: []mock.Fault{mock.At(point).Nth(1).Do(mock.Reply(550, "5.7.1", "no"))}}, chunksInGroup)
		res, err := c.Send(t.Context(), envelope, hostile)
		var reply *smtp.ReplyError
		if !errors.As(err, &reply) || reply.Command != point || !smtp.SafeToRetry(err) || len(res.Warnings) != 0 {
			t.Errorf("%+v, %v", res, err)
		}
		if _, err := c.Send(t.Context(), envelope, message); err != nil || len(s.Messages()) != 1 {
			t.Errorf("next message: %v, %d messages", err, len(s.Messages()))
		}
	}
}

// Once the content is on its way with the commands, a lost connection leaves
// everything open, unless a reply has ruled it out.
func TestChunkInFirstGroupUncertain(t *testing.T) {
	for point, uncertain := range map[string]bool{"MAIL": true, "RCPT": true, "BDAT": true} {
		_, c := startWith(t, mock.Options{Faults: []mock.Fault{mock.At(point).Do(mock.Drop())}}, chunksInGroup)
		res, err := c.Send(t.Context(), envelope, message)
		if errors.Is(err, smtp.ErrUncertain) != uncertain || len(res.Accepted) != 0 || len(res.Uncertain) != 1 {
			t.Errorf("%s: %+v, %v", point, res, err)
		}
	}
	_, c := startWith(t, mock.Options{Faults: []mock.Fault{mock.At("RCPT").Do(mock.Reply(550, "5.1.1", "nobody"), mock.Drop())}}, chunksInGroup)
	if res, err := c.Send(t.Context(), envelope, message); errors.Is(err, smtp.ErrUncertain) || smtp.Classify(err) != smtp.Permanent || len(res.Uncertain) != 0 {
		t.Errorf("refused, then dropped: %+v, %v", res, err)
	}
}

// A source that fails in the middle leaves nothing that is complete.
func TestSourceFailsBetweenChunks(t *testing.T) {
	boom := errors.New("disk on fire")
	for _, change := range []func(*smtp.Config){chunking, chunksInGroup} {
		s, c := startWith(t, mock.Options{}, change)
		_, err := c.Send(t.Context(), envelope, smtp.Reader(io.MultiReader(io.LimitReader(zeros{}, 1<<20), failing{boom})))
		if !errors.Is(err, boom) || smtp.Classify(err) != smtp.Local || !smtp.SafeToRetry(err) {
			t.Errorf("got %v", err)
		}
		s.Close()
		if len(s.Messages()) != 0 || strings.Contains(lines(only(t, s)), "LAST") {
			t.Error("server has a message")
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
