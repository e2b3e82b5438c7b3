package smtp_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/smtp"
)

// What a server says or does while nothing is asked of it is not taken for the
// reply to the next command: with BDAT, a reply too many would make that to the
// last recipient the one to the message.
func TestServerSpeaksWhileIdle(t *testing.T) {
	for _, tt := range []struct {
		name, said string
		class      smtp.Class
		is         error
	}{
		{"positive", "250 stale\r\n", smtp.Network, smtp.ErrProtocol},
		{"negative", "550 stale\r\n", smtp.Network, smtp.ErrProtocol},
		{"part of a reply", "250-sta", smtp.Network, smtp.ErrProtocol},
		{"nonsense", "what?\r\n", smtp.Network, smtp.ErrProtocol},
		{"farewell", "421 4.4.2 idle for too long\r\n", smtp.Throttled, smtp.ErrBroken},
		{"farewell in fragments", "42", smtp.Throttled, smtp.ErrBroken},
		{"close", "", smtp.Network, io.EOF},
	} {
		for _, after := range []string{"Dial", "Send"} {
			t.Run(tt.name+" after "+after, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					before := 0
					cfg, s := talk(t, func(s *talker) {
						s.hello("CHUNKING", "PIPELINING")
						if after == "Send" {
							s.line()
							s.line()
							s.say("250 mail", "250 rcpt")
							s.chunk(s.line())
							s.say("250 queued")
						}
						before = s.heard.Len()
						io.WriteString(s, tt.said)
						switch tt.name {
						case "close":
							return
						case "farewell in fragments":
							io.WriteString(s, "1 bye\r")
							io.WriteString(s, "\n")
						}
						for command := s.line(); command != ""; command = s.line() {
							s.chunk(command)
							s.say("250 whatever")
						}
					})
					cfg.Chunking = true
					c, err := smtp.Dial(t.Context(), cfg)
					if err != nil {
						t.Fatal(err)
					}
					if after == "Send" {
						if _, err := c.Send(t.Context(), envelope, message); err != nil {
							t.Fatal(err)
						}
					}
					synctest.Wait()
					res, err := c.Send(t.Context(), envelope, message)
					if !errors.Is(err, tt.is) || !errors.Is(err, smtp.ErrBroken) || smtp.Classify(err) != tt.class || !smtp.SafeToRetry(err) || len(res.Accepted) > 0 {
						t.Errorf("got %v (%v), %+v", err, smtp.Classify(err), res)
					}
					var refusal *smtp.ReplyError
					if errors.As(err, &refusal) != (tt.class == smtp.Throttled) {
						t.Errorf("got %v", err)
					}
					if err := c.Close(); err != nil {
						t.Errorf("Close: %v", err)
					}
					synctest.Wait()
					if said := s.heard.String()[before:]; said != "" {
						t.Errorf("client said %q", said)
					}
				})
			})
		}
	}
}

// A connection that nobody uses any more leaves nobody who listens.
func TestIdleConnectionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, s := talk(t, func(s *talker) {
			s.hello()
			s.answer("250 mail", "250 rcpt", "354 go")
			s.content()
			s.say("250 queued")
			s.answer("221 bye")
		})
		c, err := smtp.Dial(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour) // no deadline of the past ends the listening
		if _, err := c.Send(t.Context(), envelope, message); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if !strings.HasSuffix(s.heard.String(), "QUIT\r\n") {
			t.Errorf("client said %q", s.heard.String())
		}
	})
}

// Replies that come before what they are to are not believed: no end of a message
// goes out behind them.
func TestEarlyReplies(t *testing.T) {
	big := smtp.Bytes([]byte(strings.Repeat("hello\r\n", 6*(256<<10)/7)))
	for _, tt := range []struct {
		name    string
		message smtp.Message
		early   []string // to the first BDAT
	}{
		{"to all chunks", big, []string{"250 1", "250 2", "250 3", "250 4", "250 5", "250 6"}},
		{"to the only chunk", smtp.Bytes([]byte(strings.Repeat("hello\r\n", 20000))), []string{"250 queued"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg, s := talk(t, func(s *talker) {
					s.hello("CHUNKING", "PIPELINING")
					s.line()
					s.line()
					s.say("250 mail", "250 rcpt")
					first := s.line()
					said := make(chan struct{})
					go func() {
						defer close(said)
						s.say(tt.early...)
					}()
					time.Sleep(time.Second)
					s.chunk(first)
					for command := s.line(); command != ""; command = s.line() {
						s.chunk(command)
					}
					<-said
				})
				cfg.Chunking = true
				res, err := smtp.Send(t.Context(), cfg, envelope, tt.message)
				if !errors.Is(err, smtp.ErrProtocol) || !smtp.SafeToRetry(err) || res.QueueID != "" {
					t.Errorf("got %v", err)
				}
				synctest.Wait()
				if tt.name == "to all chunks" && strings.Contains(s.heard.String(), "LAST") {
					t.Errorf("client said %q", s.heard.String())
				}
			})
		})
	}
}

