package mock

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"
)

// ExpectData wants DATA, answers 354 and reads content to its end, which the
// matchers are about, the coding of DATA undone. What follows is to answer it.
func ExpectData(m ...Matcher) Step {
	return Seq(ExpectCommand("DATA", ""), Send("354 Go ahead"), ExpectContent(m...))
}

// ExpectContent reads content to the line of one dot, where [Expect] and the
// like have dealt with DATA.
func ExpectContent(m ...Matcher) Step {
	return leaf("Expect content", func(p *player) error {
		p.flush()
		p.conn.SetReadDeadline(time.Now().Add(p.patience))
		defer p.conn.SetReadDeadline(time.Time{})
		content, size, err := p.readContent()
		p.progress++
		switch {
		case err != nil:
			return p.cut("content", err)
		case int64(len(content)) < size:
			return differs("content of %d octets; more than Options.MaxSize are not kept", size)
		}
		p.rec.command("EOD", fmt.Sprintf("<content of %d octets>", size))
		p.batch, p.grouped = 1, true
		return checkAll(m, content, p.showContent)
	})
}

// ExpectBDAT wants a chunk (RFC 3030, Section 2), the last one or not, and that
// its octets are as the matchers say. It does not answer.
func ExpectBDAT(last bool, m ...Matcher) Step {
	want := "BDAT <size>"
	if last {
		want += " LAST"
	}
	return leaf("Expect "+want, func(p *player) error {
		line, err := p.peek()
		if err != nil {
			return err
		}
		verb, argument, _ := strings.Cut(line, " ")
		size, isLast, ok := parseChunk(argument)
		switch {
		case !strings.EqualFold(verb, "BDAT") || !ok || isLast != last:
			return differs("want %s, got %s", want, p.show(line, ""))
		case size > p.srv.opts.MaxSize:
			return differs("chunk of %d octets; more than Options.MaxSize are not read", size)
		}
		p.take(line)
		p.flush()
		p.conn.SetReadDeadline(time.Now().Add(p.patience))
		defer p.conn.SetReadDeadline(time.Time{})
		var chunk bytes.Buffer
		if _, err := io.CopyN(&chunk, p.in, size); err != nil {
			return p.cut("a chunk", err)
		}
		return checkAll(m, chunk.Bytes(), p.showContent)
	})
}

// cut says that there is no end of what was to be read.
func (p *player) cut(what string, err error) error {
	m := p.nothing(err, nil).(*mismatch)
	return &mismatch{reason: "within " + what + ": " + m.reason, final: true}
}

// showContent returns content for an error. It is what the test has given to its
// client, and so no secret, but for values.
func (p *player) showContent(content, _ []byte) string { return p.hide(string(content)) }

// plural returns a count of things.
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
