package badclient

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/seed-55a66e92/postern/internal/wire"
)

var errNoReply = errors.New("no reply to the message")

// checkAddresses refuses what would not stay within its command.
func checkAddresses(defect Defect, msg Message) error {
	for _, address := range append([]string{msg.From}, msg.To...) {
		control := strings.ContainsFunc(address, func(r rune) bool { return r < ' ' || r == 0x7f })
		if control && defect != AnyAddress {
			return fmt.Errorf("a control character in the address %q", address)
		}
	}
	return nil
}

// A step is a command of a transaction.
type step struct{ verb, line string }

// steps are the commands of a transaction; parameters are those of MAIL.
func steps(msg Message, parameters string) []step {
	all := []step{{"MAIL", "MAIL FROM:<" + msg.From + ">" + parameters}}
	for _, to := range msg.To {
		all = append(all, step{"RCPT", "RCPT TO:<" + to + ">"})
	}
	return append(all, step{"DATA", "DATA"})
}

// transact sends a message over a session that is open.
func (s *session) transact(msg Message) (Result, error) {
	parameters := ""
	if bytes.ContainsFunc(msg.Data, func(r rune) bool { return r > 127 }) {
		if _, ok := s.offers["8BITMIME"]; ok {
			parameters = " BODY=8BITMIME"
		} else if s.defect != Raw8Bit {
			return Result{}, errors.New("8BITMIME is not offered")
		}
	}
	if s.defect == AlwaysBody {
		parameters = " BODY=8BITMIME"
	}
	if s.defect == BracketedNull && msg.From == "" {
		msg.From = "<>"
	}
	if err := s.chat("VRFY "+msg.To[0], "NOOP", "RSET"); err != nil {
		return Result{}, err
	}
	replies, err := s.envelope(steps(msg, parameters))
	result := Result{Rejected: s.rejected(msg.To, replies)}
	refusal := s.firstRefusal(replies, result.Rejected, msg.To)
	if err != nil {
		if refusal != nil && s.defect != EOFWins {
			err = refusal
		}
		return result, err
	}
	goAhead := len(replies) == len(msg.To)+2 && s.accepted("DATA", replies[len(replies)-1].Code)
	nobody := refusal != nil && (!s.accepted("MAIL", replies[0].Code) || len(result.Rejected) == len(msg.To))
	goAhead = goAhead || s.chunks() && len(replies) == len(msg.To)+1
	switch {
	case s.cfg.Manner == FirstRefusal && refusal != nil:
		result.Rejected = nil // of the others, nothing is known
		return result, refusal
	case nobody && s.chunks():
		return result, refusal
	case nobody && goAhead && s.defect != ContentToNobody:
		_, _ = s.command("content", ".") // it has to be refused
		return result, refusal
	case nobody && !goAhead:
		return result, refusal
	case !goAhead:
		last := replies[len(replies)-1]
		return result, &ReplyError{Verb: "DATA", Code: last.Code, Lines: last.Lines}
	}
	if s.in.pending() && s.defect != IgnoreUnsolicited {
		return result, errUnsolicited
	}
	if err := s.content(msg.Data, &result); err != nil {
		return result, err
	}
	result.Delivered = true
	if s.defect == RejectedDelivered {
		result.Rejected = nil
	}
	return result, nil
}

// pipelines reports whether the client makes use of PIPELINING.
func (s *session) pipelines() bool {
	switch s.cfg.Manner {
	case LockStep, Chatty, FirstRefusal, Chunks:
		return false
	}
	return true
}

// envelope sends the commands, all at once if the server lets it, and returns the
// replies that it got: as many as there are commands, unless there is an error or
// something was refused that the rest would depend on.
func (s *session) envelope(all []step) ([]wire.Reply, error) {
	var replies []wire.Reply
	if _, offered := s.offers["PIPELINING"]; s.defect == AlwaysPipeline || offered && s.pipelines() {
		var group []string
		for _, step := range all {
			group = append(group, step.line)
		}
		if err := s.say(strings.Join(group, "\r\n")); err != nil {
			return nil, err
		}
		for range all {
			reply, err := s.read()
			if err != nil {
				return replies, err
			}
			replies = append(replies, reply)
		}
		return replies, nil
	}
	taken := 0
	for _, step := range all {
		if step.verb == "DATA" && (taken == 0 || s.chunks()) {
			break
		}
		if err := s.say(step.line); err != nil {
			return replies, err
		}
		reply, err := s.read()
		if err != nil {
			return replies, err
		}
		replies = append(replies, reply)
		ok := s.accepted(step.verb, reply.Code)
		if step.verb == "MAIL" && !ok {
			break
		}
		if step.verb == "RCPT" && ok {
			taken++
		}
		if step.verb == "RCPT" && !ok && s.cfg.Manner == FirstRefusal {
			break
		}
	}
	return replies, nil
}

