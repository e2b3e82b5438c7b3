package smtp_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/smtp"
)

// Send again, but never twice: the connection failed when the server had the
// whole message and had not said what it made of it.
func ExampleSafeToRetry() {
	server, network := mockOf("mail.example.com", "", "", mock.At("EOD").Nth(1).Do(mock.Drop()))
	defer server.Close()

	cfg := network(smtp.Config{Addr: "smtps://mail.example.com"})
	envelope := smtp.Envelope{From: "you@example.com", To: []string{"friend@example.com"}}
	for range 3 {
		result, err := smtp.Send(context.Background(), cfg, envelope, hello)
		if err == nil {
			fmt.Println("sent")
			return
		}
		if !smtp.SafeToRetry(err) {
			fmt.Println("may have reached", result.Uncertain, errors.Is(err, smtp.ErrUncertain))
			return
		}
	}
	// Output: may have reached [friend@example.com] true
}

// Tell where a connection failed.
func ExamplePhaseError() {
	server, network := mockOf("mail.example.com", "", "", mock.At("MAIL").Do(mock.Drop()))
	defer server.Close()

	envelope := smtp.Envelope{From: "you@example.com", To: []string{"friend@example.com"}}
	_, err := smtp.Send(context.Background(), network(smtp.Config{Addr: "smtps://mail.example.com"}), envelope, hello)
	var phase *smtp.PhaseError
	if errors.As(err, &phase) {
		fmt.Println("failed at", phase.Phase)
	}
	fmt.Println(smtp.Classify(err), smtp.SafeToRetry(err))
	// Output:
	// failed at MAIL
	// network true
}

// Tell what the server said of each recipient.
func ExamplePartialError() {
	server, network := mockOf("mail.example.com", "", "",
		mock.At("RCPT").Nth(2).Do(mock.Reply(550, "5.1.1", "No such user")),
		mock.At("RCPT").Nth(3).Do(mock.Reply(451, "4.7.1", "Greylisted")))
	defer server.Close()

	envelope := smtp.Envelope{From: "you@example.com", To: []string{"a@example.com", "b@example.com", "c@example.com"}}
	result, err := smtp.Send(context.Background(), network(smtp.Config{Addr: "smtps://mail.example.com"}), envelope, hello)
	var partial *smtp.PartialError
	if errors.As(err, &partial) {
		fmt.Println("accepted:", result.Accepted)
		for _, r := range partial.Rejected {
			fmt.Println(r.Recipient, r.Err.Reply.Enhanced, r.Err.Temporary())
		}
	}
	// Output:
	// accepted: [a@example.com]
	// b@example.com 5.1.1 false
	// c@example.com 4.7.1 true
}
