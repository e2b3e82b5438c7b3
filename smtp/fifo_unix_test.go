//go:build unix

package smtp_test

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/seed-55a66e92/postern/smtp"
)

// A named pipe is no message that can be read twice, and to open it may take for
// ever.
func TestFileIsAPipe(t *testing.T) {
	name := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Skip("no named pipes here: ", err)
	}
	_, err := smtp.Send(t.Context(), smtp.Config{Addr: "server.test"}, envelope, smtp.File(name))
	if !errors.Is(err, smtp.ErrMessage) || smtp.Classify(err) != smtp.Local {
		t.Errorf("got %v", err)
	}
}
