package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers/google"
	"github.com/seed-55a66e92/postern/providers/profile"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

const (
	demoUser   = "you@example.com"
	demoFriend = "friend@example.com"

	// demoLimit bounds the demo, which takes far less.
	demoLimit = 10 * time.Second
)

const demoAbout = `postern demo: watch a sign-in with OAuth 2.0, on this machine alone.

An authorization server and a mail server start on 127.0.0.1 and play Google and
Gmail. The program fetches an access token, signs in and sends a message with an
attachment. Then the token is revoked and a second message is sent, which shows
how a token is renewed in the middle of a sign-in. What was said is printed with
an explanation of each step, and at the end a report on server and account as
programs get it from smtp.Verify; no account, no network and no file is needed.`

func (a *app) demoCommand() *cobra.Command {
	return &cobra.Command{
		Use:                   "demo",
		Short:                 "watch a sign-in with OAuth 2.0, on this machine alone",
		Long:                  demoAbout,
		Example:               "  postern demo\n  postern demo | less",
		Args:                  noArguments,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.demo(cmd.Context()); err != nil {
				return &failure{exitSoftware, fmt.Errorf("demo: %w", err)}
			}
			return nil
		},
	}
}

// demo plays the demo and tells its story.
func (a *app) demo(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, demoLimit, errors.New("the demo took too long"))
	defer cancel()
	stage, err := newStage()
	if err != nil {
		return err
	}
	if err := stage.play(ctx); err != nil {
		return err
	}
	story, err := stage.story(painterFor(a.stdout))
	if err != nil {
		return err
	}
	_, err = a.stdout.Write(story)
	return err
}

// A stage is the demo's world: both servers, and the client with all it keeps
// between messages.
type stage struct {
	authority *mock.Authority
	server    *mock.Server
	tokens    *overheard
	client    smtp.Config
	attached  attachment
	results   []*smtp.Result
	report    *smtp.Report
}

func newStage() (*stage, error) {
	authority, err := mock.NewAuthority(mock.AuthorityOptions{Dialect: mock.GoogleOAuth})
	if err != nil {
		return nil, err
	}
	server, err := mock.New(mock.Options{
		Tokens: authority, RequireTLS: true, RequireAuth: true,
		Without: []string{"CHUNKING", "BINARYMIME", "DSN", "REQUIRETLS"}, // the story is about the sign-in
	})
	if err != nil {
		authority.Close()
		return nil, err
	}
	s := &stage{authority: authority, server: server, attached: attachment{"postern.txt", []byte("a small guarded gate in a wall\n")}}
	// The user consented to this once, in a browser; here it is simply granted.
	consent := authority.Grant(demoUser)
	tokens, err := google.RefreshToken(google.Client{
		ID:     "demo.apps.googleusercontent.com",
		Secret: sasl.NewSecret("demo-client-secret"),
	}, consent, google.Options{HTTPClient: authority.HijackingClient()})
	if err != nil {
		s.close()
		return nil, err
	}
	s.tokens = &overheard{TokenGenerator: tokens}
	s.client = smtp.Config{
		Addr:      server.URL(),
		TLSConfig: server.TLSConfig(),
		Profile:   profile.Gmail(),
		Auth:      sasl.OAuth(demoUser, s.tokens),
	}
	return s, nil
}

// play sends two messages with a revocation in between, and then has the server
// verified. Afterwards both servers are closed, so that their records are
// complete.
func (s *stage) play(ctx context.Context) error {
	defer s.close()
	if err := s.send(ctx, "First message", "Sent with a new token.\n"); err != nil {
		return fmt.Errorf("first message: %w", err)
	}
	s.authority.RevokeTokens(demoUser)
	if err := s.send(ctx, "Second message", "Sent after the token was revoked.\n"); err != nil {
		return fmt.Errorf("second message: %w", err)
	}
	var err error
	s.report, err = smtp.Verify(ctx, s.client, smtp.VerifyOptions{From: demoUser, To: []string{demoFriend}})
	if err != nil {
		return fmt.Errorf("verification: %w", err)
	}
	return nil
}

// close ends both servers.
func (s *stage) close() {
	s.server.Close()
	s.authority.Close()
}

// send sends a message on a connection of its own. It waits for the farewell, so
// that the transcript has it.
func (s *stage) send(ctx context.Context, subject, text string) error {
	msg, err := demoMessage(subject, text, s.attached)
	if err != nil {
		return err
	}
	env, err := msg.Envelope()
	if err != nil {
		return err
	}
	client, err := smtp.Dial(ctx, s.client)
	if err != nil {
		return err
	}
	result, err := client.Send(ctx, env, msg)
	client.Close()
	s.results = append(s.results, result)
	return err
}

// overheard is a token generator that remembers what it was told of refusals.
type overheard struct {
	sasl.TokenGenerator

	mu         sync.Mutex
	challenges []string // the error challenges of the server, decoded
}

// Token implements sasl.TokenGenerator.
func (o *overheard) Token(ctx context.Context, req sasl.TokenRequest) (sasl.Token, error) {
	var refusal *sasl.OAuthError
	if req.Rejected != nil && errors.As(req.Rejected.Err, &refusal) {
		o.mu.Lock()
		o.challenges = append(o.challenges, string(refusal.Raw()))
		o.mu.Unlock()
	}
	return o.TokenGenerator.Token(ctx, req)
}
