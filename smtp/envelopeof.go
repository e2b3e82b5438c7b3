package smtp

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"mime"
	"net/mail"
	"net/textproto"
	"strings"
)

// maxHeader bounds the header that EnvelopeOf reads, in octets.
const maxHeader = 1 << 20

// EnvelopeOf finds the envelope of a message in its header: the sender in
// Sender or else From, the recipients in To, Cc and Bcc, each of them once. If
// the message was resent, the newest block of Resent- fields counts instead (RFC
// 5322, Section 3.6.6). The Message it returns is m without Bcc and Resent-Bcc.
// If the header names nobody usable, the error matches [ErrEnvelope] and the
// Message is returned all the same, for an envelope from elsewhere.
//
// A Message with a method Envelope is asked instead of its header and returned
// as it is. A Message made by [WriterTo] is refused: what renders a message may
// leave Bcc out of it, and then somebody would get no mail.
func EnvelopeOf(m Message) (Envelope, Message, error) {
	if e, ok := m.(interface{ Envelope() (Envelope, error) }); ok {
		env, err := e.Envelope()
		return env, m, err
	}
	if _, ok := m.(*renderedMessage); ok {
		return Envelope{}, nil, fmt.Errorf("%w: the header of a rendered message may lack Bcc: name the recipients", ErrEnvelope)
	}
	if m == nil {
		return Envelope{}, nil, fmt.Errorf("%w: it is nil", ErrMessage)
	}
	r, err := m.Open()
	if err != nil {
		return Envelope{}, nil, err
	}
	head, body, err := readHeader(r)
	if err != nil {
		r.Close()
		return Envelope{}, nil, err
	}
	env, err := envelopeOf(head)
	if _, once := m.(onceMessage); once {
		return env, Reader(readCloser{io.MultiReader(head.withoutBcc(), body), r}), err
	}
	r.Close()
	return env, strippedMessage{m}, err
}

// A strippedMessage is a message without its Bcc fields.
type strippedMessage struct{ m Message }

func (s strippedMessage) Open() (io.ReadCloser, error) {
	r, err := s.m.Open()
	if err != nil {
		return nil, err
	}
	head, body, err := readHeader(r)
	if err != nil {
		r.Close()
		return nil, err
	}
	return readCloser{io.MultiReader(head.withoutBcc(), body), r}, nil
}

type readCloser struct {
	io.Reader
	io.Closer
}

// A field is one field of a header, octets as they stand, line endings included.
type field struct {
	name string // in lower case; "" for a line that is no field
	raw  []byte
}

type header []field

// readHeader reads up to the empty line and returns it with the rest, which
// starts at the empty line. Lines end in CRLF, LF or CR, as they do for who sends
// the message: a Bcc that only some see would get out.
func readHeader(r io.Reader) (header, io.Reader, error) {
	br := bufio.NewReader(r)
	var h header
	total := 0
	for {
		line, err := readHeaderLine(br, maxHeader-total)
		if total += len(line); total >= maxHeader {
			return nil, nil, fmt.Errorf("%w: header of %d octets or more", ErrMessage, maxHeader)
		}
		if err != nil && err != io.EOF {
			return nil, nil, fmt.Errorf("%w: %w", ErrMessage, err)
		}
		text := bytes.TrimRight(line, "\r\n")
		switch {
		case len(text) == 0:
			return h, io.MultiReader(bytes.NewReader(line), br), nil
		case (text[0] == ' ' || text[0] == '\t') && len(h) > 0:
			last := &h[len(h)-1]
			last.raw = append(last.raw, line...)
		default:
			name, _, _ := bytes.Cut(text, []byte{':'})
			h = append(h, field{strings.ToLower(strings.TrimRight(string(name), " \t")), line})
		}
		if err == io.EOF {
			return h, br, nil
		}
	}
}

// readHeaderLine reads up to the end of a line, with it, and at most limit octets.
func readHeaderLine(br *bufio.Reader, limit int) (line []byte, err error) {
	for len(line) < limit {
		c, err := br.ReadByte()
		if err != nil {
			return line, err
		}
		line = append(line, c)
		switch {
		case c == '\n':
			return line, nil
		case c != '\r':
			continue
		}
		if next, _ := br.Peek(1); len(next) == 0 || next[0] != '\n' {
			return line, nil // what went wrong, if it did, shows at the next read
		}
	}
	return line, nil
}

