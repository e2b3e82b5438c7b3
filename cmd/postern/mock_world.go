package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
)

// A world is what "postern mock" runs.
type world struct {
	server    *mock.Server
	authority *mock.Authority // nil without --oauth

	mu  sync.Mutex // connections print in parallel
	out io.Writer
}

func newWorld(out io.Writer) *world { return &world{out: out} }

// open starts the servers and prints how they are reached.
func (w *world) open(ctx context.Context, o *mockOptions, options mock.Options) error {
	password, made, err := o.password(ctx)
	if err != nil {
		return err
	}
	if options.Script, err = o.dialogue(password); err != nil {
		return err
	}
	options.Users = map[string]string{o.user: password}
	options.OnLine = w.line
	if o.oauth {
		if w.authority, err = mock.NewAuthority(o.authority()); err != nil {
			return err
		}
		options.Tokens = w.authority
	}
	w.mu.Lock() // until it is said where the server is, connections wait
	defer w.mu.Unlock()
	if w.server, err = mock.New(options); err != nil {
		return err
	}
	if err := w.writeCA(o.caFile); err != nil {
		return err
	}
	if o.store != "" {
		if err := os.MkdirAll(o.store, 0o700); err != nil {
			return failf(exitConfig, "--store: %w", err)
		}
	}
	w.introduce(o, options.TLS, password, made)
	return nil
}

// close ends the servers.
func (w *world) close() {
	if w.server != nil {
		w.server.Close()
	}
	if w.authority != nil {
		w.authority.Close()
	}
}

// writeCA writes the certificate authority. It replaces a certificate that is
// there, as an earlier run left it, and nothing else.
func (w *world) writeCA(name string) error {
	if name == "" {
		return nil
	}
	old, err := os.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return failf(exitConfig, "--ca: %w", err)
	case len(old) > 0 && !bytes.HasPrefix(old, []byte("-----BEGIN CERTIFICATE-----")):
		return failf(exitConfig, "--ca: %s exists and is no certificate: name another file", name)
	}
	if err := os.WriteFile(name, w.server.CAPEM(), 0o644); err != nil {
		return failf(exitConfig, "--ca: %w", err)
	}
	return nil
}

// introduce prints what a client needs. What was made for this run is no secret
// of anybody's, so it is shown.
func (w *world) introduce(o *mockOptions, mode mock.TLSMode, password string, made bool) {
	how := map[mock.TLSMode]string{mock.STARTTLS: "STARTTLS", mock.ImplicitTLS: "TLS from the start", mock.NoTLS: "no TLS"}
	item := func(name, value string) { fmt.Fprintf(w.out, "%-14s%s\n", name, value) }
	item("server", w.server.URL()+" ("+how[mode]+")")
	if o.caFile != "" {
		item("authority", o.caFile)
	} else if mode != mock.NoTLS {
		item("authority", "not written: --ca FILE writes what the client has to trust")
	}
	item("user", oneLine(o.user))
	if !made {
		password = "the one in " + o.passwordFile
	}
	item("password", password)
	if w.authority != nil {
		token := w.authority.Issue(o.user, 0)
		item("access token", token.Value.Reveal())
		item("", "good until "+token.Expiry.Format(time.TimeOnly))
		item("refresh token", reveal(w.authority.Grant(o.user)))
		item("token URL", w.authority.TokenURL()+" (any client identifier and secret)")
	}
	item("end", "Ctrl-C")
	fmt.Fprintln(w.out)
}

func reveal(s sasl.Secret) string { return s.Reveal() }

// line prints a line of the dialogue.
func (w *world) line(l mock.Line) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fmt.Fprintf(w.out, "%d %c: %s\n", l.Session, l.From, l.Text)
}

// run takes messages until the context ends.
func (w *world) run(ctx context.Context, dir string) error {
	for {
		_, err := w.server.WaitMessages(ctx, 1)
		over := ctx.Err() != nil
		if over {
			w.server.Close() // no more come; what has come is kept
		} else if err != nil {
			return &failure{exitSoftware, err}
		}
		for _, m := range w.server.TakeMessages() {
			if err := w.keep(dir, m); err != nil {
				return err
			}
		}
		if over {
			return w.verdict()
		}
	}
}

// verdict returns what was not as the script says.
func (w *world) verdict() error {
	if err := w.server.Err(); err != nil {
		return failf(exitProtocol, "%w", &linesError{nicer(err)})
	}
	return nil
}

// keep writes a message to a file of its own.
func (w *world) keep(dir string, m mock.Message) error {
	if dir == "" {
		return nil
	}
	name := filepath.Join(dir, time.Now().Format("20060102-150405-")+m.ID+".eml")
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return failf(exitConfig, "--store: %w", err)
	}
	_, err = f.Write(m.Data)
	if err = errors.Join(err, f.Close()); err != nil {
		return failf(exitConfig, "--store: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	fmt.Fprintf(w.out, "%d *: stored as %s\n", m.Session, name)
	return nil
}
