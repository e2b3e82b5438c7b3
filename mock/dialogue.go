package mock

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A DialogueError says why a text is no dialogue.
type DialogueError struct {
	Name   string // of the file
	Line   int    // from 1
	Reason string
}

func (e *DialogueError) Error() string {
	return fmt.Sprintf("mock: %s:%d: %s", e.Name, e.Line, e.Reason)
}

// Values are what ${name} stands for in a dialogue. Neither a report nor a
// transcript shows one, wherever the client sends it.
type Values map[string]string

// ParseDialogue makes a script of a dialogue; see the section on dialogues of
// the package. Steps are at the lines of the file, whose name is name. A text
// that is no dialogue is a *[DialogueError].
func ParseDialogue(name string, r io.Reader, values ...Values) (Step, error) {
	p := &dialogueParser{name: name, values: values}
	return p.read(r)
}

// read makes a script of a text.
func (p *dialogueParser) read(r io.Reader) (Step, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxDialogueLine)
	for lines.Scan() {
		p.line++
		if err := p.parse(lines.Text()); err != nil {
			return nil, p.wrong(err)
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		p.line++
		return nil, p.wrong(fmt.Errorf("line of more than %d octets", maxDialogueLine))
	case err != nil:
		return nil, fmt.Errorf("mock: %s: %w", p.name, err)
	}
	s, err := p.finish()
	if err != nil {
		p.line = max(p.line, 1) // an empty file has no line, and an error is at one
		return nil, p.wrong(err)
	}
	return s, nil
}

// DialogueFile is the script in a file. If it cannot be read or is no dialogue,
// [New] and [Start] say so.
func DialogueFile(path string, values ...Values) Step {
	text, err := os.ReadFile(path)
	return dialogue(filepath.Base(path), text, err, values)
}

// DialogueFS is [DialogueFile] for a file of a file system, such as one that is
// embedded.
func DialogueFS(fsys fs.FS, path string, values ...Values) Step {
	text, err := fs.ReadFile(fsys, path)
	return dialogue(path, text, err, values)
}

func dialogue(name string, text []byte, err error, values []Values) Step {
	var s Step
	if err != nil {
		err = fmt.Errorf("dialogue: %w", err)
	} else {
		s, err = ParseDialogue(name, bytes.NewReader(text), values...)
	}
	if err != nil {
		return &step{pos: here(), name: "dialogue " + name, err: withoutPrefix{err}, kids: []Step{}, play: playAll}
	}
	return s
}

// withoutPrefix is an error within one that says itself whose it is.
type withoutPrefix struct{ error }

func (e withoutPrefix) Error() string { return strings.TrimPrefix(e.error.Error(), "mock: ") }
func (e withoutPrefix) Unwrap() error { return e.error }

const (
	maxDialogueLine = 64 << 10 // octets
	maxPlaceholder  = 64       // octets of a name
)

// A dialogueParser reads a dialogue, line by line.
type dialogueParser struct {
	name   string
	values []Values
	line   int

	count  int      // steps
	conns  [][]Step // of the connections before
	steps  []Step   // of this one
	begun  bool     // there was a CONNECT
	block  *block   // open GROUP or OPTIONAL
	skip   int      // line of "..." that waits for its step, 0 for none
	lines  []contentLine
	inside int // line of CONTENT or CHUNK whose lines are being read, 0 for none
	chunk  chunkKind
	lax    bool // values need not be known
}

// A chunkKind says by which command content comes.
type chunkKind int

const (
	noChunk chunkKind = iota // by DATA
	oneChunk
	lastChunk
)

// A block is what stands between GROUP or OPTIONAL and END.
type block struct {
	keyword string
	line    int
	outer   []Step
}

func (p *dialogueParser) wrong(err error) error {
	return &DialogueError{Name: p.name, Line: p.line, Reason: err.Error()}
}