// withoutBcc returns the octets of the header but for Bcc and Resent-Bcc.
func (h header) withoutBcc() io.Reader {
	var b bytes.Buffer
	for _, f := range h {
		if f.name != "bcc" && f.name != "resent-bcc" {
			b.Write(f.raw)
		}
	}
	return &b
}

// values returns the unfolded bodies of all fields of that name.
func (h header) values(name string) []string {
	var values []string
	for _, f := range h {
		if f.name == name {
			_, body, _ := strings.Cut(string(f.raw), ":")
			body = strings.ToValidUTF8(strings.NewReplacer("\r", "", "\n", "").Replace(body), "?")
			values = append(values, strings.TrimSpace(body))
		}
	}
	return values
}

// newestResent returns the first block of Resent- fields: it is the newest, and
// it ends where a field would come a second time. It is empty if there is none.
func (h header) newestResent() header {
	var block header
	seen := make(map[string]bool)
	for _, f := range h {
		if !strings.HasPrefix(f.name, "resent-") {
			if len(block) > 0 && f.name == "received" {
				break // trace fields stand between blocks
			}
			continue
		}
		if seen[f.name] {
			break
		}
		seen[f.name] = true
		block = append(block, f)
	}
	return block
}

func envelopeOf(h header) (Envelope, error) {
	prefix := ""
	if block := h.newestResent(); len(block) > 0 {
		h, prefix = block, "resent-"
	}
	from, err := h.sender(prefix)
	env := Envelope{From: from}
	errs := []error{err}
	seen := make(map[string]bool)
	for _, name := range []string{"to", "cc", "bcc"} {
		list, err := h.mailboxes(prefix + name)
		errs = append(errs, err)
		for _, addr := range list {
			if !seen[addr] {
				seen[addr] = true
				env.To = append(env.To, addr)
			}
		}
	}
	if err := join(errs...); err != nil {
		return Envelope{}, err
	}
	if len(env.To) == 0 {
		return Envelope{}, fmt.Errorf("%w: no recipient in %s, %s or %s", ErrEnvelope,
			written(prefix+"to"), written(prefix+"cc"), written(prefix+"bcc"))
	}
	return env, nil
}

// sender returns the mailbox in Sender, or the only one in From.
func (h header) sender(prefix string) (string, error) {
	sender, from := prefix+"sender", prefix+"from"
	for _, name := range []string{sender, from} {
		list, err := h.mailboxes(name)
		switch {
		case err != nil:
			return "", err
		case len(list) == 1:
			return list[0], nil
		case len(list) > 1 && name == from:
			return "", fmt.Errorf("%w: %d mailboxes in %s and no %s", ErrEnvelope, len(list), written(from), written(sender))
		case len(list) > 1:
			return "", fmt.Errorf("%w: %d mailboxes in %s", ErrEnvelope, len(list), written(sender))
		}
	}
	return "", fmt.Errorf("%w: no %s in the header", ErrEnvelope, written(from))
}

// written is the name of a field as people write it.
func written(name string) string { return textproto.CanonicalMIMEHeaderKey(name) }

// mailboxes returns the mailboxes in all fields of that name.
func (h header) mailboxes(name string) ([]string, error) {
	// The names of people are of no interest, so any charset of theirs will do.
	words := &mime.WordDecoder{CharsetReader: func(_ string, r io.Reader) (io.Reader, error) { return r, nil }}
	parser := mail.AddressParser{WordDecoder: words}
	var list []string
	for _, value := range h.values(name) {
		if value == "" {
			continue
		}
		addrs, err := parser.ParseList(value)
		if err != nil {
			return nil, fmt.Errorf("%w: %.100q in %s is no list of addresses such as friend@example.com", ErrEnvelope, value, written(name))
		}
		for _, a := range addrs {
			list = append(list, requote(a.Address))
		}
	}
	return list, nil
}

// requote puts the quotes back that package net/mail takes from a local part.
func requote(addr string) string {
	bracketed := (&mail.Address{Address: addr}).String()
	return strings.TrimSuffix(strings.TrimPrefix(bracketed, "<"), ">")
}
