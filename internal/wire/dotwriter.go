package wire

import (
	"bytes"
	"io"
)

var (
	crlf    = []byte("\r\n")
	dot     = []byte(".")
	dotLine = []byte(".\r\n")
)

// A DotWriter codes a message for DATA (RFC 5321, Section 4.5.2): it doubles a
// dot at the start of a line and ends the message with a line of one dot.
//
// A bare CR or a bare LF becomes CRLF, so that nothing in the message can be
// taken for its end by a server that reads lines more loosely than it should
// (RFC 5321, Section 4.1.1.4).
//
// It works by search and hands on slices of what it is given, so a message that
// needs no change costs one Write of w for each Write to it.
type DotWriter struct {
	w      io.Writer
	octets int64
	text   bool // no dots, neither doubled nor final
	inLine bool // octets of an unfinished line are written
	cr     bool // a CR is held back until its successor is known
	err    error
}

// NewDotWriter returns a DotWriter that writes to w.
func NewDotWriter(w io.Writer) *DotWriter {
	d := new(DotWriter)
	d.Reset(w)
	return d
}

// Reset makes d what NewDotWriter returns.
func (d *DotWriter) Reset(w io.Writer) { *d = DotWriter{w: w} }

// ResetText makes d write to w what a DotWriter would, but no dot that is not in
// the message: the form of content for BDAT (RFC 3030), which has a size instead
// of an end.
func (d *DotWriter) ResetText(w io.Writer) { *d = DotWriter{w: w, text: true} }

// Octets is the size of the message written so far as RFC 1870, Section 6
// counts it: line endings normalised, without doubled dots and final dot.
func (d *DotWriter) Octets() int64 { return d.octets }

// Write codes p. Its count is in octets of p.
func (d *DotWriter) Write(p []byte) (int, error) {
	n := len(p)
	if d.cr && n > 0 {
		d.cr = false
		d.endLine()
		if p[0] == '\n' {
			p = p[1:]
		}
	}
	d.code(p)
	if d.err != nil {
		return 0, d.err
	}
	return n, nil
}

// code writes p. What can go out as it is goes out together.
func (d *DotWriter) code(p []byte) {
	find := func(c byte, from int) int {
		if i := bytes.IndexByte(p[from:], c); i >= 0 {
			return from + i
		}
		return len(p)
	}
	start, pos := 0, 0 // p[start:pos] waits to go out
	lf, cr := -1, -1   // the next of each
	for pos < len(p) && d.err == nil {
		if !d.text && !d.inLine && p[pos] == '.' {
			d.emit(p[start:pos])
			d.emit(dot)
			d.octets-- // the doubled dot is no part of the message
			start = pos
		}
		if lf < pos {
			lf = find('\n', pos)
		}
		if cr < pos {
			cr = find('\r', pos)
		}
		switch {
		case cr == len(p) && lf == len(p): // an unfinished line
			d.inLine = true
			pos = len(p)
		case cr == len(p)-1 && cr < lf: // what follows the CR is not known yet
			d.emit(p[start:cr])
			d.cr = true
			return
		case cr+1 == lf: // CRLF
			d.inLine = false
			pos = lf + 1
		case cr < lf: // bare CR
			d.emit(p[start:cr])
			d.endLine()
			start, pos = cr+1, cr+1
		default: // bare LF
			d.emit(p[start:lf])
			d.endLine()
			start, pos = lf+1, lf+1
		}
	}
	d.emit(p[start:])
}

// endLine writes a line ending.
func (d *DotWriter) endLine() {
	d.emit(crlf)
	d.inLine = false
}

func (d *DotWriter) emit(p []byte) {
	if d.err != nil || len(p) == 0 {
		return
	}
	var n int
	n, d.err = d.w.Write(p)
	d.octets += int64(n)
}

// Close ends the last line if need be and writes the final dot, unless d was
// reset by ResetText. It does not close w.
func (d *DotWriter) Close() error {
	if err := d.EndText(); err != nil || d.text {
		return err
	}
	size := d.octets
	d.emit(dotLine)
	d.octets = size
	return d.err
}

// EndText ends the last line if need be, as Close does, but writes no dot.
func (d *DotWriter) EndText() error {
	if d.cr || d.inLine {
		d.cr = false
		d.endLine()
	}
	return d.err
}
