package conformance_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/conformance/internal/badmech"
	"github.com/seed-55a66e92/postern/sasl"
)

// Vectors in a file are what they are in a program, and run.
func TestMechanismVectorFile(t *testing.T) {
	file, err := os.Open("testdata/x-sum.json")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	vectors, err := conformance.ReadMechanismVectors(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sumVectors(), vectors); diff != "" {
		t.Errorf("vectors (-want +got):\n%s", diff)
	}
	report := runMechanism(t, conformance.Suite{Select: []string{"M-VEC-01"}}, conformance.MechanismTarget{
		Mechanism: badmech.New("X-SUM", badmech.Options{}), Vectors: vectors,
	})
	if err := report.Err(); err != nil {
		t.Errorf("%v\n%s", err, report)
	}
}

func TestReadMechanismVectorsRefuses(t *testing.T) {
	vector := func(fields string) string {
		return `{"vectors": [{"name": "n", "kind": "good", ` + fields + `}]}`
	}
	tests := []struct{ name, text, want string }{
		{"no JSON", "x", "invalid character"},
		{"no vectors", "{}", "there are none"},
		{"an unknown field", vector(`"pasword": "x"`), `number 1: json: unknown field "pasword"`},
		{"no name", `{"vectors": [{}]}`, "no name"},
		{"another kind", `{"vectors": [{"name": "n", "kind": "bad"}]}`, `kind "bad"`},
		{"no steps", vector(`"steps": []`), "no steps"},
		{"another side", vector(`"steps": [{"from": "nobody"}, {"from": "client"}]`), `"nobody" is neither`},
		{"one side twice", vector(`"steps": [{"from": "client"}, {"from": "client"}]`), "step 2: the client speaks twice"},
		{"the server at the end", vector(`"steps": [{"from": "server"}]`), "the last step has to be the client's"},
		{"text and base64", vector(`"steps": [{"from": "client", "text": "a", "base64": "YQ=="}]`), "both text and base64"},
		{"two secrets", vector(`"password": "a", "token": "b", "steps": [{"from": "client"}]`), "both a password and a token"},
		{"bad base64", vector(`"steps": [{"from": "client", "base64": "?"}]`), "illegal base64"},
		{"a bad server at the end of the client", `{"vectors": [{"name": "n", "kind": "bad-server", "steps": [{"from": "client"}]}]}`, "has to be the server's"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := conformance.ReadMechanismVectors(strings.NewReader(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

// Each kind of vector can fail.
func TestVectorsFail(t *testing.T) {
	sum := badmech.New("X-SUM", badmech.Options{})
	good, server := sumVectors()[0], sumVectors()[1]
	otherDigest, withoutError := good, server
	otherDigest.Steps = append(otherDigest.Steps[:1:1], conformance.VectorStep{From: conformance.FromClient, Text: "tim 00"})
	withoutError.Steps = []conformance.VectorStep{{From: conformance.FromServer, Text: "an honest challenge"}}
	inTurn := good
	inTurn.Steps = []conformance.VectorStep{{From: conformance.FromClient, Text: "tim"}}
	tests := []struct {
		name   string
		vector conformance.MechanismVector
		want   string
	}{
		{"another message", otherDigest, `step 2 of "one sum"`},
		{"no error of the client", withoutError, "in which the server is wrong"},
		{"the other side speaks first", inTurn, "no message"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			result := runMechanism(t, conformance.Suite{Select: []string{"M-VEC-01"}}, conformance.MechanismTarget{
				Mechanism: sum, Vectors: []conformance.MechanismVector{tt.vector},
			}).Results[0]
			if result.Outcome != conformance.Fail || !strings.Contains(result.String(), tt.want) {
				t.Errorf("want fail with %q\n%s", tt.want, result)
			}
		})
	}
	taking := sum
	taking.NewServer = func(context.Context, *sasl.Conn, sasl.Directory) (sasl.Server, error) {
		return &taker{}, nil
	}
	result := runMechanism(t, conformance.Suite{Select: []string{"M-VEC-01"}}, conformance.MechanismTarget{
		Mechanism: taking, Vectors: []conformance.MechanismVector{sumVectors()[2]},
	}).Results[0]
	if result.Outcome != conformance.Fail || !strings.Contains(result.String(), "in which the client is wrong") {
		t.Errorf("want fail for a server that takes a bad client\n%s", result)
	}
}

// A taker asks and then takes any answer.
type taker struct{ asked bool }

func (s *taker) Next([]byte) ([]byte, bool, error) {
	if s.asked {
		return nil, true, nil
	}
	s.asked = true
	return []byte("?"), false, nil
}
