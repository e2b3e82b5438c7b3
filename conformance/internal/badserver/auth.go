package badserver

import (
	"context"
	"slices"
	"strings"

	"github.com/seed-55a66e92/postern/internal/wire"
	"github.com/seed-55a66e92/postern/sasl"
)

// mechanisms are those that are offered.
func (x *session) mechanisms() []string {
	switch {
	case x.secure:
		return []string{"SCRAM-SHA-256", "OAUTHBEARER", "XOAUTH2", "PLAIN"}
	case x.Defect == PlainInClear:
		return []string{"PLAIN"}
	}
	return nil
}

func (x *session) auth(argument string) {
	name, initial, given := strings.Cut(argument, " ")
	mechanism, known := sasl.Default().Lookup(name)
	switch {
	case !x.hello:
		x.say("AUTH", 503, "5.5.1 EHLO first")
	case x.signedIn:
		x.say("AUTH", 503, "5.5.1 Signed in")
	case x.open && x.Defect != AuthInTransaction:
		x.say("AUTH", 503, "5.5.1 There is a transaction")
	case !known || !slices.Contains(x.mechanisms(), mechanism.Name):
		x.say("AUTH", 504, "5.5.4 No such mechanism")
	default:
		server, err := mechanism.NewServer(context.Background(), &sasl.Conn{Service: "smtp"}, directory{x.Server})
		if err != nil {
			x.say("AUTH", 454, "4.7.0 No")
			return
		}
		x.exchange(mechanism.Name, server, initial, given)
	}
}

// exchange runs an exchange to its end.
func (x *session) exchange(name string, server sasl.Server, initial string, given bool) {
	var response []byte
	if given {
		var ok bool
		if response, ok = x.decode(initial); !ok {
			return
		}
	}
	for round := 1; ; round++ {
		challenge, done, err := server.Next(x.altered(name, response))
		switch {
		case err != nil:
			x.refuse(response)
			return
		case done:
			x.accept()
			return
		case x.Manner == RefusesAtOnce && strings.HasPrefix(string(challenge), "{"):
			x.refuse(response)
			return
		case x.Defect == NoServerProof && round == 2 && strings.HasPrefix(string(challenge), "v="):
			x.accept()
			return
		}
		if x.Defect == WrongServerProof && strings.HasPrefix(string(challenge), "v=") {
			challenge = []byte("v=" + strings.Repeat("A", 43) + "=")
		}
		text := "334 " + string(wire.EncodeBase64(nil, challenge)) + "\r\n"
		if x.Defect == ChallengeNoSpace && len(challenge) == 0 {
			text = "334\r\n"
		}
		x.out = append(x.out, answer{"AUTH", text})
		x.flush()
		line, _, err := x.command()
		if err != nil {
			x.over = true
			return
		}
		if line == "" && len(challenge) > 0 && x.faltersAt(name) {
			return
		}
		var ok bool
		if response, ok = x.decode(line); !ok {
			return
		}
		if name == "XOAUTH2" && x.Defect == XOAUTH2OnLineOnly && !given {
			x.say("AUTH", 535, "5.7.8 Credentials refused")
			return
		}
	}
}

// faltersAt does what a defect does at an empty answer to an error challenge.
func (x *session) faltersAt(name string) bool {
	switch {
	case name == "OAUTHBEARER" && x.Defect == ClosesOnEmptyAnswer:
		x.say("AUTH", 421, "4.0.0 Internal error")
		x.over = true
		return true
	case name == "XOAUTH2" && x.Defect == HangsOnEmptyAnswer:
		_, _, err := x.command() // for ever
		x.over = err != nil
		return true
	}
	return false
}

// decode reads a response, or says why not.
func (x *session) decode(line string) ([]byte, bool) {
	switch line {
	case "*":
		if x.Defect == Answers535ToCancel {
			x.say("AUTH", 535, "5.7.8 Given up")
			return nil, false
		}
		x.say("AUTH", 501, "5.0.0 Given up")
		return nil, false
	case "=":
		return []byte{}, true
	}
	response, err := wire.DecodeBase64([]byte(line))
	if err == nil {
		return response, true
	}
	if x.Defect == Answers454ToBase64 {
		x.say("AUTH", 454, "4.7.0 Cannot decode")
		return nil, false
	}
	x.say("AUTH", 501, "5.5.2 Cannot decode")
	return nil, false
}

// altered returns a response as the defect has it.
func (x *session) altered(name string, response []byte) []byte {
	if name != "PLAIN" || x.Defect != IgnoresAuthzid {
		return response
	}
	if _, rest, found := strings.Cut(string(response), "\x00"); found {
		return []byte("\x00" + rest)
	}
	return response
}

func (x *session) accept() {
	x.signedIn = true
	if x.Defect == Answers250ToAuth {
		x.say("AUTH", 250, "2.7.0 Signed in")
		return
	}
	x.say("AUTH", 235, "2.7.0 Signed in")
}

// refuse answers a sign-in that failed by its last response.
func (x *session) refuse(response []byte) {
	x.signedIn = x.Defect == RefusedIsSignedIn
	fields := strings.Split(string(response), "\x00")
	if x.Defect == Answers454ToPassword && len(fields) == 3 && fields[2] != x.Password {
		x.say("AUTH", 454, "4.7.0 Try again")
		return
	}
	x.say("AUTH", 535, "5.7.8 Credentials refused")
}

// directory is the one account.
type directory struct{ *Server }

// Account implements [sasl.Directory]. Anybody may have a token, so that only the
// token is refused.
func (d directory) Account(_ context.Context, username string) (sasl.Account, error) {
	d.ask(username)
	account := sasl.Account{Token: func(_ context.Context, token sasl.Secret) error {
		if username == d.User && token.Equal(sasl.NewSecret(d.Token)) {
			return nil
		}
		return &sasl.OAuthError{Status: "invalid_token", Err: sasl.ErrRejected}
	}}
	if username == d.User {
		account.Password = sasl.NewSecret(d.Password)
	}
	return account, nil
}
