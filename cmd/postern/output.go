package main

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// printResult prints what became of a message: a line for each recipient, and the
// server's reply. Recipients whose message was refused as a whole have no line.
func (a *app) printResult(result *smtp.Result, err error) {
	for _, warning := range result.Warnings {
		fmt.Fprintln(a.stderr, "postern: warning: "+oneLine(warning.Error()))
	}
	delivered := err == nil || smtp.Classify(err) == smtp.Partial
	if delivered {
		for _, to := range result.Accepted {
			fmt.Fprintf(a.stdout, "accepted  %s\n", to)
		}
	}
	for _, r := range result.Rejected {
		fmt.Fprintf(a.stdout, "refused   %s: %s\n", r.Recipient, r.Err.Reply)
	}
	if !delivered {
		return
	}
	fmt.Fprintf(a.stdout, "server    %s\n", result.Reply)
	if result.QueueID != "" {
		fmt.Fprintf(a.stdout, "queue id  %s\n", oneLine(result.QueueID))
	}
}

// printPlan prints what "send" would do.
func (a *app) printPlan(o *sendOptions, cfg smtp.Config, env smtp.Envelope, msg smtp.Message) error {
	size, err := sizeOf(msg)
	if err != nil {
		return err
	}
	w := a.stdout
	fmt.Fprintln(w, "dry run: nothing was sent, nobody was asked")
	fmt.Fprintf(w, "server    %s\n", serverName(cfg))
	fmt.Fprintf(w, "from      %s\n", cmp.Or(env.From, "<> (no bounces)"))
	for _, to := range env.To {
		fmt.Fprintf(w, "to        %s\n", to)
	}
	fmt.Fprintf(w, "message   %d octets\n", size)
	if cfg.Auth == nil {
		fmt.Fprintln(w, "sign-in   none: no credential was given")
		return nil
	}
	fmt.Fprintf(w, "sign-in   as %s, by --%s\n", oneLine(o.credentials.user), o.credentials.source())
	for _, line := range choice(cfg.Auth, supposed(cfg)) {
		fmt.Fprintf(w, "          %s\n", line)
	}
	if cfg.Auth.Credentials.Token != nil && cfg.Profile != nil && cfg.Profile.NoOAuth != "" {
		fmt.Fprintf(w, "advice    %s\n", cfg.Profile.NoOAuth)
	}
	return nil
}

func serverName(cfg smtp.Config) string {
	if cfg.Profile == nil {
		return cfg.Addr
	}
	return addressOf(cfg) + " (" + cfg.Profile.Name + ")"
}

// supposed is the connection that a server would give which has all that is
// hoped for: verified TLS, and the mechanisms of its profile or all.
func supposed(cfg smtp.Config) *sasl.Conn {
	offered := sasl.Default().Names()
	if cfg.Profile != nil && cfg.Profile.Mechanisms != nil {
		offered = cfg.Profile.Mechanisms
	}
	return &sasl.Conn{Service: "smtp", TLS: new(tls.ConnectionState), Verified: true, Offered: offered}
}

// choice says which mechanisms would run, and then why the others would not: those
// that are not offered come last, as there the user can do nothing.
func choice(a *sasl.Authenticator, conn *sasl.Conn) []string {
	var lines, reasons, missing []string
	skipped := map[string][]string{} // by reason
	for _, d := range a.Explain(conn) {
		switch {
		case d.Chosen:
			lines = append(lines, d.Mechanism+": first, if the server offers it")
			continue
		case d.Reason == nil:
			lines = append(lines, d.Mechanism+": else this one")
			continue
		}
		reason := plain(oneLine(d.Reason.Error()))
		if known := skipped[reason] != nil; !known && conn.Offers(d.Mechanism) {
			reasons = append(reasons, reason)
		} else if !known {
			missing = append(missing, reason)
		}
		skipped[reason] = append(skipped[reason], d.Mechanism)
	}
	for _, reason := range append(reasons, missing...) {
		lines = append(lines, strings.Join(skipped[reason], ", ")+": no, "+reason)
	}
	return lines
}

// sizeOf returns how many octets a message will have on the wire, with CRLF line
// endings and without dot coding.
func sizeOf(msg smtp.Message) (int64, error) {
	r, err := msg.Open()
	if err != nil {
		return 0, err
	}
	defer r.Close()
	var c lineCounter
	if _, err := io.Copy(&c, r); err != nil {
		return 0, fmt.Errorf("%w: %w", smtp.ErrMessage, err)
	}
	return c.size(), nil
}

// A lineCounter counts octets after every line ending has become CRLF.
type lineCounter struct {
	octets int64
	last   byte
}

func (c *lineCounter) Write(p []byte) (int, error) {
	for _, b := range p {
		switch {
		case b == '\n' && c.last == '\r': // counted with the CR
		case b == '\n', b == '\r':
			c.octets += 2
		default:
			c.octets++
		}
		c.last = b
	}
	return len(p), nil
}

// size adds the CRLF that a message without one at its end gets.
func (c *lineCounter) size() int64 {
	if c.last != 0 && c.last != '\n' && c.last != '\r' {
		return c.octets + 2
	}
	return c.octets
}

// A painter makes text stand out if the output is a terminal that wants it
// (https://no-color.org).
type painter struct{ on bool }

func painterFor(w io.Writer) painter {
	return painter{os.Getenv("NO_COLOR") == "" && isTerminal(w)}
}

// isTerminal reports whether w is a terminal that understands more than text.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func (p painter) bold(s string) string { return p.paint("1", s) }
func (p painter) dim(s string) string  { return p.paint("2", s) }

func (p painter) paint(code, s string) string {
	if !p.on {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}
