package conformance

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-55a66e92/postern/mock"
)

// Try has the client send one message, waits until the connection is over, and
// returns what happened. Should the suite itself fail, the outcome of the case is
// [Error], whatever it returns.
func (b *ClientBench) Try(ctx context.Context, s Scene) *Trial {
	t := &Trial{mark: rand.Text(), secrets: &b.secrets}
	a, err := b.newAttempt(s)
	if err != nil {
		b.broken = errors.Join(b.broken, err)
		t.Crash = "there was no server"
		return t
	}
	t.message = s.message(t.mark)
	b.send(ctx, t, a, s)
	t.Log = a.log.String()
	t.Sessions, t.Messages = a.server.Sessions(), a.server.Messages()
	t.octets, t.left = a.tap.octets(), a.left
	t.taken, t.early, t.stalled = a.tap.taken(), a.tap.early(), a.tap.waits()
	b.cannot = nil
	if t.Answer.unsupported() && len(t.Sessions) == 0 {
		b.cannot = t.Answer.Err
	}
	for _, session := range t.Sessions {
		b.tell(Event{Kind: Dialogue, Case: b.of, Lines: b.dialogue(session)})
	}
	return t
}

// dialogue returns what was said in a session.
func (b *ClientBench) dialogue(s mock.Session) []string {
	var lines []string
	for _, line := range texts(s.Transcript) {
		lines = append(lines, b.printable(line))
	}
	return lines
}

// An attempt is what the client meets in one scene.
type attempt struct {
	server *mock.Server
	tap    *tap
	log    *logBuffer
	left   int // connections that the client had not closed when they were cut
}

func (b *ClientBench) newAttempt(s Scene) (*attempt, error) {
	server, err := mock.New(b.serverOptions(s))
	if err != nil {
		return nil, err
	}
	tap, err := newTap(server, b.target.Network, s.stallDial)
	if err != nil {
		server.Close()
		return nil, err
	}
	return &attempt{server: server, tap: tap, log: new(logBuffer)}, nil
}

// leaveWait is how long a connection may live on when the client has returned.
const leaveWait = time.Second

// close waits until no connection is left, and cuts those that somebody keeps.
// What was said on them is known by then.
func (a *attempt) close(ctx context.Context) {
	leaving, stop := context.WithTimeout(ctx, leaveWait)
	defer stop()
	a.tap.close(leaving)
	_ = a.server.WaitIdle(leaving)
	a.left = a.tap.open()
	a.server.Close()
}

// cut ends all connections at once.
func (a *attempt) cut() {
	a.tap.cancel()
	a.server.Close()
}

// send calls the driver and waits until it has returned and no connection is
// left. It cuts off a client that does not come to an end.
func (b *ClientBench) send(ctx context.Context, t *Trial, a *attempt, s Scene) {
	defer a.close(ctx)
	patience := cmp.Or(s.patience, b.timeout)
	sending, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	driven, cancelDriven := context.WithCancel(sending)
	defer cancelDriven()
	if s.Cancel > 0 {
		defer time.AfterFunc(s.Cancel, cancelDriven).Stop()
	}
	done := make(chan func(*Trial), 1)
	go func() { done <- b.drive(driven, a.config(s), t.message) }()
	select {
	case finish := <-done:
		finish(t)
	case <-sending.Done():
		if finish := await(done); finish != nil { // it has heeded its context
			finish(t)
			break
		}
		a.cut()
		await(done)
	}
	if sending.Err() != nil {
		t.Crash = fmt.Sprintf("the client had not come to an end within %v", patience)
	}
}

// await gives a client a moment to return. One that does not, though its
// connections were cut, is left alone: a goroutine cannot be ended from outside.
func await(done <-chan func(*Trial)) func(*Trial) {
	select {
	case finish := <-done:
		return finish
	case <-time.After(leaveWait):
		return nil
	}
}

// drive calls the driver and returns what is to be noted of it.
func (b *ClientBench) drive(ctx context.Context, cfg ClientConfig, msg Message) (finish func(*Trial)) {
	defer func() {
		if r := recover(); r != nil {
			finish = func(t *Trial) { t.Crash = fmt.Sprintf("the client panicked: %v", r) }
		}
	}()
	begin := time.Now()
	answer := b.target.Driver.Send(ctx, cfg, msg)
	took := time.Since(begin)
	if answer.Status == "" {
		answer.Status = Failed
	}
	return func(t *Trial) { t.Answer, t.Took = answer, took }
}

func (b *ClientBench) serverOptions(s Scene) mock.Options {
	o := s.Server
	o.Network = b.target.Network
	o.RequireAuth = true
	if !s.Chunking && o.Script == nil {
		o.Without = append(slices.Clone(o.Without), "CHUNKING", "BINARYMIME")
	}
	if s.TLS == ImplicitTLS {
		o.TLS = mock.ImplicitTLS
	}
	if s.Token != "" {
		if o.Tokens == nil {
			o.Tokens = mock.UserTokens{username: s.Token}
		}
		if o.Mechanisms == nil {
			o.Mechanisms = s.mechanisms()
		}
		return o
	}
	if o.Users == nil {
		o.Users = map[string]string{username: s.Password}
	}
	if o.Mechanisms == nil {
		o.Mechanisms = s.mechanisms()
	}
	return o
}

// mechanisms returns those that take the credential of the scene.
func (s Scene) mechanisms() []string {
	switch {
	case s.Mechanism != "":
		return []string{s.Mechanism}
	case s.Token != "":
		return []string{"XOAUTH2", "OAUTHBEARER"}
	}
	return []string{"PLAIN", "LOGIN"}
}

func (a *attempt) config(s Scene) ClientConfig {
	cfg := ClientConfig{
		Addr:      a.tap.addr(),
		Dial:      a.tap.dial,
		TLS:       s.TLS,
		RootCAs:   a.server.RootCAs(),
		CAPEM:     a.server.CAPEM(),
		Username:  username,
		Password:  s.Password,
		Mechanism: s.Mechanism,
		Timeout:   s.Timeout,
		Log:       a.log,
	}
	switch {
	case s.tokens != nil:
		cfg.Token = func(context.Context) (string, error) { return s.tokens() }
	case s.Token != "":
		cfg.Token = func(context.Context) (string, error) { return s.Token, nil }
	}
	return cfg
}

// Who sends every message to whom.
const (
	sender    = "sender@client.test"
	recipient = "recipient@example.test"
)

// message returns a message that can be told from all others by its mark.
func (s Scene) message(mark string) Message {
	header := []string{
		"From: <" + sender + ">",
		"To: <" + recipient + ">",
		"Subject: conformance",
		"Date: Mon, 01 Jan 2024 00:00:00 +0000",
		"Message-ID: <" + mark + "@client.test>",
		"X-Conformance: " + mark,
		"",
		"",
	}
	m := Message{
		From: cmp.Or(s.From, sender),
		To:   s.To,
		Data: []byte(strings.Join(header, "\r\n") + cmp.Or(s.Body, "This message puts a client to the test.\r\n")),
	}
	if s.nullSender {
		m.From = ""
	}
	if m.To == nil {
		m.To = []string{recipient}
	}
	return m
}

// maxLog is how much of a client's log is kept, in octets.
const maxLog = 1 << 20

// A logBuffer keeps the beginning of a log. A client may write to it when it has
// returned, and at any time from several goroutines.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write never fails: a log that stops should not stop the client.
func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p[:min(len(p), maxLog-l.text.Len())])
	return len(p), nil
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
