package mock

import (
	"errors"
	"io/fs"
	"os"
	"regexp"

	"github.com/google/go-cmp/cmp"
)

// updateGolden is the environment variable that makes [Transcript.Golden] write
// files instead of reading them.
const updateGolden = "MOCK_UPDATE"

// length matches what may differ from run to run in the text of a transcript:
// how long a secret is. Times and ports are not in it.
var length = regexp.MustCompile(`<redacted \d+ octets?>`)

// Stable is String without the lengths of secrets, so that it is the same for
// each run of the same dialogue.
func (t Transcript) Stable() string { return length.ReplaceAllString(t.String(), "<redacted>") }

// Golden compares Stable with the content of a file, and fails the test if they
// differ. With MOCK_UPDATE=1 in the environment, it writes the file instead.
func (t Transcript) Golden(tb TB, file string) {
	tb.Helper()
	got := t.Stable()
	if os.Getenv(updateGolden) == "1" {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			tb.Errorf("mock: golden transcript: %v", err)
		}
		return
	}
	want, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		tb.Errorf("mock: no golden transcript %s; %s=1 writes it", file, updateGolden)
	case err != nil:
		tb.Errorf("mock: golden transcript: %v", err)
	case got != string(want):
		tb.Errorf("mock: transcript is not that of %s, which %s=1 replaces (-want +got):\n%s", file, updateGolden, cmp.Diff(string(want), got))
	}
}
