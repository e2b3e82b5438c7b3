package google

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"html"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/seed-55a66e92/postern/providers"
)

// A loopback is the port that the browser comes back to (RFC 8252, Section 7.3).
type loopback struct {
	url    string
	state  string
	server *http.Server
	served sync.WaitGroup

	answers chan redirect // of one element
	once    sync.Once     // the first answer is the one

	outcome chan struct{} // closed once page is set
	page    string
	status  int
}

// A redirect is what the browser brings back: a code, or why there is none.
type redirect struct {
	code    string
	refusal answer
}

// pageTimeout bounds how long the browser may take over its page.
const pageTimeout = 2 * time.Second

// listenBack listens for the browser.
func listenBack(ctx context.Context, address, state string) (*loopback, error) {
	if address == "" {
		address = "127.0.0.1:0"
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil || !isLoopback(host) {
		return nil, misconfigured("LoginOptions.Listen must be an address and a port on loopback, such as 127.0.0.1:8080")
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, &providers.Error{
			Kind: providers.Misconfigured, Provider: provider, Description: "there is no port for the browser to come back to", Err: err,
			Hint: "choose another in LoginOptions.Listen, or none",
		}
	}
	b := &loopback{
		url: "http://" + l.Addr().String(), state: state,
		answers: make(chan redirect, 1), outcome: make(chan struct{}),
	}
	b.server = &http.Server{
		Handler: b, ReadHeaderTimeout: 10 * time.Second, WriteTimeout: time.Minute, MaxHeaderBytes: 32 << 10,
		ErrorLog: log.New(io.Discard, "", 0), // a stranger's nonsense is no news
	}
	b.server.SetKeepAlivesEnabled(false)
	b.served.Go(func() { _ = b.server.Serve(l) }) // its error is that it was closed
	return b, nil
}

// ServeHTTP takes the answer of the browser, and lets everybody else go away: an
// icon that is asked for, a program that looks for open ports, a page that
// guesses. The browser is shown what has come of it.
func (b *loopback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	known := subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(b.state)) == 1
	code, refusal := query.Get("code"), query.Get("error")
	switch {
	case r.Method != http.MethodGet || r.URL.Path != "/":
		http.Error(w, "Nothing is here.", http.StatusNotFound)
		return
	case !known || (code == "") == (refusal == ""):
		http.Error(w, "This is not the answer to the sign-in that was begun here.", http.StatusBadRequest)
		return
	}
	b.once.Do(func() {
		answer := redirect{code: code}
		answer.refusal.code, answer.refusal.text = refusal, query.Get("error_description")
		b.answers <- answer
	})
	select {
	case <-b.outcome:
	case <-r.Context().Done():
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Content-Security-Policy", "default-src 'none'")
	w.WriteHeader(b.status)
	fmt.Fprintf(w, "<!DOCTYPE html><title>Sign-in</title><p>%s</p><p>You can close this page.</p>\n", html.EscapeString(b.page))
}

// close shows what has come of the sign-in, and ends the listener.
func (b *loopback) close(err error, user string) {
	b.status, b.page = http.StatusOK, user+" has signed in."
	if err != nil {
		b.status, b.page = http.StatusBadRequest, "The sign-in failed: "+err.Error()
	}
	close(b.outcome)
	ctx, cancel := context.WithTimeout(context.Background(), pageTimeout)
	defer cancel()
	if b.server.Shutdown(ctx) != nil {
		b.server.Close()
	}
	b.served.Wait()
}

// waiting is the error for a sign-in that somebody has given up.
func waiting(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("google: nobody signed in in time: %w", ctx.Err())
	}
	return fmt.Errorf("google: waiting for the user to sign in: %w", ctx.Err())
}
