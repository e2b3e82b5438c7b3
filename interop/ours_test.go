package interop

import (
	"errors"
	"slices"
	"strings"
	"testing"

	gosmtp "github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// transports are the two ways to be encrypted.
var transports = []struct {
	name string
	mode smtp.TLSMode
}{
	{"STARTTLS", smtp.STARTTLSRequired},
	{"implicit TLS", smtp.TLSImplicit},
}

// signIns are the ways to sign in to the server.
var signIns = []struct {
	mechanism     string
	authenticator func() *sasl.Authenticator
}{
	{"PLAIN", func() *sasl.Authenticator { return sasl.Password(user, password) }},
	{"OAUTHBEARER", func() *sasl.Authenticator { a, _ := oauth("OAUTHBEARER", token); return a }},
	{"XOAUTH2", func() *sasl.Authenticator { return sasl.OAuth(user, sasl.StaticToken(token)) }},
}

var envelope = smtp.Envelope{
	From: "kim@example.test",
	To:   []string{"robin@example.test", `"very unusual"@example.test`, "sam+tag@sub.example.test"},
}

// recipients are those of envelope as the server hands them on: without the
// quotes, which belong to the command and not to the mailbox.
var recipients = []string{"robin@example.test", "very unusual@example.test", "sam+tag@sub.example.test"}

func TestOurClientSends(t *testing.T) {
	overEachWay(t, func(t *testing.T) []letter { return ownLetters() })
}

func TestOurClientSendsCorpus(t *testing.T) { overEachWay(t, corpusLetters) }

// overEachWay sends all letters over each transport with each mechanism, on one
// connection.
func overEachWay(t *testing.T, letters func(*testing.T) []letter) {
	for _, transport := range transports {
		for _, signIn := range signIns {
			t.Run(transport.name+"/"+signIn.mechanism, func(t *testing.T) {
				letters := letters(t)
				server := startServer(t, transport.mode, new(accounts))
				client, err := smtp.Dial(t.Context(), server.config(signIn.authenticator()))
				if err != nil {
					t.Fatal(err)
				}
				defer client.Close()
				for _, l := range letters {
					t.Run(l.name, func(t *testing.T) {
						result, err := client.Send(t.Context(), envelope, smtp.Bytes(l.data))
						if err != nil {
							t.Fatal(err)
						}
						wantResult(t, result, signIn.mechanism, int64(len(arrived(l.data))))
						got, _ := server.last()
						wantDelivery(t, got, signIn.mechanism, l.data)
					})
				}
				if _, n := server.last(); n != len(letters) {
					t.Errorf("%d messages arrived, want %d", n, len(letters))
				}
			})
		}
	}
}

func wantResult(t *testing.T, r *smtp.Result, mechanism string, octets int64) {
	t.Helper()
	if !slices.Equal(r.Accepted, envelope.To) || len(r.Rejected) > 0 || r.Reply.Code != 250 ||
		r.Mechanism != mechanism || r.TLS == nil || r.Octets != octets || r.Attempts != 1 {
		t.Errorf("the result is %+v", r)
	}
}

// wantDelivery checks all that is known of a delivery that was scanned before
// it was sent.
func wantDelivery(t *testing.T, got delivery, mechanism string, sent []byte) {
	t.Helper()
	want := delivery{
		Mechanism: mechanism, User: user, TLS: true,
		From: envelope.From, To: recipients,
		Size: int64(len(arrived(sent))),
	}
	if has8bit(sent) {
		want.Body = gosmtp.Body8BitMIME
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(delivery{}, "Data")); diff != "" {
		t.Errorf("delivery (-want +got):\n%s", diff)
	}
	wantData(t, got.Data, sent)
}

// TestOneCall is the shortest way from a message to a server.
func TestOneCall(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport.name, func(t *testing.T) {
			server := startServer(t, transport.mode, new(accounts))
			l := ownLetters()[0]
			if _, err := smtp.Send(t.Context(), server.config(sasl.Password(user, password)), envelope, smtp.Bytes(l.data)); err != nil {
				t.Fatal(err)
			}
			got, _ := server.last()
			wantDelivery(t, got, "PLAIN", l.data)
		})
	}
}

// TestOneShotMessage sends what can be read only once, so that neither its size
// nor its kind is known in time.
func TestOneShotMessage(t *testing.T) {
	server := startServer(t, smtp.STARTTLSRequired, new(accounts))
	for _, l := range ownLetters() {
		t.Run(l.name, func(t *testing.T) {
			message := smtp.Reader(strings.NewReader(string(l.data)))
			if _, err := smtp.Send(t.Context(), server.config(sasl.Password(user, password)), envelope, message); err != nil {
				t.Fatal(err)
			}
			got, _ := server.last()
			if got.Size != 0 || got.Body != gosmtp.Body8BitMIME {
				t.Errorf("SIZE=%d BODY=%s; want no SIZE and BODY=8BITMIME", got.Size, got.Body)
			}
			wantData(t, got.Data, l.data)
		})
	}
}

// TestLineEndings sends each kind of line ending, alone and mixed.
func TestLineEndings(t *testing.T) {
	server := startServer(t, smtp.TLSImplicit, new(accounts))
	client, err := smtp.Dial(t.Context(), server.config(sasl.Password(user, password)))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for name, body := range map[string]string{
		"CR":              "a\r.\r.b\r\rc\r",
		"LF":              "a\n.\n.b\n\nc\n",
		"CRLF":            "a\r\n.\r\n.b\r\n\r\nc\r\n",
		"mixed":           "a\r.\n.b\n\rc\r\r\n\r.\r\n",
		"no end":          "a",
		"dot at the end":  "a\r\n.",
		"CR at the end":   "a\r\n.\r",
		"end of DATA, LF": "a\n.\nQUIT\n",
		"end of DATA, CR": "a\r.\rQUIT\r",
	} {
		t.Run(name, func(t *testing.T) {
			sent := []byte("Subject: " + name + "\r\n\r\n" + body)
			if _, err := client.Send(t.Context(), envelope, smtp.Bytes(sent)); err != nil {
				t.Fatal(err)
			}
			got, _ := server.last()
			wantDelivery(t, got, "PLAIN", sent)
		})
	}
}

// TestTooLarge: the server's limit holds before anything is sent, and the
// connection is good for the next message.
func TestTooLarge(t *testing.T) {
	server := startServer(t, smtp.STARTTLSRequired, new(accounts))
	client, err := smtp.Dial(t.Context(), server.config(sasl.Password(user, password)))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Send(t.Context(), envelope, smtp.Bytes(attachment(maxMessage))); !errors.Is(err, smtp.ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
	l := ownLetters()[0]
	if _, err := client.Send(t.Context(), envelope, smtp.Bytes(l.data)); err != nil {
		t.Fatal(err)
	}
	got, n := server.last()
	wantDelivery(t, got, "PLAIN", l.data)
	if n != 1 {
		t.Errorf("%d messages arrived, want 1", n)
	}
}
