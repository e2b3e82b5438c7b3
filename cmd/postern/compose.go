package main

import (
	"bytes"
	"fmt"
	"net/mail"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"github.com/seed-55a66e92/postern/smtp"
)

// A composed is a message that go-mail composes. It knows its envelope, which its
// header does not: go-mail leaves Bcc out when it renders a message.
type composed struct {
	smtp.Message
	source *gomail.Msg
}

func newComposed(m *gomail.Msg) composed { return composed{smtp.WriterTo(m), m} }

// Envelope returns whom the message is from and for; see smtp.EnvelopeOf.
func (c composed) Envelope() (smtp.Envelope, error) {
	from, err := c.source.GetSender(false)
	if err != nil {
		return smtp.Envelope{}, fmt.Errorf("%w: %w", smtp.ErrEnvelope, err)
	}
	to, err := c.source.GetRecipients()
	if err != nil {
		return smtp.Envelope{}, fmt.Errorf("%w: %w", smtp.ErrEnvelope, err)
	}
	env := smtp.Envelope{From: unbracketed(from)}
	for _, mailbox := range to {
		env.To = append(env.To, unbracketed(mailbox))
	}
	return env, nil
}

// unbracketed returns the mailbox in "<mailbox>", which is how go-mail has it.
func unbracketed(path string) string {
	return strings.TrimSuffix(strings.TrimPrefix(path, "<"), ">")
}

// An attachment is a file within a message.
type attachment struct {
	name    string
	content []byte
}

// demoMessage composes a message with an attachment.
func demoMessage(subject, text string, attached attachment) (composed, error) {
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	m.SetMessageIDWithValue(strings.ReplaceAll(strings.ToLower(subject), " ", "-") + "@example.com")
	m.Subject(subject)
	m.SetBodyString(gomail.TypeTextPlain, text)
	for _, err := range []error{
		m.FromFormat("You", demoUser),
		m.To(demoFriend),
		m.AttachReader(attached.name, bytes.NewReader(attached.content)),
	} {
		if err != nil {
			return composed{}, err
		}
	}
	return newComposed(m), nil
}

// attachments returns the files in a message.
func attachments(octets []byte) ([]attachment, error) {
	m, err := gomail.EMLToMsgFromReader(bytes.NewReader(octets))
	if err != nil {
		return nil, err
	}
	var list []attachment
	for _, file := range m.GetAttachments() {
		var content bytes.Buffer
		if _, err := file.Writer(&content); err != nil {
			return nil, err
		}
		list = append(list, attachment{file.Name, content.Bytes()})
	}
	return list, nil
}

// subjectOf returns the subject of a message, "" if it has none.
func subjectOf(octets []byte) string {
	m, err := mail.ReadMessage(bytes.NewReader(octets))
	if err != nil {
		return ""
	}
	return m.Header.Get("Subject")
}
