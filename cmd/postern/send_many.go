package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/seed-55a66e92/postern/smtp"
)

// A letter is a message, where it is from, and for whom it is.
type letter struct {
	file     string
	envelope smtp.Envelope
	message  smtp.Message
}

// letters reads what has to be known of messages before they are sent.
func (a *app) letters(ctx context.Context, o *sendOptions, files []string) ([]letter, error) {
	list := make([]letter, len(files))
	for i, file := range files {
		msg, err := a.message(ctx, file)
		if err == nil {
			list[i].file = file
			list[i].envelope, list[i].message, err = o.envelope(msg)
		}
		switch {
		case err != nil && len(files) > 1 && file != "-":
			return nil, fmt.Errorf("%s: %w", file, err)
		case err != nil:
			return nil, err
		}
	}
	return list, nil
}

// errDryRun takes the place of a connection.
var errDryRun = errors.New("dry run")

// planAll prints what would be sent. The engine makes all its checks before it
// asks for a connection.
func (a *app) planAll(ctx context.Context, o *sendOptions, cfg smtp.Config, letters []letter) error {
	cfg.DialContext = func(context.Context, string, string) (net.Conn, error) { return nil, errDryRun }
	for _, l := range letters {
		if _, err := smtp.Send(ctx, cfg, l.envelope, l.message); !errors.Is(err, errDryRun) {
			return err
		}
		if len(letters) > 1 {
			fmt.Fprintf(a.stdout, "file      %s\n", oneLine(l.file))
		}
		if err := a.printPlan(o, cfg, l.envelope, l.message); err != nil {
			return err
		}
	}
	return nil
}

// together is how many messages are handed to the pool at the same time: enough
// for any number of connections that a provider lets an account have.
const together = 16

// A delivery is what became of a letter.
type delivery struct {
	result *smtp.Result
	err    error
}

// sendAll sends messages through a pool, and prints what became of them in their
// order.
func (a *app) sendAll(ctx context.Context, cfg smtp.Config, letters []letter) error {
	pool, err := smtp.NewPool(cfg, smtp.PoolOptions{})
	if err != nil {
		return err
	}
	defer pool.Close()
	var senders sync.WaitGroup
	defer senders.Wait()
	deliveries := make([]chan delivery, len(letters))
	for i := range deliveries {
		deliveries[i] = make(chan delivery, 1)
	}
	next := make(chan int, len(letters))
	for i := range letters {
		next <- i
	}
	close(next)
	for range min(together, len(letters)) {
		senders.Go(func() {
			for i := range next {
				result, err := pool.Send(ctx, letters[i].envelope, letters[i].message)
				deliveries[i] <- delivery{result, err}
			}
		})
	}
	var failed []error
	for i, l := range letters {
		d := <-deliveries[i]
		if err := a.printDelivery(cfg, l, d); err != nil {
			failed = append(failed, err)
		}
	}
	return ofMany(failed, len(letters))
}

// printDelivery prints what became of a letter, its failure too, and returns that.
func (a *app) printDelivery(cfg smtp.Config, l letter, d delivery) error {
	fmt.Fprintf(a.stdout, "file      %s\n", oneLine(l.file))
	a.printResult(d.result, d.err)
	err := withoutGreeting(cfg, ofRecipients(d.result, d.err))
	if err != nil {
		fmt.Fprintf(a.stderr, "postern: %s: %s\n", oneLine(l.file), explain(err))
	}
	return err
}

// ofMany makes one failure of those of several messages, which were printed. Its
// exit code is that of the first whose message may have been delivered, for that
// must not be sent again just so, or else of the first.
func ofMany(failed []error, all int) error {
	if len(failed) == 0 {
		return nil
	}
	code := exitCode(failed[0])
	for _, err := range failed {
		if exitCode(err) == exitUncertain {
			code = exitUncertain
		}
	}
	return failf(code, "%d of %d messages failed", len(failed), all)
}
