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
	inLine bool // octets of an unfinished line are written
	cr     bool // a CR is held back until its successor is known
	err    error
}

// NewDotWriter returns a DotWriter that writes to w.
func NewDotWriter(w io.Writer) *DotWriter { return &DotWriter{w: w} }

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
	for len(p) > 0 && d.err == nil {
		p = d.run(p)
	}
	if d.err != nil {
		return 0, d.err
	}
	return n, nil
}

// run writes the longest start of p that can go out as it is, then the line
// ending or the dot that stopped it, and returns the rest.
func (d *DotWriter) run(p []byte) []byte {
	if !d.inLine && p[0] == '.' {
		d.emit(dot)
		d.octets-- // the doubled dot is no part of the message
	}
	end := 0 // p[:end] goes out as it is
	for {
		line := p[end:]
		lf := bytes.IndexByte(line, '\n')
		if lf >= 0 {
			line = line[:lf]
		}
		cr := bytes.IndexByte(line, '\r')
		switch {
		case cr >= 0 && cr == lf-1: // CRLF
			end += lf + 1
			d.inLine = false
			if end == len(p) || p[end] == '.' {
				d.emit(p[:end])
				return p[end:]
			}
		case cr >= 0 && lf < 0 && cr == len(line)-1: // CR at the end of p
			d.emit(p[:end+cr])
			d.cr = true
			return nil
		case cr >= 0: // bare CR
			d.emit(p[:end+cr])
			d.endLine()
			return p[end+cr+1:]
		case lf >= 0: // bare LF
			d.emit(p[:end+lf])
			d.endLine()
			return p[end+lf+1:]
		default: // an unfinished line
			d.emit(p)
			d.inLine = true
			return nil
		}
	}
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

// Close ends the last line if need be and writes the final dot. It does not
// close w.
func (d *DotWriter) Close() error {
	d.EndText()
	size := d.octets
	d.emit(dotLine)
	d.octets = size
	return d.err
}

// EndText ends the last line if need be, as Close does, but writes no dot.
func (d *DotWriter) EndText() {
	if d.cr || d.inLine {
		d.cr = false
		d.endLine()
	}
}