// add adds a step that stands at a line.
func (p *dialogueParser) add(s Step, line int) error {
	if p.count++; p.count > maxSteps/2 {
		return fmt.Errorf("more than %d steps", maxSteps/2)
	}
	p.steps = append(p.steps, p.place(s.step(), line))
	return nil
}

// place says where a step and its parts stand.
func (p *dialogueParser) place(s *step, line int) *step {
	s.pos = fmt.Sprintf("%s:%d", p.name, line)
	return s
}

// finish returns the script.
func (p *dialogueParser) finish() (Step, error) {
	if err := p.endContent(); err != nil {
		return nil, err
	}
	if err := p.complete(); err != nil {
		return nil, err
	}
	if p.begun && len(p.steps) == 0 {
		return nil, errors.New("CONNECT without a step behind it")
	}
	if len(p.steps) > 0 || len(p.conns) == 0 {
		p.conns = append(p.conns, p.steps)
	}
	if p.count == 0 {
		return nil, errors.New("no step")
	}
	var scripts []Step
	for _, steps := range p.conns {
		scripts = append(scripts, p.place(Seq(steps...).step(), 1))
	}
	script := scripts[0].step()
	if len(scripts) > 1 {
		script = p.place(Conns(scripts...).step(), 1)
	}
	for _, values := range p.values { // unused ones too: a client may have them from elsewhere
		script.values = slices.AppendSeq(script.values, maps.Values(values))
	}
	return script, nil
}

// complete checks that nothing is open.
func (p *dialogueParser) complete() error {
	switch {
	case p.skip != 0:
		return fmt.Errorf("... in line %d has no line of the client behind it", p.skip)
	case p.block != nil:
		return fmt.Errorf("%s in line %d has no END", p.block.keyword, p.block.line)
	}
	return nil
}

// A contentLine is a line of a CONTENT block.
type contentLine struct {
	any   bool // any number of lines
	text  string
	shown string // text as it stands in the file, values not filled in
	glob  glob   // nil: text it is
}

func (l *contentLine) match(s string) bool {
	if l.glob != nil {
		return l.glob.match(s)
	}
	return s == l.text
}

// endContent makes a step of a CONTENT block, if there is one.
func (p *dialogueParser) endContent() error {
	if p.inside == 0 {
		return nil
	}
	line, lines := p.inside, p.lines
	p.inside, p.lines = 0, nil
	matchers := matchContent(lines)
	if p.chunk != noChunk {
		return p.add(ExpectBDAT(p.chunk == lastChunk, matchers...), line)
	}
	return p.add(ExpectContent(matchers...), line)
}

// matchContent returns what a block wants; an empty one wants nothing in
// particular.
func matchContent(lines []contentLine) []Matcher {
	if len(lines) == 0 {
		return nil
	}
	var exact, shown strings.Builder
	special, veiled := false, false
	for _, l := range lines {
		special = special || l.any || l.glob != nil
		exact.WriteString(l.text + "\r\n")
		shown.WriteString("\n| " + cmp.Or(l.shown, l.text))
		veiled = veiled || hasValue(l.shown)
	}
	if !special && !veiled {
		return []Matcher{Exactly(exact.String())}
	}
	return []Matcher{{kind: "content like", want: []byte(shown.String()), veiled: veiled, match: func(got []byte) error {
		text, whole := strings.CutSuffix(string(got), "\r\n")
		if !whole || !matchLines(lines, strings.Split(text, "\r\n")) {
			return errDiffers
		}
		return nil
	}}}
}

// matchLines reports whether lines are as wanted. After a mismatch, the latest
// wildcard takes one line more.
func matchLines(want []contentLine, got []string) bool {
	w, g := 0, 0
	wildcard, from := -1, 0
	for g < len(got) {
		switch {
		case w < len(want) && want[w].any:
			wildcard, from = w, g
			w++
		case w < len(want) && want[w].match(got[g]):
			w++
			g++
		case wildcard >= 0:
			from++
			w, g = wildcard+1, from
		default:
			return false
		}
	}
	for w < len(want) && want[w].any {
		w++
	}
	return w == len(want)
}
