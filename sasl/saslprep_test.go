package sasl_test

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/seed-55a66e92/postern/sasl"
)

// saslprepRows are testdata/saslprep.txt: input, output and a remark, the first
// two in Go's quotes; "error" in place of the output.
func saslprepRows(tb testing.TB) [][2]string {
	tb.Helper()
	file, err := os.Open("testdata/saslprep.txt")
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	var rows [][2]string
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if line := lines.Text(); line != "" && !strings.HasPrefix(line, "#") {
			fields := strings.Fields(line)
			input, err := strconv.Unquote(fields[0])
			if err != nil {
				tb.Fatalf("%q: %v", line, err)
			}
			output := "error"
			if fields[1] != output {
				if output, err = strconv.Unquote(fields[1]); err != nil {
					tb.Fatalf("%q: %v", line, err)
				}
			}
			rows = append(rows, [2]string{input, output})
		}
	}
	return rows
}

func TestSASLprep(t *testing.T) {
	rows := saslprepRows(t)
	if len(rows) < 20 {
		t.Fatalf("%d rows", len(rows))
	}
	for _, row := range rows {
		got, err := sasl.SASLprep(row[0])
		if err != nil {
			got = "error"
		}
		if got != row[1] {
			t.Errorf("%+q: %+q, want %+q", row[0], got, row[1])
		}
		prepared, err := sasl.Prepare(row[0])
		want := row[1]
		if want == "error" || want == "" {
			want = row[0]
		}
		if prepared != want || err != nil {
			t.Errorf("%+q is sent as %+q, %v; want %+q", row[0], prepared, err, want)
		}
	}
}

// What is prepared stays as it is when it is prepared again, and is UTF-8 if it
// was.
func FuzzSASLprep(f *testing.F) {
	for _, row := range saslprepRows(f) {
		f.Add(row[0])
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			t.Skip()
		}
		once, err := sasl.Prepare(s)
		if err != nil || once == "" && s != "" || !utf8.ValidString(once) {
			t.Fatalf("%+q: %+q, %v", s, once, err)
		}
		if twice, err := sasl.Prepare(once); twice != once || err != nil {
			t.Errorf("%+q: %+q, then %+q, %v", s, once, twice, err)
		}
	})
}
