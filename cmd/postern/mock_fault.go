package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/seed-55a66e92/postern/mock"
)

// parseFault reads a fault as a person writes it: POINT=ACTION.
func parseFault(text string) (mock.Fault, error) {
	where, what, found := strings.Cut(text, "=")
	if !found {
		return mock.Fault{}, errors.New(`it is no POINT=ACTION, such as "RCPT/1=451 4.7.1 greylisted"`)
	}
	point, err := parsePoint(strings.TrimSpace(where))
	if err != nil {
		return mock.Fault{}, err
	}
	var actions []mock.Action
	for part := range strings.SplitSeq(what, " then ") {
		action, err := parseAction(strings.TrimSpace(part))
		if err != nil {
			return mock.Fault{}, err
		}
		actions = append(actions, action)
	}
	return point.Do(actions...), nil
}

// parsePoint reads [before|after] NAME[/N][@CONNECTION].
func parsePoint(text string) (mock.Point, error) {
	phase, name, found := strings.Cut(text, " ")
	if !found {
		phase, name = "", text
	}
	name, conn, onConn := strings.Cut(name, "@")
	name, nth, isNth := strings.Cut(strings.ToUpper(name), "/")
	if name == "AUTH" && isNth { // rounds have points of their own
		name, isNth = name+"/"+nth, false
	}
	p := mock.At(name)
	if isNth {
		n, err := count(nth)
		if err != nil {
			return p, err
		}
		p = p.Nth(n)
	}
	if onConn {
		n, err := count(conn)
		if err != nil {
			return p, err
		}
		p = p.Conn(n)
	}
	switch phase {
	case "":
	case "before":
		p = p.Before()
	case "after":
		p = p.After()
	default:
		return p, fmt.Errorf(`%q stands before the point; write "before", "after" or nothing`, phase)
	}
	return p, nil
}

func count(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is no number from 1", text)
	}
	return n, nil
}

// parseAction reads one action.
func parseAction(text string) (mock.Action, error) {
	word, rest, _ := strings.Cut(text, " ")
	switch word {
	case "drop":
		return alone(mock.Drop(), rest)
	case "reset":
		return alone(mock.Reset(), rest)
	case "stall":
		return alone(mock.Stall(), rest)
	case "silence":
		return alone(mock.NoReply(), rest)
	case "wait":
		d, err := time.ParseDuration(rest)
		if err != nil || d < 0 {
			return mock.Action{}, fmt.Errorf("wait %q: write a time such as 500ms or 5s", rest)
		}
		return mock.Delay(d), nil
	case "raw":
		octets, err := strconv.Unquote(rest)
		if err != nil {
			return mock.Action{}, fmt.Errorf(`raw %s: write octets in quotes, such as "250 ok\r\n"`, rest)
		}
		return mock.Raw([]byte(octets)), nil
	}
	return parseReply(word, rest)
}

func alone(action mock.Action, rest string) (mock.Action, error) {
	if rest != "" {
		return action, fmt.Errorf("%q behind an action that stands alone", rest)
	}
	return action, nil
}

// parseReply reads CODE [ENHANCED] TEXT.
func parseReply(code, text string) (mock.Action, error) {
	n, err := strconv.Atoi(code)
	if err != nil || n < 200 || n > 599 {
		return mock.Action{}, fmt.Errorf("%q is no action: write a reply such as 451 4.7.1 greylisted, or drop, reset, stall, silence, wait, raw", code)
	}
	enhanced, rest, _ := strings.Cut(text, " ")
	if !isEnhanced(enhanced) {
		enhanced, rest = "", text
	}
	return mock.Reply(n, enhanced, rest), nil
}

// isEnhanced reports whether s is an enhanced status code (RFC 3463, Section 2).
func isEnhanced(s string) bool {
	parts := strings.Split(s, ".")
	for _, part := range parts {
		if n, err := strconv.Atoi(part); err != nil || n < 0 || n > 999 {
			return false
		}
	}
	return len(parts) == 3
}
