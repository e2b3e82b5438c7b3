package mock_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
)

// TestDialoguesPlay plays every dialogue of this package, by a client that says
// the client's lines of the same file: none is so written that no client could
// follow it.
func TestDialoguesPlay(t *testing.T) {
	files, err := filepath.Glob("testdata/*.smtp")
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			srv := mock.Start(t, mock.Options{Network: mock.InMemory, TLS: mock.STARTTLS, Script: mock.DialogueFile(file, values)})
			m := &mirror{client: dial(t, srv), srv: srv}
			m.play(string(text))
			m.conn.Close()
			srv.Close()
			if err := srv.Err(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A mirror is the client in a dialogue. It says the least that fits.
type mirror struct {
	*client
	srv *mock.Server

	grouped bool   // replies are held back
	want    string // the replies to come
	chunk   string // "DATA", "BDAT" or "BDAT LAST" while content is collected
	content string
}

func (m *mirror) play(text string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if rest, found := strings.CutPrefix(line, "|"); found {
			m.collect(rest)
			continue
		}
		m.sendContent()
		m.line(line)
	}
	m.sendContent()
	m.expect(m.want)
}

func (m *mirror) line(line string) {
	mark, rest, _ := strings.Cut(line, " ")
	switch mark {
	case "S:":
		m.want += expand(rest) + "\r\n"
	case "C:", "C~":
		m.say(expand(strings.ReplaceAll(rest, "*", map[string]string{"C:": "*"}[mark])) + "\r\n")
	case "GROUP":
		m.settle()
		m.grouped = true
	case "END":
		m.grouped = false
	case "TLS":
		m.settle()
		m.startTLS(m.srv)
	case "CONTENT":
		m.chunk = "DATA"
	case "CHUNK":
		m.chunk = strings.TrimSpace("BDAT " + rest)
	case "CLOSE":
		m.settle()
		m.expectEnd()
	case "", "#", "...", "OPTIONAL":
	default:
		m.t.Fatalf("the mirror does not know %q", line)
	}
}

// say sends octets, once the replies to what was said before are here.
func (m *mirror) say(octets string) {
	if !m.grouped {
		m.settle()
	}
	m.send(octets)
}

func (m *mirror) settle() {
	m.t.Helper()
	m.expect(m.want)
	m.want = ""
}

// collect adds a line of content.
func (m *mirror) collect(text string) {
	switch {
	case text == "...":
		return
	case strings.HasPrefix(text, "~ "):
		text = strings.ReplaceAll(text[2:], "*", "")
	}
	m.content += expand(strings.TrimPrefix(text, " ")) + "\r\n"
}

func (m *mirror) sendContent() {
	switch content, last := strings.CutPrefix(m.chunk, "BDAT"); {
	case m.chunk == "":
		return
	case last:
		m.say(fmt.Sprintf("BDAT %d%s", len(m.content), content) + "\r\n" + m.content)
	default:
		m.say(strings.TrimPrefix(strings.ReplaceAll("\r\n"+m.content, "\r\n.", "\r\n.."), "\r\n") + ".\r\n")
	}
	m.chunk, m.content = "", ""
}

// expand returns a line as it goes over the wire.
func expand(text string) string {
	for name, value := range values {
		text = strings.ReplaceAll(text, "${"+name+"}", value)
	}
	before, message, encoded := strings.Cut(text, "b64(")
	if !encoded {
		return text
	}
	message = strings.NewReplacer("^A", "\x01", "^@", "\x00").Replace(strings.TrimSuffix(message, ")"))
	if message == "" && strings.HasPrefix(before, "AUTH") {
		return before + "="
	}
	return before + b64(message)
}
