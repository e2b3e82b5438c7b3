package badclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A Manner is something that a client may do. No case may take it for a failure.
type Manner string

// The manners. The zero Manner is that of the client without defect.
const (
	Plain        Manner = ""
	LockStep     Manner = "lock-step"      // one command at a time, whatever is offered
	Closes       Manner = "closes"         // without QUIT, if anything goes wrong
	Quits        Manner = "quits"          // and waits for the 221, whatever goes wrong
	Again        Manner = "connects-again" // once, if a connection ends before the content
	Chatty       Manner = "chatty"         // NOOP, VRFY and RSET where they do no harm
	Chunks       Manner = "chunks"         // BDAT, if that is offered
	HelloTwice   Manner = "hello-twice"    // EHLO, each time
	HelloAgain   Manner = "hello-again"    // EHLO behind the sign-in, too
	OldHello     Manner = "helo"           // tries HELO if EHLO is refused, and gives up
	NoInitial    Manner = "no-initial"     // response on the AUTH line, ever
	LoginOnly    Manner = "login-only"     // no other mechanism
	Splits       Manner = "splits"         // a connection for each recipient
	FirstRefusal Manner = "first-refusal"  // of a recipient ends the transaction
	LowerCase    Manner = "lower-case"     // verbs
)

// again reports whether the client connects once more after such an error: nothing
// of the message was sent.
func (m Manner) again(ctx context.Context, result Result, err error) bool {
	var refused *ReplyError
	return m == Again && ctx.Err() == nil && !result.Uncertain &&
		(errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &refused) && refused.Code == 421 && refused.Verb != "content")
}

// sendEach sends a message to each recipient over a connection of its own.
func sendEach(ctx context.Context, defect Defect, cfg Config, msg Message) (Result, error) {
	all := Result{Rejected: make(map[string]*ReplyError)}
	var first error
	for _, to := range msg.To {
		result, err := send(ctx, defect, cfg, Message{From: msg.From, To: []string{to}, Data: msg.Data})
		var refused *ReplyError
		switch {
		case err == nil:
			all.Delivered = true
		case errors.As(err, &refused) && refused.Verb == "RCPT":
			all.Rejected[to] = refused
			first = errors.Join(first, err)
		default:
			all.Uncertain = all.Uncertain || result.Uncertain
			if ctx.Err() != nil {
				err = errors.Join(ctx.Err(), err)
			}
			return all, err
		}
	}
	if all.Delivered {
		first = nil // Rejected tells
	}
	return all, first
}

// chat says what asks for nothing, whatever the answer.
func (s *session) chat(lines ...string) error {
	if s.cfg.Manner != Chatty {
		return nil
	}
	for _, line := range lines {
		var refused *ReplyError
		if _, err := s.command("chat", line); err != nil && (!errors.As(err, &refused) || refused.Code == 421) {
			return err
		}
	}
	return nil
}

// spelled returns a command in the letters of the manner.
func (m Manner) spelled(line string) string {
	if m != LowerCase {
		return line
	}
	verb, rest, found := strings.Cut(line, " ")
	if !found || strings.Contains(line, "\n") {
		return strings.ToLower(line)
	}
	if name, path, ok := strings.Cut(rest, ":"); ok && (verb == "MAIL" || verb == "RCPT") {
		return strings.ToLower(verb+" "+name) + ":" + path
	}
	return strings.ToLower(verb) + " " + rest
}

// chunks reports whether the message goes by BDAT.
func (s *session) chunks() bool {
	_, offered := s.offers["CHUNKING"]
	return offered && s.cfg.Manner == Chunks
}

// chunk sends the message by BDAT, in one chunk.
func (s *session) chunk(data []byte) error {
	data = ended(normalised(data))
	s.wait()
	_, err := s.conn.Write(append(fmt.Appendf(nil, "BDAT %d LAST\r\n", len(data)), data...))
	return err
}
