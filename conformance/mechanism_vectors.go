package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/seed-55a66e92/postern/sasl"
)

// A MechanismVector is an exchange that is known to be right, or known to be wrong
// in one way.
type MechanismVector struct {
	Name string     `json:"name"`
	Kind VectorKind `json:"kind"`

	// What the client signs in with: with a password, a token, or a certificate if
	// External. None of them means that the mechanism takes nothing.
	Username string `json:"username,omitempty"`
	AuthzID  string `json:"authzid,omitempty"`
	Password string `json:"password,omitempty"`
	Token    string `json:"token,omitempty"`
	External bool   `json:"external,omitempty"`

	// Host and Port are where it signs in. Zero means where the suite does.
	Host string `json:"host,omitempty"`
	Port int    `json:"port,omitempty"`

	// Nonce is that of the client; see MechanismTarget.Nonce. Empty means any.
	Nonce string `json:"nonce,omitempty"`

	// Steps are the messages, in order. If the first one is of the server, there is
	// no initial response.
	Steps []VectorStep `json:"steps"`
}

// A VectorStep is one message, as it is before base64.
type VectorStep struct {
	From   VectorSide `json:"from"`
	Text   string     `json:"text,omitempty"`
	Base64 []byte     `json:"base64,omitempty"` // in place of Text, if it is not UTF-8
}

func (s VectorStep) octets() []byte {
	if s.Base64 != nil {
		return s.Base64
	}
	return []byte(s.Text)
}

// VectorSide is who says a message.
type VectorSide string

// The sides.
const (
	FromClient VectorSide = "client"
	FromServer VectorSide = "server"
)

// VectorKind says who is wrong in a vector.
type VectorKind string

// The kinds.
const (
	// GoodVector: nobody is. Client and server say exactly that, and it ends in
	// success.
	GoodVector VectorKind = "good"
	// BadClientVector: a client says that, and the server has to refuse it.
	BadClientVector VectorKind = "bad-client"
	// BadServerVector: a server says that, and the client has to give up, or to
	// refuse the success that follows. What it says before is as in the vector.
	BadServerVector VectorKind = "bad-server"
)

// maxVectorFile bounds a file of vectors, in octets.
const maxVectorFile = 16 << 20

// ReadMechanismVectors reads vectors in JSON: an object with a list of them, whose
// fields are those of [MechanismVector].
//
//	{"vectors": [{
//		"name": "RFC 4616, Section 4",
//		"kind": "good",
//		"username": "tim",
//		"password": "tanstaaftanstaaf",
//		"steps": [{"from": "client", "text": "\u0000tim\u0000tanstaaftanstaaf"}]
//	}]}
//
// Other fields of the object are ignored; an unknown field of a vector is an error.
func ReadMechanismVectors(r io.Reader) ([]MechanismVector, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxVectorFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("conformance: vectors: %w", err)
	case len(text) > maxVectorFile:
		return nil, errors.New("conformance: vectors: more than 16 MiB")
	}
	var file struct {
		Vectors []json.RawMessage `json:"vectors"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("conformance: vectors: %w", err)
	}
	if len(file.Vectors) == 0 {
		return nil, errors.New(`conformance: vectors: there are none in the field "vectors"`)
	}
	var vectors []MechanismVector
	for i, raw := range file.Vectors {
		var v MechanismVector
		decoder := json.NewDecoder(bytes.NewReader(raw))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&v); err != nil {
			return nil, fmt.Errorf("conformance: vectors: number %d: %w", i+1, err)
		}
		vectors = append(vectors, v)
	}
	return vectors, checkVectors(vectors)
}

func checkVectors(vectors []MechanismVector) error {
	for i, v := range vectors {
		if err := v.check(); err != nil {
			return fmt.Errorf("conformance: vectors: number %d, %q: %w", i+1, v.Name, err)
		}
	}
	return nil
}

func (v MechanismVector) check() error {
	switch {
	case v.Name == "":
		return errors.New("no name")
	case v.Kind != GoodVector && v.Kind != BadClientVector && v.Kind != BadServerVector:
		return fmt.Errorf("kind %q is none of good, bad-client and bad-server", v.Kind)
	case len(v.Steps) == 0:
		return errors.New("no steps")
	case v.Kind != BadServerVector && v.Steps[len(v.Steps)-1].From != FromClient:
		return errors.New("the last step has to be the client's")
	case v.Kind == BadServerVector && v.Steps[len(v.Steps)-1].From != FromServer:
		return errors.New("the last step has to be the server's")
	case v.Password != "" && v.Token != "":
		return errors.New("both a password and a token")
	}
	for i, s := range v.Steps {
		switch {
		case s.From != FromClient && s.From != FromServer:
			return fmt.Errorf("step %d: %q is neither client nor server", i+1, s.From)
		case i > 0 && s.From == v.Steps[i-1].From:
			return fmt.Errorf("step %d: the %s speaks twice", i+1, s.From)
		case s.Text != "" && s.Base64 != nil:
			return fmt.Errorf("step %d: both text and base64", i+1)
		}
	}
	return nil
}

func (v MechanismVector) takes() taking {
	switch {
	case v.Password != "":
		return takesPassword
	case v.Token != "":
		return takesToken
	case v.External:
		return takesCertificate
	}
	return takesNothing
}

func (v MechanismVector) secret() string { return v.Password + v.Token }

func (v MechanismVector) login() login { return login{v.Username, v.AuthzID, v.secret()} }

// newServer returns a server that knows this one exchange.
func (v MechanismVector) newServer(context.Context, *sasl.Conn, sasl.Directory) (sasl.Server, error) {
	return &vectorServer{steps: v.Steps}, nil
}

type vectorServer struct {
	steps []VectorStep // that are left
	begun bool
}

// Next implements [sasl.Server].
func (s *vectorServer) Next(response []byte) (challenge []byte, done bool, err error) {
	silent := !s.begun && response == nil
	s.begun = true
	if !silent {
		if len(s.steps) == 0 || s.steps[0].From != FromClient || !bytes.Equal(s.steps[0].octets(), response) {
			s.steps = nil
			return nil, false, fmt.Errorf("%w: it is not what the vector has", sasl.ErrRejected)
		}
		s.steps = s.steps[1:]
	}
	if len(s.steps) == 0 {
		return nil, true, nil
	}
	if s.steps[0].From == FromClient { // no initial response, though the vector has one
		return []byte{}, false, nil
	}
	challenge = s.steps[0].octets()
	s.steps = s.steps[1:]
	return append([]byte{}, challenge...), false, nil
}
