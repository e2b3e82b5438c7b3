package interop

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// corpus is where real messages may lie: beside the repository.
var corpus = filepath.Join("..", "..", "shared", "data", "eml")

// A letter is a message to send.
type letter struct {
	name string
	data []byte
}

const header = "From: Kim <kim@example.test>\r\n" +
	"To: Robin <robin@example.test>\r\n" +
	"Subject: interop\r\n" +
	"Date: Sun, 22 Nov 2026 12:00:00 +0000\r\n" +
	"Message-ID: <1@example.test>\r\n" +
	"MIME-Version: 1.0\r\n"

// ownLetters are messages that are always there.
func ownLetters() []letter {
	return []letter{
		{"8-bit text", []byte(header +
			"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" +
			"Grüße aus Århus, 東京 и Москва.\r\n\r\nÿ\r\n")},
		{"dots, lines that end in LF, no end of line", []byte(strings.ReplaceAll(header, "\r\n", "\n") +
			"\n.\n..\n...\n.leading\n a .\r\n.\r\n\n\n.\n.last")},
		{"attachment of 300 kB", attachment(300_000)},
	}
}

// attachment returns a message with an attachment of n octets.
func attachment(n int) []byte {
	octets := make([]byte, n)
	for i := range octets {
		octets[i] = byte(i * i >> 3)
	}
	encoded := base64.StdEncoding.EncodeToString(octets)

	var b bytes.Buffer
	b.WriteString(header +
		"Content-Type: multipart/mixed; boundary=frontier\r\n\r\n" +
		"--frontier\r\nContent-Type: text/plain\r\n\r\nSee there.\r\n" +
		"--frontier\r\nContent-Type: application/octet-stream\r\n" +
		"Content-Disposition: attachment; filename=octets.bin\r\n" +
		"Content-Transfer-Encoding: base64\r\n\r\n")
	for len(encoded) > 0 {
		line := encoded[:min(76, len(encoded))]
		b.WriteString(line + "\r\n")
		encoded = encoded[len(line):]
	}
	b.WriteString("--frontier--\r\n")
	return b.Bytes()
}

// corpusLetters returns the messages of the corpus, and skips the test if it is
// not there.
func corpusLetters(t *testing.T) []letter {
	t.Helper()
	if _, err := os.Stat(corpus); os.IsNotExist(err) {
		t.Skip("no corpus of messages beside the repository")
	}
	names, err := filepath.Glob(filepath.Join(corpus, "*.eml"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no message in the corpus: %v", err)
	}
	var letters []letter
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		letters = append(letters, letter{filepath.Base(name), data})
	}
	return letters
}

// arrived returns a message as it has to arrive: each line ends in CRLF, the
// last one too.
func arrived(data []byte) []byte {
	crlf := strings.NewReplacer("\r\n", "\r\n", "\r", "\r\n", "\n", "\r\n")
	text := crlf.Replace(string(data))
	if !strings.HasSuffix(text, "\r\n") {
		text += "\r\n"
	}
	return []byte(text)
}

// wantData fails the test unless the message that was sent is what arrived.
func wantData(t *testing.T, got, sent []byte) {
	t.Helper()
	want := arrived(sent)
	if bytes.Equal(got, want) {
		return
	}
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	from := max(0, at-20)
	t.Errorf("%d octets arrived, want %d; they differ from octet %d on:\n got %.60q\nwant %.60q",
		len(got), len(want), at, got[from:], want[from:])
}

// has8bit reports whether data holds an octet above 127.
func has8bit(data []byte) bool {
	for _, octet := range data {
		if octet > 127 {
			return true
		}
	}
	return false
}
