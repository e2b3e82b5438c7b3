package sasl_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/internal/wire"
	"github.com/seed-55a66e92/postern/sasl"
)

// A vector is a dialogue of testdata/*.txt: a title behind "#", facts as "key:
// value" (in Go's quotes where need be), then what client and server say, "C:"
// and "S:". It is run against our client, which hears the server's lines, and
// against our server, which hears the client's, unless "side" names one of them.
//
//	user authzid password token host port   what the client has
//	certificate                             it has shown one; "yes": and wants to use it
//	trace                                   what it says of itself, to ANONYMOUS
//	stored                                  the secret that the server knows, if another
//	status schemes scope openid-configuration challenged
//	                                        the error challenge; the last: there is one
//	error                                   the client's error, if not the one of the reply
type vector struct {
	name  string
	facts map[string]string
	lines []string // "C: ..." and "S: ..."
}

func TestVectors(t *testing.T) {
	for _, mechanism := range []string{"ANONYMOUS", "CRAM-MD5", "EXTERNAL", "LOGIN", "OAUTHBEARER", "PLAIN", "XOAUTH2"} {
		for _, v := range readVectors(t, "testdata/"+strings.ToLower(mechanism)+".txt") {
			if v.facts["side"] != "server" {
				t.Run(mechanism+"/client/"+v.name, func(t *testing.T) { v.runClient(t, mechanism) })
			}
			if v.facts["side"] != "client" {
				t.Run(mechanism+"/server/"+v.name, func(t *testing.T) { v.runServer(t, mechanism) })
			}
		}
	}
}

func readVectors(t *testing.T, file string) []vector {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if title, ok := strings.CutPrefix(line, "# "); ok {
			vectors = append(vectors, vector{name: title, facts: map[string]string{}})
			continue
		}
		if line == "" {
			continue
		}
		v := &vectors[len(vectors)-1]
		key, value, ok := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case !ok:
			t.Fatalf("%s: %s: bad line %q", file, v.name, line)
		case key == "C" || key == "S":
			v.lines = append(v.lines, key+": "+value)
		case strings.HasPrefix(value, `"`):
			if value, err = strconv.Unquote(value); err != nil {
				t.Fatalf("%s: %s: bad quotes in %q", file, v.name, line)
			}
			fallthrough
		default:
			v.facts[key] = value
		}
	}
	return vectors
}

func (v *vector) conn(mechanism string) *sasl.Conn {
	c := secure(mechanism)
	c.Host = v.facts["host"]
	c.Port, _ = strconv.Atoi(v.facts["port"])
	c.ClientCert = v.facts["certificate"] != ""
	return c
}

func (v *vector) registry() *sasl.Registry {
	return sasl.Default().With(sasl.Anonymous(v.facts["trace"]))
}

// authenticator has what the vector's client has.
func (v *vector) authenticator(mechanism string) *sasl.Authenticator {
	a := new(sasl.Authenticator)
	switch mechanism {
	case "ANONYMOUS":
	case "EXTERNAL":
		a.Credentials.External = v.facts["certificate"] != "shown"
	case "XOAUTH2", "OAUTHBEARER":
		a = sasl.OAuth(v.facts["user"], sasl.StaticToken(v.facts["token"]))
	default:
		a = sasl.Password(v.facts["user"], v.facts["password"])
	}
	a.Credentials.AuthzID = v.facts["authzid"]
	a.Registry = v.registry()
	a.Policy.Order = []string{mechanism}
	return a
}

func (v *vector) runClient(t *testing.T, mechanism string) {
	server := &dialogue{t: t, lines: v.lines}
	_, err := v.authenticator(mechanism).Authenticate(t.Context(), v.conn(mechanism), server)
	if len(server.lines) > 0 {
		t.Errorf("not said: %q", server.lines)
	}
	if none := new(sasl.NoMechanismError); v.facts["error"] == "NoMechanismError" {
		if !errors.As(err, &none) {
			t.Errorf("error %v, want a NoMechanismError", err)
		}
		return
	}
	want := v.wantError(t)
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
	v.checkOAuthError(t, err)
}

