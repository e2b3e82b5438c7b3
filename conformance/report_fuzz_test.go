package conformance_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"testing"

	"github.com/seed-55a66e92/postern/conformance"
)

// A report from anybody is refused as one, or is written and read again without a
// change; and what CI systems and browsers get of it is well-formed.
func FuzzReadReports(f *testing.F) {
	short := exampleReport() // long ones take a fuzzer minutes to make smaller
	short.Results, short.Server = short.Results[:1], nil
	text, err := json.Marshal(short)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"apiVersion":"conform/v1","target":"a\u0000]]>","kind":"x","results":[{"id":"X-1","outcome":"pass","area":"<&","title":"\n"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		reports, err := conformance.ReadReports(bytes.NewReader(text))
		if err != nil {
			if !errors.Is(err, conformance.ErrReport) {
				t.Fatal(err)
			}
			return
		}
		var first, second, junit bytes.Buffer
		if err := conformance.WriteJSON(&first, reports...); err != nil {
			t.Fatal(err)
		}
		again, err := conformance.ReadReports(bytes.NewReader(first.Bytes()))
		if err != nil {
			t.Fatalf("%v: %s", err, first.Bytes())
		}
		if err := conformance.WriteJSON(&second, again...); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Fatalf("%v: %s became %s", err, first.Bytes(), second.Bytes())
		}
		if err := conformance.WriteJUnit(&junit, reports...); err != nil {
			t.Fatal(err)
		}
		for d := xml.NewDecoder(&junit); ; {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if err := conformance.WriteHTML(io.Discard, reports...); err != nil {
			t.Fatal(err)
		}
	})
}
