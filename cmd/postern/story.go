package main

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"fmt"
	"strings"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/smtp"
)

// storyWidth is how wide the story is, in columns.
const storyWidth = 80

// A story is what the demo tells.
type story struct {
	painter
	out bytes.Buffer
}

const prologue = `An authorization server and a mail server now run on 127.0.0.1, in the parts of
Google and Gmail. The client is the real one and believes to talk to these. It
has no password, but a refresh token: the user consented once, in a browser.

C is the client, S the server. The numbers count round trips: how often the
client waits for the server. Secrets are cut out; their length remains.`

// headings say what happens and why, before the command that they are for: its
// verb and how often it came before on the connection.
func headings(session int) map[string]string {
	if session > 1 {
		return map[string]string{
			"CONNECT 0": "A second connection begins like the first.",
			"AUTH 0":    "The client still holds its token: it cannot know of the revocation.",
			"AUTH/2 0":  "The challenge says why not (=). An empty answer brings the final verdict.",
			"AUTH 1":    "The token generator is told and fetches another. The client tries that on\nthe same connection: once, and never the same token again.",
			"MAIL 0":    "Signed in. The message goes out as if nothing had happened.",
		}
	}
	return map[string]string{
		"CONNECT 0":  "The client asks what the server can do. Without TLS it offers no sign-in.",
		"STARTTLS 0": "So TLS first. The client checks the certificate and starts from scratch.",
		"EHLO 1":     "It asks again, and of what is offered it prefers XOAUTH2.",
		"AUTH 0":     "Only now is the token fetched. It leaves with the command: no extra trip.",
		"MAIL 0":     "Sender, recipient and DATA leave together: one round trip for all three.",
		"EOD 0":      "The message. With 250 the server takes the responsibility for it.",
	}
}

// story tells what happened.
func (s *stage) story(p painter) ([]byte, error) {
	st := &story{painter: p}
	sessions := s.server.Sessions()
	if len(sessions) != 3 || len(s.results) != 2 {
		return nil, fmt.Errorf("%d connections, not 3", len(sessions))
	}
	st.title("postern demo: a sign-in with OAuth 2.0, on this machine alone")
	fmt.Fprintln(&st.out, prologue)
	st.title("1. The first message")
	st.dialogue(sessions[0], nil)
	st.title("2. The token is revoked. The second message")
	st.dialogue(sessions[1], s.tokens.challenges)
	st.requests(s.authority.Requests())
	if err := st.stored(s.server.Messages(), s.attached); err != nil {
		return nil, err
	}
	st.verified(s.report)
	st.summary(s, sessions)
	return st.out.Bytes(), nil
}

func (st *story) title(text string) {
	if st.out.Len() > 0 {
		st.out.WriteByte('\n')
	}
	fmt.Fprintln(&st.out, st.bold(text))
}

// dialogue prints one connection. challenges are what the redacted challenges of
// the server said, in order.
func (st *story) dialogue(s mock.Session, challenges []string) {
	about := headings(s.ID)
	seen := make(map[string]int)
	commands := s.Commands
	// next explains the command that comes next and returns its round trip.
	next := func() int {
		if len(commands) == 0 {
			return 0
		}
		c := commands[0]
		commands = commands[1:]
		st.heading(about[fmt.Sprint(c.Verb, " ", seen[c.Verb])])
		seen[c.Verb]++
		return c.RoundTrip
	}
	trip := next() // the greeting answers no line of the client
	for _, line := range folded(s.Transcript) {
		switch {
		case line.From == mock.FromClient:
			trip = next()
		case line.From == mock.FromMock && line.Text == "TLS" && len(commands) > 0:
			line.Text = "TLS handshake; from here on everything is encrypted"
			trip = commands[0].RoundTrip - 1 // that of the handshake
		}
		st.line(trip, line)
		trip = 0
		if strings.HasPrefix(line.Text, "334 ") && len(challenges) > 0 {
			st.wrapped("    =  ", oneLine(challenges[0]))
			challenges = challenges[1:]
		}
	}
}

