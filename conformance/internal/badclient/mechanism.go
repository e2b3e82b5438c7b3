package badclient

import (
	"context"
	"errors"

	"github.com/seed-55a66e92/postern/sasl"
)

const (
	scramSHA256 = "SCRAM-SHA-256"
	scramSHA1   = "SCRAM-SHA-1"
)

// A mechanism is one run of one.
type mechanism struct {
	name    string
	initial string
	first   bool // the client begins
	next    func(challenge string) (response string, err error)
	done    func() error // whether success may be believed; nil if it may
}

// errDone says that a mechanism has no more to say.
var errDone = errors.New("a challenge that the mechanism does not have")

func (s *session) newMechanism(name, secret string) (*mechanism, error) {
	over := func(string) (string, error) { return "", errDone }
	bearer := "auth=Bearer " + secret + "\x01\x01"
	switch name {
	case "LOGIN":
		return s.newLOGIN(secret), nil
	case scramSHA256, scramSHA1:
		return s.newSCRAM(name, secret)
	case "XOAUTH2":
		said := false
		return &mechanism{name: name, first: true, initial: "user=" + s.cfg.Username + "\x01" + bearer, next: func(string) (string, error) {
			if said {
				return "", errDone
			}
			said = true
			return "", nil
		}}, nil
	case "OAUTHBEARER":
		dummy := "\x01"
		if s.defect == EmptyToBearerError {
			dummy = ""
		}
		said := false
		return &mechanism{name: name, first: true, initial: "n,a=" + s.cfg.Username + ",\x01" + bearer, next: func(string) (string, error) {
			if said {
				return "", errDone
			}
			said = true
			return dummy, nil
		}}, nil
	}
	return &mechanism{name: name, first: true, initial: "\x00" + s.cfg.Username + "\x00" + secret, next: over}, nil
}

// newLOGIN answers two prompts, whatever they say.
func (s *session) newLOGIN(password string) *mechanism {
	answers := []string{s.cfg.Username, password}
	prompts := []string{"Username:", "Password:"}
	return &mechanism{name: "LOGIN", initial: s.cfg.Username, next: func(challenge string) (string, error) {
		if len(answers) == 0 {
			return "", errDone
		}
		if s.defect == NeedPasswordPrompt && challenge != prompts[len(prompts)-len(answers)] {
			return "", errors.New("an unknown prompt")
		}
		answer := answers[0]
		answers = answers[1:]
		return answer, nil
	}}
}

// newSCRAM is that of package sasl: nobody should have to write another.
func (s *session) newSCRAM(name, password string) (*mechanism, error) {
	m, ok := sasl.Default().Lookup(name)
	if !ok {
		return nil, errors.New("no " + name)
	}
	conn := &sasl.Conn{Service: "smtp", Offered: []string{name}}
	client, err := m.NewClient(context.Background(), conn, &sasl.Credentials{
		Username: s.cfg.Username,
		Password: func(context.Context) (sasl.Secret, error) { return sasl.NewSecret(password), nil },
	})
	if err != nil {
		return nil, err
	}
	_, initial, err := client.Start()
	if err != nil {
		return nil, err
	}
	next := func(challenge string) (string, error) {
		response, err := client.Next([]byte(challenge))
		return string(response), err
	}
	done := func() error {
		if f, ok := client.(sasl.Finisher); ok {
			return f.Finish(nil)
		}
		return nil
	}
	return &mechanism{name: name, first: true, initial: string(initial), next: next, done: done}, nil
}
