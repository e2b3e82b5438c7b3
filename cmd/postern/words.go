package main

import (
	"errors"
	"fmt"
	"strings"
)

// shellOnly are the characters that only a shell gives a meaning to.
const shellOnly = "|&;<>()$`"

// splitWords splits a command line as a shell does, but expands nothing. It
// refuses what would need a shell, unless it is quoted.
func splitWords(line string) ([]string, error) {
	var s splitter
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && s.quote != '\'':
			if i++; i == len(line) {
				return nil, errors.New("it ends in a backslash")
			}
			s.escaped(line[i])
		case s.quote != 0:
			s.quoted(c)
		case strings.IndexByte(shellOnly, c) >= 0:
			return nil, fmt.Errorf("%q needs a shell, and none runs: quote it, or write sh -c '...'", string(c))
		default:
			s.plain(c)
		}
	}
	if s.quote != 0 {
		return nil, fmt.Errorf("a quote %c is not closed", s.quote)
	}
	s.end()
	return s.words, nil
}

// A splitter has read a part of a command line.
type splitter struct {
	words  []string
	word   []byte
	inWord bool // in a word, which may be empty yet
	quote  byte // that is open, 0 if none is
}

// plain takes an octet outside quotes.
func (s *splitter) plain(c byte) {
	switch c {
	case ' ', '\t', '\n', '\r':
		s.end()
	case '\'', '"':
		s.quote, s.inWord = c, true
	default:
		s.add(c)
	}
}

// quoted takes an octet within quotes.
func (s *splitter) quoted(c byte) {
	if c == s.quote {
		s.quote = 0
		return
	}
	s.add(c)
}

// escaped takes an octet behind a backslash, which stays one where a shell would
// leave it.
func (s *splitter) escaped(c byte) {
	if s.quote == '"' && strings.IndexByte("\"\\$`", c) < 0 {
		s.add('\\')
	}
	s.add(c)
}

func (s *splitter) add(c byte) {
	s.word = append(s.word, c)
	s.inWord = true
}

// end ends a word, if there is one.
func (s *splitter) end() {
	if s.inWord {
		s.words = append(s.words, string(s.word))
	}
	s.word, s.inWord = nil, false
}
