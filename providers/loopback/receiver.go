package loopback

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	anyPort = "127.0.0.1:0"

	path = "/callback"

	// maxRequest bounds a request, in octets, header and body each.
	maxRequest = 64 << 10

	// readTimeout bounds how long a request may take to arrive: it comes from
	// this machine.
	readTimeout = 10 * time.Second

	// farewell is how long Close waits for the page that is being written.
	farewell = time.Second
)

// A Receiver is an HTTP server on loopback that waits for one redirect.
type Receiver struct {
	listener net.Listener
	server   *http.Server
	host     string
	served   sync.WaitGroup

	state string
	once  sync.Once
	came  chan url.Values // the answer

	closing sync.Once
	closed  chan struct{}
}

// Listen opens a port on loopback. addr is host:port, where the host is an address
// such as 127.0.0.1 or the name localhost, as the redirect URI that is registered
// has it; zero means a free port of 127.0.0.1. An address that others can reach is
// refused. ctx bounds the opening alone; Close ends what was opened.
//
// Prefer an address to localhost, if the authority lets you: a browser may take
// that name for [::1], where another program may listen (RFC 8252, Section 8.3).
func Listen(ctx context.Context, addr string) (*Receiver, error) {
	if addr == "" {
		addr = anyPort
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("loopback: the address to listen on is not of the form 127.0.0.1:0: %w", err)
	}
	if !isLoopback(host) {
		return nil, fmt.Errorf("loopback: %q is no loopback address, so others could answer in the browser's place", host)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("loopback: listening for the browser's answer: %w", err)
	}
	if at, ok := listener.Addr().(*net.TCPAddr); !ok || !at.IP.IsLoopback() { // whatever this machine takes for localhost
		listener.Close()
		return nil, fmt.Errorf("loopback: %q is %v on this machine, which is no loopback address", host, listener.Addr())
	}
	r := &Receiver{
		listener: listener, host: host, state: rand.Text(),
		came: make(chan url.Values, 1), closed: make(chan struct{}),
	}
	r.server = &http.Server{
		Handler:           http.HandlerFunc(r.receive),
		ReadTimeout:       readTimeout,
		ReadHeaderTimeout: readTimeout,
		MaxHeaderBytes:    maxRequest,
		ErrorLog:          log.New(io.Discard, "", 0), // what strangers do wrong is nobody's business
	}
	r.served.Go(func() { _ = r.server.Serve(listener) }) // until Close
	return r, nil
}

// URL is the redirect URI, such as http://127.0.0.1:50123/callback.
func (r *Receiver) URL() string {
	_, port, _ := net.SplitHostPort(r.listener.Addr().String())
	return "http://" + net.JoinHostPort(r.host, port) + path
}

// Root is the redirect URI without a path, such as http://localhost:50123, for an
// authority that ignores the port of what was registered and compares the rest.
func (r *Receiver) Root() string { return strings.TrimSuffix(r.URL(), path) }

// State is what the authorization request has to carry as state, and what tells its
// answer from anything else that arrives (RFC 6749, Section 10.12). It has at
// least 128 random bits.
func (r *Receiver) State() string { return r.state }

// Wait returns the parameters of the first redirect that brings the state: those
// of the query (RFC 6749, Section 4.1.2) or of a posted form (OAuth 2.0 Form Post
// Response Mode). It returns them once. No parameter comes twice in them (RFC 6749,
// Section 3.1). The error matches that of ctx, or [net.ErrClosed] after Close.
func (r *Receiver) Wait(ctx context.Context) (url.Values, error) {
	select {
	case answer := <-r.came:
		return answer, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("loopback: waiting for the browser's answer: %w", ctx.Err())
	case <-r.closed:
		return nil, fmt.Errorf("loopback: waiting for the browser's answer: %w", net.ErrClosed)
	}
}

// Close stops listening. It waits a moment for a page that is on its way, one
// second at most. It returns nil, and may be called again.
func (r *Receiver) Close() error {
	r.closing.Do(func() { close(r.closed) })
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	if r.server.Shutdown(ctx) != nil {
		r.server.Close()
	}
	r.served.Wait()
	return nil
}

// receive answers a request, whoever sent it.
func (r *Receiver) receive(w http.ResponseWriter, req *http.Request) {
	req.Body = http.MaxBytesReader(w, req.Body, maxRequest)
	var answer url.Values
	switch {
	case req.URL.Path != path && req.URL.Path != "/": // a browser asks for an icon, too
		http.NotFound(w, req)
		return
	case req.Method == http.MethodGet:
		answer = req.URL.Query()
	case req.Method == http.MethodPost && req.ParseForm() == nil:
		answer = req.PostForm
	}
	if len(answer["state"]) != 1 || len(answer["code"])+len(answer["error"]) != 1 || repeats(answer) || !r.take(answer) {
		show(w, http.StatusBadRequest, "Nothing is waited for here", "This address takes the answer of one sign-in, once.")
		return
	}
	if answer.Has("error") {
		show(w, http.StatusOK, "Not signed in", "The sign-in did not succeed. The program says why; you may close this window.")
		return
	}
	show(w, http.StatusOK, "Signed in", "You may close this window and go back to the program.")
}

// take hands an answer to Wait if it brings the state, the first time. It reports
// whether it did.
func (r *Receiver) take(answer url.Values) (taken bool) {
	if subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(r.state)) != 1 {
		return false
	}
	r.once.Do(func() { r.came <- answer; taken = true })
	return taken
}

// repeats reports whether a parameter comes more than once, which could mean
// different things to different readers.
func repeats(answer url.Values) bool {
	for _, values := range answer {
		if len(values) > 1 {
			return true
		}
	}
	return false
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback() || strings.EqualFold(host, "localhost")
}