// wantError returns the error that a client ends with.
func (v *vector) wantError(t *testing.T) error {
	switch v.facts["error"] {
	case "ErrProtocol":
		return sasl.ErrProtocol
	case "ErrBadCredentials":
		return sasl.ErrBadCredentials
	case "":
		return sasl.ReplyKind(code(t, v.lines[len(v.lines)-1]))
	}
	t.Fatalf("unknown error %q", v.facts["error"])
	return nil
}

// challenge returns the error challenge that the vector describes, nil if none.
func (v *vector) challenge() *sasl.OAuthError {
	e := &sasl.OAuthError{
		Status:              v.facts["status"],
		Schemes:             v.facts["schemes"],
		Scope:               v.facts["scope"],
		OpenIDConfiguration: v.facts["openid-configuration"],
	}
	if e.Status == "" && v.facts["challenged"] == "" {
		return nil
	}
	return e
}

func (v *vector) checkOAuthError(t *testing.T, err error) {
	t.Helper()
	want := v.challenge()
	var got *sasl.OAuthError
	if !errors.As(err, &got) {
		if want != nil {
			t.Errorf("error %v, want an OAuthError", err)
		}
		return
	}
	if want == nil {
		t.Fatalf("unexpected OAuthError %v", got)
	}
	if got.Status != want.Status || got.Schemes != want.Schemes || got.Scope != want.Scope ||
		got.OpenIDConfiguration != want.OpenIDConfiguration {
		t.Errorf("OAuthError %#v, want %#v", got, want)
	}
}

// A dialogue is a Transport that says the server's lines and fails the test
// unless the client says its own, octet for octet.
type dialogue struct {
	t     *testing.T
	lines []string
}

func (d *dialogue) Auth(_ context.Context, mechanism string, initial []byte) (sasl.Reply, error) {
	line := "AUTH " + mechanism
	if initial != nil && len(initial) == 0 {
		line += " ="
	} else if initial != nil {
		line += " " + encode(initial)
	}
	return d.say(line)
}

func (d *dialogue) Respond(_ context.Context, response []byte) (sasl.Reply, error) {
	return d.say(encode(response))
}

func (d *dialogue) Cancel(context.Context) (sasl.Reply, error) { return d.say("*") }

func (d *dialogue) say(line string) (sasl.Reply, error) {
	d.t.Helper()
	if len(d.lines) < 2 || d.lines[0] != "C: "+line {
		d.t.Fatalf("client said %q, want %q", line, d.lines)
	}
	answer := d.lines[1]
	d.lines = d.lines[2:]
	code := code(d.t, answer)
	if code != 334 {
		if code == 235 {
			return sasl.Reply{}, nil
		}
		return sasl.Reply{Verdict: replyCode(code)}, nil
	}
	challenge, err := wire.DecodeBase64([]byte(text(answer)))
	return sasl.Reply{More: true, Challenge: challenge, Malformed: err != nil}, nil
}

func encode(message []byte) string { return string(wire.EncodeBase64(nil, message)) }

// code and text take "S: 334 dGV4dA==" apart.
func code(t *testing.T, line string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimPrefix(line, "S: ")[:3])
	if err != nil {
		t.Fatalf("bad reply %q", line)
	}
	return n
}

func text(line string) string { return strings.TrimPrefix(strings.TrimPrefix(line, "S: ")[3:], " ") }

func (v *vector) runServer(t *testing.T, mechanism string) {
	server := v.server(t, mechanism)
	for i := 0; i+1 < len(v.lines); i += 2 {
		response := clientMessage(t, mechanism, v.lines[i])
		challenge, done, err := server.Next(response)
		v.checkReply(t, v.lines[i+1], challenge, done, err)
		v.checkIdentity(t, server, v.lines[i+1])
	}
	for i := 0; i+1 < len(v.lines); i += 2 { // all of it once more
		_, done, err := server.Next(clientMessage(t, mechanism, v.lines[i]))
		if done || !errors.Is(err, sasl.ErrProtocol) {
			t.Errorf("after the end: done %v, error %v, want ErrProtocol", done, err)
		}
	}
}

