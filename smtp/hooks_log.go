package smtp

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/seed-55a66e92/postern/sasl"
)

// logState logs a state: a connection that is ready, or closed, at level Info.
func (w *watcher) logState(from State, err error) {
	switch {
	case w.log == nil:
	case w.state == StateReady && from != StateSending:
		version := ""
		if w.conn.TLS != nil {
			version = tls.VersionName(w.conn.TLS.Version)
		}
		w.log.InfoContext(w.ctx, "smtp connected", "server", w.conn.Server, "tls", version, "mechanism", w.conn.Mechanism)
	case w.state == StateClosed:
		w.log.InfoContext(w.ctx, "smtp closed", append([]any{"server", w.conn.Server}, errorAttr(err)...)...)
	case w.debugging():
		w.log.DebugContext(w.ctx, "smtp state", "server", w.conn.Server, "state", w.state.String())
	}
}

// errorAttr is an attribute for err, if it is none of nothing.
func errorAttr(err error) []any {
	if err == nil {
		return nil
	}
	return []any{slog.String("error", loggable(err))}
}

// loggable returns the text of an error without that of a token generator: what a
// generator says is its own, and may hold what it was answered.
func loggable(err error) string {
	token := new(sasl.TokenError)
	if !errors.As(err, &token) {
		return err.Error()
	}
	if r := replyOf(err); r != nil {
		return fmt.Sprintf("smtp: sign-in: %v, and then no access token", r)
	}
	return "smtp: sign-in: no access token"
}

// logMessage logs what became of a message, at level Info. Who sent it to whom is
// in the commands, at level Debug.
func (w *watcher) logMessage(r *Result, err error, took time.Duration) {
	if w.log == nil {
		return
	}
	w.log.InfoContext(w.ctx, "smtp message", append([]any{
		"server", w.conn.Server, "outcome", Classify(err).String(), "reply", r.Reply.Code, "queue_id", r.QueueID,
		"accepted", len(r.Accepted), "rejected", len(r.Rejected), "octets", r.Octets, "took", took,
	}, errorAttr(err)...)...)
}

func (w *watcher) logCommand(line string, octets int64) {
	if w.debugging() {
		w.log.DebugContext(w.ctx, "smtp command", "line", line, "octets", octets)
	}
}

func (w *watcher) logReply(verb string, r Reply, took time.Duration) {
	if !w.debugging() {
		return
	}
	text := r.String()
	if r.Code == 334 {
		text = "334 [challenge]"
	}
	w.log.DebugContext(w.ctx, "smtp reply", "to", verb, "reply", text, "took", took)
}

// logToken logs that a token was fetched. Of an error only the class; see
// loggable.
func (w *watcher) logToken(t TokenFetch, took time.Duration, err error) {
	if !w.debugging() {
		return
	}
	class := None
	if err != nil {
		class = Classify(&sasl.TokenError{Err: err})
	}
	w.log.DebugContext(w.ctx, "smtp token", "renewal", t.Renewal, "outcome", class.String(), "expiry", t.Expiry, "took", took)
}
