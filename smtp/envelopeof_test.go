package smtp

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

func read(t *testing.T, m Message) string {
	t.Helper()
	r, err := m.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEnvelopeOf(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		from     string
		to       []string
		out      string // "" means: as it is
	}{
		{
			name: "plain",
			in:   "From: A <a@x.test>\r\nTo: b@x.test, C <c@x.test>\r\nCc: d@x.test\r\n\r\nhi\r\n",
			from: "a@x.test", to: []string{"b@x.test", "c@x.test", "d@x.test"},
		},
		{
			name: "Bcc only",
			in:   "From: a@x.test\nBcc: b@x.test,\n c@x.test\n\nBcc: stays\n",
			from: "a@x.test", to: []string{"b@x.test", "c@x.test"},
			out: "From: a@x.test\n\nBcc: stays\n",
		},
		{
			name: "Sender before From, nobody twice",
			in:   "From: a@x.test, b@x.test\r\nSender: s@x.test\r\nTo: c@x.test\r\nTo: c@x.test\r\nCc: C <c@x.test>\r\n\r\n",
			from: "s@x.test", to: []string{"c@x.test"},
		},
		{
			name: "newest Resent block",
			in:   "Resent-From: r2@x.test\nResent-To: t2@x.test\nResent-From: r1@x.test\nResent-To: t1@x.test\nFrom: a@x.test\nTo: b@x.test\n\n",
			from: "r2@x.test", to: []string{"t2@x.test"},
		},
		{
			name: "quoted local part, unknown charset, group",
			in:   "From: =?x-odd?q?N?= <a@x.test>\nTo: \"b c\"@x.test, friends: d@x.test, E <e@x.test>;\n\n",
			from: "a@x.test", to: []string{`"b c"@x.test`, "d@x.test", "e@x.test"},
		},
		{
			name: "no body",
			in:   "From: a@x.test\nTo: b@x.test\n",
			from: "a@x.test", to: []string{"b@x.test"},
		},
		{
			name: "no end of the last line",
			in:   "Bcc: c@x.test\nFrom: a@x.test\nTo: b@x.test",
			from: "a@x.test", to: []string{"b@x.test", "c@x.test"},
			out: "From: a@x.test\nTo: b@x.test",
		},
		{
			name: "non-ASCII address",
			in:   "From: a@x.test\nTo: jürgen@bücher.test\n\n",
			from: "a@x.test", to: []string{"jürgen@bücher.test"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, m := range []Message{Bytes([]byte(tt.in)), Reader(strings.NewReader(tt.in))} {
				env, out, err := EnvelopeOf(m)
				if err != nil || env.From != tt.from || !slices.Equal(env.To, tt.to) {
					t.Fatalf("got %+v, %v; want %q, %q", env, err, tt.from, tt.to)
				}
				want := tt.out
				if want == "" {
					want = tt.in
				}
				if got := read(t, out); got != want {
					t.Errorf("message is %q; want %q", got, want)
				}
				_, err = out.Open()
				if _, once := m.(*readerMessage); once != errors.Is(err, ErrConsumed) {
					t.Errorf("second Open: %v", err)
				}
			}
		})
	}
}

type ownEnvelope struct{ Message }

func (ownEnvelope) Envelope() (Envelope, error) {
	return Envelope{From: "own@x.test", To: []string{"b@x.test"}}, nil
}

func TestEnvelopeOfOwn(t *testing.T) {
	m := ownEnvelope{WriterTo(strings.NewReader("Bcc: x@x.test\n\n"))}
	env, out, err := EnvelopeOf(m)
	if err != nil || env.From != "own@x.test" || out != Message(m) {
		t.Errorf("got %+v, %v, %v", env, out, err)
	}
}

func TestEnvelopeOfRefuses(t *testing.T) {
	for _, tt := range []struct {
		name string
		m    Message
		is   error
		text string // in the error
	}{
		{"nil", nil, ErrMessage, "it is nil"},
		{"WriterTo", WriterTo(strings.NewReader("From: a@x.test\nTo: b@x.test\n\n")), ErrEnvelope, ""},
		{"no file", File("no such file"), ErrMessage, "no such file"},
		{"no From", Bytes([]byte("To: b@x.test\n\n")), ErrEnvelope, "no From in the header"},
		{"two in From", Bytes([]byte("From: a@x.test, c@x.test\nTo: b@x.test\n\n")), ErrEnvelope, "2 mailboxes in From and no Sender"},
		{"two in Sender", Bytes([]byte("Sender: a@x.test, c@x.test\nFrom: a@x.test\nTo: b@x.test\n\n")), ErrEnvelope, "2 mailboxes in Sender"},
		{"two in Resent-From", Bytes([]byte("Resent-From: a@x.test, c@x.test\nResent-To: b@x.test\n\n")), ErrEnvelope, "2 mailboxes in Resent-From and no Resent-Sender"},
		{"no recipient", Bytes([]byte("From: a@x.test\n\n")), ErrEnvelope, "no recipient in To, Cc or Bcc"},
		{"only a group without members", Bytes([]byte("From: a@x.test\nTo: undisclosed-recipients:;\n\n")), ErrEnvelope, "no recipient in To, Cc or Bcc"},
		{"bad address", Bytes([]byte("From: a@x.test\nTo: b@@x\n\n")), ErrEnvelope, `"b@@x" in To is no list of addresses`},
		{"words for an address", Bytes([]byte("From: Kim of\n Example\nTo: b@x.test\n\n")), ErrEnvelope, `"Kim of Example" in From is no list of addresses`},
		{"Resent without From", Bytes([]byte("Resent-To: r@x.test\nFrom: a@x.test\nTo: b@x.test\n\n")), ErrEnvelope, "no Resent-From in the header"},
		{"Resent without To", Bytes([]byte("Resent-From: r@x.test\nFrom: a@x.test\nTo: b@x.test\n\n")), ErrEnvelope, "no recipient in Resent-To, Resent-Cc or Resent-Bcc"},
		{"empty", Bytes(nil), ErrEnvelope, ""},
		{"endless header", Bytes([]byte(strings.Repeat("X: y\n", 1<<20))), ErrMessage, ""},
		{"read already", func() Message { m := Reader(strings.NewReader("")); m.Open(); return m }(), ErrConsumed, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env, _, err := EnvelopeOf(tt.m)
			if !errors.Is(err, tt.is) || env.To != nil || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %+v, %v; want %v, %q", env, err, tt.is, tt.text)
			}
		})
	}
}

// No Bcc field is left in a header, and nothing else of the message changes.
func FuzzWithoutBcc(f *testing.F) {
	f.Add("From: a@x\nBcc: b@x,\n c@x\nTo: d@x\n\nBcc: body\n")
	f.Add("bcc:x\r\n\ty\r\n\r\n")
	f.Fuzz(func(t *testing.T, in string) {
		out, err := strippedMessage{Bytes([]byte(in))}.Open()
		if err != nil {
			return
		}
		b, err := io.ReadAll(out)
		if err != nil {
			t.Fatal(err)
		}
		again, _, err := readHeader(strings.NewReader(string(b)))
		if err != nil {
			t.Fatal(err)
		}
		if again.values("bcc") != nil || again.values("resent-bcc") != nil {
			t.Fatalf("%q leaves %q", in, b)
		}
		if !strings.Contains(strings.ToLower(in), "bcc") && string(b) != in {
			t.Fatalf("%q became %q", in, b)
		}
	})
}