// server is our server. For CRAM-MD5 it sends the challenge of the vector.
func (v *vector) server(t *testing.T, mechanism string) sasl.Server {
	t.Helper()
	if mechanism == "CRAM-MD5" {
		challenge, err := wire.DecodeBase64([]byte(text(v.lines[1])))
		if err != nil && code(t, v.lines[1]) == 334 {
			t.Fatal(err)
		}
		return sasl.NewCRAMMD5Server(t.Context(), v.directory(), challenge)
	}
	m, _ := v.registry().Lookup(mechanism)
	server, err := m.NewServer(t.Context(), v.conn(mechanism), v.directory())
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// A reception is a Directory whose certificates and guests all belong to one
// user, who may be nobody.
type reception struct {
	accounts
	user  string
	trace string // of guests; "": any
}

func (r reception) External(context.Context, *sasl.Conn) (string, error) { return r.user, nil }

func (r reception) Anonymous(_ context.Context, trace string) (string, error) {
	if r.trace != "" && trace != r.trace {
		return "", errors.New("test: trace " + trace)
	}
	return r.user, nil
}

// directory knows the vector's user and nobody else.
func (v *vector) directory() sasl.Directory {
	stored := func(secret string) string {
		if s, ok := v.facts["stored"]; ok {
			return s
		}
		return secret
	}
	var refusal error = sasl.ErrRejected
	if e := v.challenge(); e != nil {
		refusal = e
	}
	account := sasl.Account{MayActAs: func(authzid string) bool { return authzid == v.facts["authzid"] }}
	if value, ok := v.facts["token"]; ok {
		account.Token = takes(stored(value), refusal)
	} else {
		account.Password = sasl.NewSecret(stored(v.facts["password"]))
	}
	return reception{accounts{v.facts["user"]: account}, v.facts["user"], v.facts["trace"]}
}

func clientMessage(t *testing.T, mechanism, line string) []byte {
	t.Helper()
	message := strings.TrimPrefix(line, "C: ")
	if command, ok := strings.CutPrefix(message, "AUTH "+mechanism); ok {
		if command == "" {
			return nil
		}
		message = strings.TrimPrefix(strings.TrimPrefix(command, " "), "=")
	}
	decoded, err := wire.DecodeBase64([]byte(message))
	if err != nil {
		t.Fatalf("bad base64 in %q", line)
	}
	return decoded
}

func (v *vector) checkReply(t *testing.T, want string, challenge []byte, done bool, err error) {
	t.Helper()
	switch code := code(t, want); code {
	case 334:
		if done || err != nil || challenge == nil {
			t.Errorf("got challenge %q, done %v, error %v, want %q", challenge, done, err, want)
		}
		if v.challenge() != nil {
			equalJSON(t, challenge, text(want))
		}
		if strings.HasPrefix(v.lines[0], "C: AUTH CRAM-MD5") && encode(challenge) != text(want) {
			t.Errorf("challenge %q, want %q", encode(challenge), text(want))
		}
	case 235:
		if !done || err != nil || challenge != nil {
			t.Errorf("got challenge %q, done %v, error %v, want success without data", challenge, done, err)
		}
	default:
		if done || challenge != nil || !errors.Is(err, sasl.ReplyKind(code)) {
			t.Errorf("got challenge %q, done %v, error %v, want %v", challenge, done, err, sasl.ReplyKind(code))
		}
	}
}

func (v *vector) checkIdentity(t *testing.T, server sasl.Server, reply string) {
	t.Helper()
	authn, authz := server.(sasl.Identifier).Identity()
	if code(t, reply) != 235 {
		if authn != "" || authz != "" {
			t.Errorf("identity %q, %q before the end", authn, authz)
		}
		return
	}
	if authn != v.facts["user"] {
		t.Errorf("identity %q, want %q", authn, v.facts["user"])
	}
	if _, ok := v.facts["token"]; !ok && authz != v.facts["authzid"] {
		t.Errorf("authorization identity %q, want %q", authz, v.facts["authzid"])
	}
}

func equalJSON(t *testing.T, got []byte, wantBase64 string) {
	t.Helper()
	want, err := wire.DecodeBase64([]byte(wantBase64))
	if err != nil {
		t.Fatal(err)
	}
	var g, w any
	if json.Unmarshal(got, &g) != nil || json.Unmarshal(want, &w) != nil || !reflect.DeepEqual(g, w) {
		t.Errorf("challenge %s, want %s", got, want)
	}
}