func (st *story) heading(text string) {
	if text == "" {
		return
	}
	for line := range strings.SplitSeq(text, "\n") {
		fmt.Fprintln(&st.out, st.dim("  # "+line))
	}
}

// line prints one line of the dialogue, with the number of its round trip unless
// that is 0.
func (st *story) line(trip int, line mock.Line) {
	number := "  "
	if trip > 0 {
		number = fmt.Sprintf("%2d", trip)
	}
	st.wrapped(fmt.Sprintf("%s  %c: ", number, line.From), cmp.Or(line.Text, "(an empty line)"))
}

// wrapped prints text after a prefix, in as many lines as it takes.
func (st *story) wrapped(prefix, text string) {
	width := storyWidth - len(prefix)
	for len(text) > width {
		cut := strings.LastIndexByte(text[:width+1], ' ')
		if cut <= 0 {
			break
		}
		fmt.Fprintln(&st.out, prefix+text[:cut])
		prefix = strings.Repeat(" ", len(prefix))
		text = text[cut+1:]
	}
	fmt.Fprintln(&st.out, strings.TrimRight(prefix+text, " "))
}

// folded makes one line of each reply of several.
func folded(t mock.Transcript) mock.Transcript {
	var out mock.Transcript
	open := false // the last line goes on
	for _, line := range t {
		goesOn := line.From == mock.FromServer && len(line.Text) > 3 && line.Text[3] == '-'
		if open && line.From == mock.FromServer {
			out[len(out)-1].Text += " / " + line.Text[4:]
		} else {
			if goesOn {
				line.Text = line.Text[:3] + " " + line.Text[4:]
			}
			out = append(out, line)
		}
		open = goesOn
	}
	return out
}

// requests prints what the authority was asked.
func (st *story) requests(requests []mock.AuthorityRequest) {
	st.title("3. What the authorization server was asked")
	for i, r := range requests {
		st.wrapped(fmt.Sprintf("%2d  ", i+1), fmt.Sprintf("%s https://%s%s, %d: grant_type=%s client_secret=%s refresh_token=%s",
			r.Method, r.Host, r.Path, r.Status, r.Grant, r.Form["client_secret"], r.Form["refresh_token"]))
	}
}

// stored prints what the server has. An attachment that is not what was sent is
// an error.
func (st *story) stored(messages []mock.Message, sent attachment) error {
	st.title("4. What the mail server stored")
	for _, m := range messages {
		files, err := attachments(m.Data)
		if err != nil {
			return err
		}
		if len(files) != 1 || files[0].name != sent.name || !bytes.Equal(files[0].content, sent.content) {
			return fmt.Errorf("message %s arrived with another attachment than it was sent with", m.ID)
		}
		fmt.Fprintf(&st.out, "    %q, %d octets, from <%s> to <%s>\n", subjectOf(m.Data), len(m.Data), m.From, strings.Join(m.To, ">, <"))
		fmt.Fprintf(&st.out, "    by %s (%s), attachment %s of %d octets, intact\n", m.User, m.Mechanism, files[0].name, len(files[0].content))
	}
	return nil
}

// verified prints a report as a program would.
func (st *story) verified(r *smtp.Report) {
	st.title("5. What smtp.Verify says of all that, without sending anything")
	fmt.Fprintln(&st.out, r)
}

// summary prints the demo in numbers.
func (st *story) summary(s *stage, sessions []mock.Session) {
	first, second := sessions[0].RoundTrips, sessions[1].RoundTrips
	result := s.results[0]
	st.title("In short")
	fmt.Fprintf(&st.out, "    mechanism    %s, over %s\n", result.Mechanism, tls.VersionName(result.TLS.Version))
	fmt.Fprintf(&st.out, "    round trips  %d for the first message, %d with the renewal; QUIT not counted\n", first, second)
	fmt.Fprintf(&st.out, "    sign-ins     %d on the first connection, %d on the second; none by password\n", len(sessions[0].Auths), len(sessions[1].Auths))
	fmt.Fprintf(&st.out, "    tokens       %d fetched: one to begin with, one in place of the revoked one\n", len(s.authority.Requests()))
	fmt.Fprintf(&st.out, "    next         postern send --help\n")
}
