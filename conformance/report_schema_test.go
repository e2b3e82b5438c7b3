package conformance_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/conformance"
)

// A validator knows as much of JSON Schema as our schema has.
type validator struct{ root map[string]any }

// check returns what is wrong with a value.
func (v validator) check(schema map[string]any, value any, at string) error {
	for keyword := range schema {
		if !slices.Contains([]string{
			"$schema", "$ref", "$defs", "title", "description", "anyOf", "type", "const", "enum", "pattern", "minimum",
			"items", "properties", "required", "additionalProperties",
		}, keyword) {
			return fmt.Errorf("%s: this test knows no %s", at, keyword)
		}
	}
	if ref, ok := schema["$ref"].(string); ok {
		return v.check(v.root["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any), value, at)
	}
	if choices, ok := schema["anyOf"].([]any); ok {
		var problems []string
		for _, choice := range choices {
			err := v.check(choice.(map[string]any), value, at)
			if err == nil {
				return nil
			}
			problems = append(problems, err.Error())
		}
		return fmt.Errorf("%s: none of: %s", at, strings.Join(problems, "; "))
	}
	if want, ok := schema["const"]; ok && want != value {
		return fmt.Errorf("%s: %v, want %v", at, value, want)
	}
	if enum, ok := schema["enum"].([]any); ok && !slices.Contains(enum, value) {
		return fmt.Errorf("%s: %v is none of %v", at, value, enum)
	}
	switch schema["type"] {
	case "object":
		return v.object(schema, value, at)
	case "array":
		list, ok := value.([]any)
		if !ok {
			return fmt.Errorf("%s: no array", at)
		}
		for i, item := range list {
			if err := v.check(schema["items"].(map[string]any), item, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
	case "string":
		text, ok := value.(string)
		if pattern, given := schema["pattern"].(string); !ok || given && !regexp.MustCompile(pattern).MatchString(text) {
			return fmt.Errorf("%s: %v is no string, or not of the form %q", at, value, pattern)
		}
	case "integer":
		n, ok := value.(float64)
		if minimum, given := schema["minimum"].(float64); !ok || n != float64(int64(n)) || given && n < minimum {
			return fmt.Errorf("%s: %v is no integer, or too small", at, value)
		}
	case "boolean":
		if _, ok := value.(bool); !ok {
			return fmt.Errorf("%s: %v is no boolean", at, value)
		}
	}
	return nil
}

func (v validator) object(schema map[string]any, value any, at string) error {
	members, ok := value.(map[string]any)
	if !ok {
		return fmt.Errorf("%s: no object", at)
	}
	if required, ok := schema["required"].([]any); ok {
		for _, name := range required {
			if _, ok := members[name.(string)]; !ok {
				return fmt.Errorf("%s: there is no %s", at, name)
			}
		}
	}
	properties, _ := schema["properties"].(map[string]any)
	for name, member := range members {
		property, known := properties[name].(map[string]any)
		if !known {
			if property, known = schema["additionalProperties"].(map[string]any); !known {
				return fmt.Errorf("%s: there may be no %s", at, name)
			}
		}
		if err := v.check(property, member, at+"."+name); err != nil {
			return err
		}
	}
	return nil
}

// validate returns what the published schema has against a text.
func validate(t *testing.T, text []byte) error {
	t.Helper()
	var schema, value any
	if err := json.Unmarshal([]byte(conformance.ReportSchema()), &schema); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	root := schema.(map[string]any)
	return validator{root}.check(root, value, "report")
}

// The golden reports, and one that a run has just made, are as the schema says.
func TestSchema(t *testing.T) {
	for _, name := range []string{"testdata/written.json", "testdata/written-two.json", "testdata/report-server.json", "testdata/report.json"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(t, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	var text bytes.Buffer
	report := runOf(t, conformance.Suite{}, answering("X-1", conformance.Verdict{Outcome: conformance.Pass}))
	report.Results[0].Area = conformance.AreaTLS
	if err := conformance.WriteJSON(&text, report); err != nil {
		t.Fatal(err)
	}
	if err := validate(t, text.Bytes()); err != nil {
		t.Error(err)
	}
}

// The schema refuses what it should, or it would say nothing.
func TestSchemaRefuses(t *testing.T) {
	good, err := os.ReadFile("testdata/written.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"another version":  {`"conform/v1"`, `"conform/v2"`},
		"unknown member":   {`"kind": "server"`, `"kind": "server", "password": "x"`},
		"unknown outcome":  {`"outcome": "warn"`, `"outcome": "good"`},
		"unknown level":    {`"level": "SHOULD"`, `"level": "MAY"`},
		"number as string": {`"milliseconds": 1203`, `"milliseconds": "1203"`},
		"no attempt":       {`"attempts": 3`, `"attempts": 0`},
		"bad id":           {`"id": "S-AUT-05"`, `"id": "5"`},
		"no target":        {`"target": "smtp://mail.example.test",`, ``},
	} {
		t.Run(name, func(t *testing.T) {
			bad := bytes.Replace(good, []byte(change[0]), []byte(change[1]), 1)
			if bytes.Equal(bad, good) {
				t.Fatalf("%s is not in the report", change[0])
			}
			if validate(t, bad) == nil {
				t.Error("it is fine by the schema")
			}
		})
	}
}
