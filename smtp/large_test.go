package smtp_test

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/smtp"
)

// A message of 1 GiB takes as much memory as a small one. The file is a sparse
// one; its octets must be text, so what is read of it is turned into that.
func TestLargeMessageInConstantMemory(t *testing.T) {
	size := int64(1 << 30)
	if testing.Short() || raceDetector {
		size = 64 << 20
	}
	name := filepath.Join(t.TempDir(), "sparse")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, size); err != nil {
		t.Fatal(err)
	}
	c := startSink(t, false)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	res, err := c.Send(t.Context(), envelope, textFile{smtp.File(name)})
	runtime.ReadMemStats(&after)
	if err != nil || res.Octets < size {
		t.Fatalf("%+v, %v", res, err)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
		t.Errorf("%d octets were allocated for a message of %d", grown, res.Octets)
	}
}

// A textFile is a message of as many octets as another one.
type textFile struct{ smtp.Message }

func (f textFile) Open() (io.ReadCloser, error) {
	r, err := f.Message.Open()
	return textReader{r}, err
}

type textReader struct{ io.ReadCloser }

func (r textReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p[:min(len(p), len(block))])
	return copy(p[:n], block), err
}

// block is long lines that need no change but for their dots.
var block = strings.Repeat(".."+strings.Repeat("x", 990)+"\r\n", 32)
