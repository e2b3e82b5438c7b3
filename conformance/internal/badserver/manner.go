package badserver

import (
	"bytes"
	"strings"
)

// A Manner is something that a server may do. No case may take it for a failure.
type Manner string

// The manners. The zero Manner is that of the server without defect.
const (
	Plain             Manner = ""
	ClosesOnInjection Manner = "closes-on-injection" // after its 220, if octets follow STARTTLS
	RefusesInjection  Manner = "refuses-injection"   // by 554
	LongLine421       Manner = "long-line-421"       // and closes
	LongLine554       Manner = "long-line-554"       // and closes
	LongLineTaken     Manner = "long-line-taken"
	BareLF521         Manner = "bare-lf-521" // and closes
	BareLFCloses      Manner = "bare-lf-closes"
	BareLFTaken       Manner = "bare-lf-taken" // as part of the argument
	OldAuth           Manner = "old-auth"      // lists AUTH= too
	KeywordTwice      Manner = "keyword-twice"
	RefusesAtOnce     Manner = "refuses-at-once" // a token, without an error challenge
	DataAnyway        Manner = "data-anyway"     // 354 without recipients, and 554 at the end
	WantsAuth         Manner = "wants-auth"      // before MAIL
	Content550        Manner = "content-550"     // to bare CR and LF and NUL in content, and closes
	Old502            Manner = "old-502"         // 502 in place of 503
	NoBye             Manner = "no-bye"          // closes at QUIT, without 221
	OtherCodes        Manner = "other-codes"     // enhanced status codes of their own
)

// polite does what a manner does in place of a command, and reports whether there
// is any such thing.
func (x *session) polite(name, line string, long bool) bool {
	bare := strings.ContainsAny(line, "\r\n")
	last := func(code int, text string) bool {
		x.say(name, code, text)
		x.over = true
		return true
	}
	switch m := x.Manner; {
	case long && m == LongLine421:
		return last(421, "4.7.0 Line too long")
	case long && m == LongLine554:
		return last(554, "5.4.0 Line too long")
	case bare && m == BareLF521, name == "NOOP" && strings.Contains(line, "\n") && m == BareLF521:
		return last(521, "5.5.2 Bare LF")
	case bare && m == BareLFCloses:
		x.over = true
		return true
	case long && m == LongLineTaken || bare && m == BareLFTaken:
		x.say(name, 250, "2.0.0 Nothing done")
		return true
	case name == "MAIL" && m == WantsAuth && !x.signedIn:
		x.say(name, 530, "5.7.0 Authentication required")
		return true
	case name == "QUIT" && m == NoBye:
		x.over = true
		return true
	case name == "DATA" && m == DataAnyway && x.open && x.to == 0:
		x.say(name, 354, "Go ahead")
		x.flush()
		_, ok := x.content()
		x.over = !ok
		x.forget()
		x.say(name, 554, "5.5.1 No valid recipients")
		return true
	case name == "STARTTLS" && m == ClosesOnInjection && len(x.waiting()) > 0:
		return last(220, "2.0.0 Go ahead")
	case name == "STARTTLS" && m == RefusesInjection && len(x.waiting()) > 0:
		x.say(name, 554, "5.5.0 Nothing may follow STARTTLS")
		return true
	}
	return false
}

// mannered returns the lines of EHLO as the manner has them.
func (x *session) mannered(lines []string) []string {
	switch {
	case x.Manner == KeywordTwice:
		return append(lines, "8bitmime")
	case x.Manner == OldAuth && x.secure:
		return append(lines, "AUTH=PLAIN")
	}
	return lines
}

// spoken returns a reply as the manner has it.
func (x *session) spoken(code int, line string) (int, string) {
	switch {
	case x.Manner == Old502 && code == 503:
		return 502, line
	case x.Manner == OtherCodes && code == 235:
		return code, "2.0.0 Signed in"
	case x.Manner == OtherCodes && code == 535:
		return code, "5.7.0 No"
	case x.Manner == OtherCodes && code == 501:
		return code, "5.5.4 No"
	}
	return code, line
}

// objects reports whether the manner is to refuse content, and close.
func (x *session) objects(content []byte) bool {
	rest := bytes.ReplaceAll(content, []byte("\r\n"), nil)
	return x.Manner == Content550 && bytes.ContainsAny(rest, "\r\n\x00")
}
