package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"os"
	"strings"

	"github.com/seed-55a66e92/postern/smtp"
)

// maxMessage is the longest message that is read from the standard input or a
// pipe, in octets. The largest that the known providers take is 150 MiB.
const maxMessage = 256 << 20

// message returns the message in a file, which may be the standard input. An
// ordinary file was looked at by checkFile, and is read when it is sent. Others,
// such as a named pipe, can be read once: they are read into memory.
func (a *app) message(ctx context.Context, file string) (smtp.Message, error) {
	if file == "-" {
		return readMessage(ctx, "standard input", a.stdin)
	}
	if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
		return smtp.File(file), nil
	}
	f, err := openContext(ctx, file)
	if err != nil {
		return nil, unreadable("the message", err)
	}
	defer f.Close()
	return readMessage(ctx, file, f)
}

func readMessage(ctx context.Context, name string, r io.Reader) (smtp.Message, error) {
	octets, err := readAll(ctx, r, maxMessage)
	switch {
	case err != nil:
		return nil, unreadable(name, err)
	case len(octets) == 0:
		return nil, failf(exitNoInput, "%s: no message came", name)
	}
	return smtp.Bytes(octets), checkBeginning(name, octets)
}

// checkFile tells early of a file that cannot be read or is no message. Of what is
// not an ordinary file it reads nothing.
func checkFile(ctx context.Context, name string) error {
	switch info, err := os.Stat(name); {
	case err != nil:
		return failf(exitNoInput, "%w", err)
	case info.IsDir():
		return failf(exitNoInput, "%s is a directory", name)
	case !info.Mode().IsRegular():
		return nil
	case info.Size() == 0:
		return failf(exitData, "%s is empty", name)
	}
	f, err := openContext(ctx, name)
	if err != nil {
		return unreadable("the message", err)
	}
	defer f.Close()
	beginning := make([]byte, len(mailboxMark))
	n, err := io.ReadFull(f, beginning)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return unreadable("the message", err)
	}
	return checkBeginning(name, beginning[:n])
}

// unreadable returns a failure to read something.
func unreadable(what string, err error) error {
	if gone := new(endedError); errors.As(err, &gone) {
		return fmt.Errorf("%s: %w", what, err)
	}
	return failf(exitNoInput, "%s: %w", what, err)
}

// mailboxMark begins each message of a mailbox file (RFC 4155, Appendix A).
const mailboxMark = "From "

// checkBeginning refuses what mail programs save, too, and no server understands.
func checkBeginning(name string, octets []byte) error {
	switch {
	case bytes.HasPrefix(octets, []byte(mailboxMark)):
		return failf(exitData, "%s: the file begins like a mailbox, not a message", name)
	case hasByteOrderMark(octets):
		return failf(exitData, "%s begins with a byte order mark: save it without", name)
	}
	return nil
}

// envelope returns the envelope of a message and the message without Bcc. Flags
// count more than the header.
func (o *sendOptions) envelope(msg smtp.Message) (smtp.Envelope, smtp.Message, error) {
	to, err := addresses("--to", o.to)
	if err != nil {
		return smtp.Envelope{}, nil, err
	}
	from, err := o.sender()
	if err != nil {
		return smtp.Envelope{}, nil, err
	}
	if len(to) > 0 {
		msg = withRecipient{msg}
	}
	env, stripped, err := smtp.EnvelopeOf(msg)
	if len(to) > 0 {
		env.To = to
	}
	if o.fromGiven {
		env.From = from
	}
	// What the header lacks does not matter if the flags have it.
	enough := o.fromGiven && len(to) > 0 && errors.Is(err, smtp.ErrEnvelope) && stripped != nil
	if err != nil && !enough {
		return env, nil, o.withoutEnvelope(err)
	}
	return env, stripped, nil
}

// withoutEnvelope says what may take the place of a header that has no envelope.
func (o *sendOptions) withoutEnvelope(err error) error {
	switch {
	case !errors.Is(err, smtp.ErrEnvelope):
		return err
	case len(o.to) > 0:
		return fmt.Errorf("%w (or give --from)", err)
	case o.fromGiven:
		return fmt.Errorf("%w (or give --to)", err)
	}
	return fmt.Errorf("%w (--from and --to together take the place of the header)", err)
}

// withRecipient gives a message a recipient that is in nobody's way: without
// any, its header would count as none to find a sender in. The field goes when
// Bcc is stripped.
type withRecipient struct{ smtp.Message }

// Open implements smtp.Message.
func (m withRecipient) Open() (io.ReadCloser, error) {
	r, err := m.Message.Open()
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(strings.NewReader("Bcc: nobody@invalid\r\n"), r), r}, nil
}

// sender returns the address in --from.
func (o *sendOptions) sender() (string, error) {
	if !o.fromGiven || o.from == "<>" {
		return "", nil
	}
	list, err := addresses("--from", []string{o.from})
	switch {
	case err != nil:
		return "", err
	case len(list) != 1:
		return "", failf(exitData, "--from: %d addresses; a message has one sender (\"<>\" for none)", len(list))
	}
	return list[0], nil
}

// addresses returns the mailboxes in the values of a flag, each of them once.
func addresses(flag string, values []string) ([]string, error) {
	var list []string
	seen := make(map[string]bool)
	for _, value := range values {
		// A parser of headers takes a line break for folding.
		if hasControl(value) {
			return nil, failf(exitData, "%s: %.100q holds a control character", flag, value)
		}
		parsed, err := mail.ParseAddressList(value)
		if err != nil {
			return nil, failf(exitData, "%s: %.100q is no address like friend@example.com", flag, value)
		}
		for _, p := range parsed {
			mailbox := mailboxOf(p)
			if !seen[mailbox] {
				seen[mailbox] = true
				list = append(list, mailbox)
			}
		}
	}
	return list, nil
}

// hasControl reports whether a value of a flag holds a control character.
func hasControl(value string) bool {
	return strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// mailboxOf returns an address with the quotes that package net/mail has removed
// from its local part, if it needs them.
func mailboxOf(a *mail.Address) string {
	return unbracketed((&mail.Address{Address: a.Address}).String())
}
