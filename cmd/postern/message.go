package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"os"
	"strings"

	"github.com/seed-55a66e92/postern/smtp"
)

// maxMessage is the longest message that is read from the standard input, in
// octets. The largest that the known providers take is 150 MiB.
const maxMessage = 256 << 20

// message returns the message in a file, which may be the standard input. One
// that has a name was looked at by checkFile.
func (a *app) message(ctx context.Context, file string) (smtp.Message, error) {
	if file != "-" {
		return smtp.File(file), nil
	}
	octets, err := readAll(ctx, a.stdin, maxMessage)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, err
	case err != nil:
		return nil, failf(exitNoInput, "standard input: %w", err)
	case len(octets) == 0:
		return nil, failf(exitNoInput, "standard input: no message came")
	}
	return smtp.Bytes(octets), nil
}

// readAll reads r to its end, but no more than limit octets, and gives up when
// ctx ends. A read that nobody can interrupt, as one from a terminal, goes on
// until the program ends.
func readAll(ctx context.Context, r io.Reader, limit int64) ([]byte, error) {
	type result struct {
		octets []byte
		err    error
	}
	done := make(chan result, 1)
	go func() {
		octets, err := io.ReadAll(io.LimitReader(r, limit+1))
		done <- result{octets, err}
	}()
	select {
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), context.Cause(ctx))
	case r := <-done:
		if r.err == nil && int64(len(r.octets)) > limit {
			r.err = fmt.Errorf("more than %d octets", limit)
		}
		return r.octets, r.err
	}
}

// checkFile tells early of a file that cannot be read.
func checkFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return failf(exitNoInput, "%w", err)
	}
	defer f.Close()
	switch info, err := f.Stat(); {
	case err != nil:
		return failf(exitNoInput, "%w", err)
	case info.IsDir():
		return failf(exitNoInput, "%s is a directory", name)
	case info.Size() == 0 && info.Mode().IsRegular():
		return failf(exitData, "%s is empty", name)
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
		return env, nil, fmt.Errorf("%w (--from and --to together take the place of the header)", err)
	}
	return env, stripped, nil
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
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return nil, failf(exitData, "%s: %.100q holds a control character", flag, value)
		}
		parsed, err := mail.ParseAddressList(value)
		if err != nil {
			return nil, failf(exitData, "%s: %.100q is not an address: %s", flag, value, strings.TrimPrefix(err.Error(), "mail: "))
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

// mailboxOf returns an address with the quotes that package net/mail has removed
// from its local part, if it needs them.
func mailboxOf(a *mail.Address) string {
	return unbracketed((&mail.Address{Address: a.Address}).String())
}
