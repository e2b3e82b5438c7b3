package smtp_test

import (
	"context"
	"fmt"
	"log"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/smtp"
)

var hello = smtp.Bytes([]byte("Subject: Hello\r\n\r\nHello.\r\n"))

// Ask for a report when the message is delivered, or cannot be; one recipient's
// reports name the address that the sender knows.
func ExampleEnvelope() {
	server, network := mockOf("mail.example.com", "", "")
	defer server.Close()

	_, err := smtp.Send(context.Background(), network(smtp.Config{Addr: "smtps://mail.example.com"}), smtp.Envelope{
		From:       "you@example.com",
		To:         []string{"friend@example.com", "team-7@lists.example.com"},
		Notify:     smtp.NotifySuccess | smtp.NotifyFailure,
		Return:     smtp.ReturnHeaders,
		EnvelopeID: "invoice 2026-117",
		Recipients: map[string]smtp.RecipientOptions{
			"team-7@lists.example.com": {OriginalRecipient: "team@example.com"},
		},
	}, hello)
	fmt.Println(err)
	fmt.Println(server.Messages()[0].Parameters)
	// Output:
	// <nil>
	// [SIZE=26 RET=HDRS ENVID=invoice+202026-117]
}

// Send to all recipients or to nobody.
func ExampleEnvelope_allOrNothing() {
	server, network := mockOf("mail.example.com", "", "", mock.At("RCPT").Nth(2).Do(mock.Reply(550, "5.1.1", "No such user")))
	defer server.Close()

	result, err := smtp.Send(context.Background(), network(smtp.Config{Addr: "smtps://mail.example.com"}), smtp.Envelope{
		From:         "you@example.com",
		To:           []string{"friend@example.com", "fiend@example.com"},
		AllOrNothing: true,
	}, hello)
	fmt.Println(err)
	fmt.Println(smtp.Classify(err), smtp.SafeToRetry(err), result.Rejected[0].Recipient)
	// Output:
	// smtp: nothing sent, because 1 of 2 recipients were refused: smtp: RCPT: 550 5.1.1 No such user, for <fiend@example.com>
	// permanent true fiend@example.com
}

// Deliver to the mailboxes of this host over the unix socket of an LMTP server:
// each recipient has a result of its own.
func ExampleSend_lmtp() {
	server, local := lmtpServer(
		"250 2.1.5 friend has it",
		"452 4.2.2 neighbour's mailbox is full",
	)
	defer server.Close()

	cfg := local(smtp.Config{Addr: "lmtp+unix:///run/lmtp", LocalName: "mail.example.com"})
	result, err := smtp.Send(context.Background(), cfg, smtp.Envelope{
		From: "you@example.com",
		To:   []string{"friend@example.com", "neighbour@example.com"},
	}, hello)
	fmt.Println(smtp.Classify(err))
	fmt.Println("delivered:", result.Accepted)
	fmt.Println("try later:", result.Retryable())
	// Output:
	// partial
	// delivered: [friend@example.com]
	// try later: [neighbour@example.com]
}

// lmtpServer starts an LMTP server that gives these replies to a message, and
// returns what leads a Config to it instead of to a real one.
func lmtpServer(replies ...string) (*mock.Server, func(smtp.Config) smtp.Config) {
	ok := mock.Send("250 ok")
	server, err := mock.New(mock.Options{Network: mock.InMemory, TLS: mock.NoTLS, Script: mock.Seq(
		mock.Send("220 mail.example.com LMTP"), mock.Expect("LHLO mail.example.com"), mock.Send("250 mail.example.com"),
		mock.Expect("MAIL FROM:<you@example.com>"), ok,
		mock.Expect("RCPT TO:<friend@example.com>"), ok,
		mock.Expect("RCPT TO:<neighbour@example.com>"), ok,
		mock.ExpectData(), mock.Send(replies...), mock.Bye(),
	)})
	if err != nil {
		log.Fatal(err)
	}
	return server, func(cfg smtp.Config) smtp.Config {
		cfg.DialContext = server.Dial
		return cfg
	}
}