// rejected returns the recipients that were refused: the replies come in the order
// of the commands (RFC 2920, Section 3.1).
func (s *session) rejected(to []string, replies []wire.Reply) map[string]*ReplyError {
	var addresses []string
	var refusals []*ReplyError
	for i, address := range to {
		if i+1 < len(replies) && !s.accepted("RCPT", replies[i+1].Code) {
			addresses = append(addresses, address)
			refusals = append(refusals, &ReplyError{Verb: "RCPT", Code: replies[i+1].Code, Lines: replies[i+1].Lines})
		}
	}
	if s.defect == MatchByCode {
		addresses = to[len(to)-len(addresses):]
	}
	refused := make(map[string]*ReplyError)
	for i, address := range addresses {
		refused[address] = refusals[i]
	}
	return refused
}

// firstRefusal returns the refusal of the sender or of the first recipient that was
// refused, nil if neither is there.
func (s *session) firstRefusal(replies []wire.Reply, rejected map[string]*ReplyError, to []string) error {
	if len(replies) > 0 && !s.accepted("MAIL", replies[0].Code) {
		return &ReplyError{Verb: "MAIL", Code: replies[0].Code, Lines: replies[0].Lines}
	}
	for _, address := range to {
		if e := rejected[address]; e != nil {
			return e
		}
	}
	return nil
}

// content sends the message and reads what becomes of it.
func (s *session) content(data []byte, result *Result) error {
	send := s.writeContent
	if s.chunks() {
		send = s.chunk
	}
	if err := send(data); err != nil {
		return err
	}
	result.Uncertain, s.ending = true, true
	s.wait()
	if _, err := s.in.in.Peek(1); err != nil {
		return fmt.Errorf("%w: %w", errNoReply, err)
	}
	_, err := s.reply("content")
	var refused *ReplyError
	if err == nil || errors.As(err, &refused) {
		result.Uncertain = false
	}
	return err
}

func (s *session) writeContent(data []byte) error {
	s.logf("C: [%d octets of content]", len(data))
	out := bufio.NewWriterSize(&patientWriter{s}, 8<<10)
	if err := s.code(out, data); err != nil {
		return err
	}
	return out.Flush()
}

// code writes content as it goes by DATA.
func (s *session) code(out io.Writer, data []byte) error {
	switch s.defect {
	case MissBufferEdge:
		const buffer = 4096
		data = ended(normalised(data))
		for len(data) > 0 {
			n := min(buffer, len(data))
			if err := stuff(out, data[:n]); err != nil {
				return err
			}
			data = data[n:]
		}
		_, err := io.WriteString(out, ".\r\n")
		return err
	case BlankLine:
		if err := stuff(out, normalised(data)); err != nil {
			return err
		}
		_, err := io.WriteString(out, "\r\n.\r\n")
		return err
	case BareLineEnds:
		if err := stuff(out, ended(data)); err != nil {
			return err
		}
		_, err := io.WriteString(out, ".\r\n")
		return err
	}
	w := wire.NewDotWriter(out)
	if _, err := w.Write(data); err != nil {
		return err
	}
	return w.Close()
}

// stuff doubles the dots at the starts of lines, but not at the start of data, and
// changes nothing else.
func stuff(w io.Writer, data []byte) error {
	_, err := io.WriteString(w, strings.ReplaceAll(string(data), "\r\n.", "\r\n.."))
	return err
}

// normalised returns content with CRLF alone.
func normalised(data []byte) []byte {
	lf := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(data))
	return []byte(strings.ReplaceAll(lf, "\n", "\r\n"))
}

// ended returns content with CRLF at its end.
func ended(data []byte) []byte {
	if bytes.HasSuffix(data, []byte("\r\n")) {
		return data
	}
	return append(bytes.Clone(data), "\r\n"...)
}

// A patientWriter waits for the server as long as it may with each write.
type patientWriter struct{ s *session }

func (w *patientWriter) Write(p []byte) (int, error) {
	w.s.wait()
	return w.s.conn.Write(p)
}
