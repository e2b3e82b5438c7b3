package smtp_test

import (
	"context"
	"fmt"
	"sync"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// Many messages at once, over no more connections than the server allows.
func ExamplePool() {
	srv, err := mock.New(mock.Options{Limits: mock.Limits{Connections: 2}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()

	pool, err := smtp.NewPool(smtp.Config{
		Addr:      srv.URL(),
		TLSConfig: srv.TLSConfig(),
		Auth:      sasl.Password("user", "secret"),
	}, smtp.PoolOptions{MaxConns: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Close()

	var senders sync.WaitGroup
	for i := range 20 {
		senders.Go(func() {
			env := smtp.Envelope{From: "me@example.com", To: []string{fmt.Sprintf("reader%d@example.com", i)}}
			msg := smtp.Bytes([]byte("Subject: news\r\n\r\nSomething has happened.\r\n"))
			if _, err := pool.Send(context.Background(), env, msg); err != nil {
				fmt.Println(smtp.Classify(err), smtp.SafeToRetry(err), err)
			}
		})
	}
	senders.Wait()

	stats := pool.Stats()
	fmt.Println(stats.Accepted, "accepted,", stats.Failed, "failed,", stats.Uncertain, "uncertain")
	fmt.Println(len(srv.Messages()), "messages,", srv.Connections() <= 2)
	// Output:
	// 20 accepted, 0 failed, 0 uncertain
	// 20 messages, true
}