// A reply too many among those to the commands makes the reply to a chunk
// doubtful, and that to a recipient is none to the next.
func TestRepliesTooMany(t *testing.T) {
	for _, tt := range []struct {
		name      string
		replies   []string // to a group of MAIL, RCPT and BDAT
		class     smtp.Class
		uncertain bool
	}{
		{"one too many", []string{"250 stale", "250 mail", "250 rcpt", "554 spam"}, smtp.Uncertain, true},
		{"farewell", []string{"250 mail", "250 rcpt", "250 queued", "421 bye"}, smtp.None, false},
		{"as many as there should be", []string{"250 mail", "250 rcpt", "554 spam"}, smtp.Permanent, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg, _ := talk(t, func(s *talker) {
					s.hello("CHUNKING", "PIPELINING")
					s.line()
					s.line()
					s.chunk(s.line())
					s.say(tt.replies...)
					s.line()
				})
				cfg.ChunkInFirstGroup = true
				res, err := smtp.Send(t.Context(), cfg, envelope, message)
				if smtp.Classify(err) != tt.class || errors.Is(err, smtp.ErrUncertain) != tt.uncertain || (len(res.Uncertain) > 0) != tt.uncertain {
					t.Errorf("got %v, %+v", err, res)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		cfg, _ := talk(t, func(s *talker) {
			s.hello("CHUNKING")
			s.line()
			s.say("250 mail", "250 extra")
			s.answer("550 first", "250 second")
			s.chunk(s.line())
			s.say("554 spam")
			s.line()
		})
		cfg.Chunking = true
		_, err := smtp.Send(t.Context(), cfg, several(), message)
		if !errors.Is(err, smtp.ErrProtocol) || !smtp.SafeToRetry(err) {
			t.Errorf("in lockstep: %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		cfg, _ := talk(t, func(s *talker) {
			s.hello()
			s.line()
			s.say("250 mail", "421 4.3.2 going down")
			s.line()
		})
		_, err := smtp.Send(t.Context(), cfg, envelope, message)
		var refusal *smtp.ReplyError
		if !errors.As(err, &refusal) || refusal.Command != "*" || smtp.Classify(err) != smtp.Throttled || !smtp.SafeToRetry(err) {
			t.Errorf("farewell behind a reply: %v", err)
		}
	})
}

// Content that shares a group with its commands may have been taken whatever the
// replies to those say, if its own is positive.
func TestChunkAcceptedBehindRefusals(t *testing.T) {
	for _, tt := range []struct {
		name      string
		replies   []string
		uncertain bool
	}{
		{"MAIL refused", []string{"550 mail", "503 rcpt", "250 queued"}, true},
		{"recipient refused", []string{"250 mail", "550 rcpt", "250 queued"}, true},
		{"MAIL refused, chunk asked for", []string{"550 mail", "503 rcpt", "354 go"}, true},
		{"354 to MAIL", []string{"354 mail", "250 rcpt", "250 queued"}, true},
		{"334 to MAIL", []string{"334 mail", "250 rcpt", "250 queued"}, true},
		{"354 to RCPT", []string{"250 mail", "354 rcpt", "250 queued"}, true},
		{"all refused", []string{"550 mail", "503 rcpt", "503 chunk"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg, _ := talk(t, func(s *talker) {
					s.hello("CHUNKING", "PIPELINING")
					s.line()
					s.line()
					s.chunk(s.line())
					s.say(tt.replies...)
					s.line()
				})
				cfg.ChunkInFirstGroup = true
				res, err := smtp.Send(t.Context(), cfg, envelope, message)
				if errors.Is(err, smtp.ErrUncertain) != tt.uncertain || smtp.SafeToRetry(err) == tt.uncertain {
					t.Errorf("got %v", err)
				}
				if tt.uncertain && (len(res.Uncertain) != 1 || len(res.Rejected)+len(res.Accepted) > 0) {
					t.Errorf("got %+v", res)
				}
			})
		})
	}
}
