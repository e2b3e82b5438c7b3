package mock_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/seed-55a66e92/postern/mock"
)

// TestMain fails if a goroutine or a connection of the mock outlives the tests.
func TestMain(m *testing.M) {
	code := m.Run()
	if left := leftovers(context.Background(), time.Minute); left != "" {
		fmt.Fprintln(os.Stderr, "behind all tests:", left)
		code = 1
	}
	os.Exit(code)
}

// leftovers waits until nothing of the mock runs and no socket is open, and says
// what is there nevertheless. What has said its last word may take a moment to
// go.
func leftovers(ctx context.Context, limit time.Duration) string {
	for end := time.Now().Add(limit); ; runtime.Gosched() {
		left := running()
		if n := sockets(); n > 0 {
			left += fmt.Sprintf("%d open sockets\n", n)
		}
		if left == "" || ctx.Err() != nil || time.Now().After(end) {
			return left
		}
	}
}

// running returns the stacks of goroutines that the mock has started.
func running() string {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	var left strings.Builder
	for stack := range strings.SplitSeq(string(stacks), "\n\n") {
		const ours = "github.com/seed-55a66e92/postern/mock.("
		if strings.Contains(stack, "\n"+ours) && !strings.Contains(stack, "testing.tRunner") {
			left.WriteString(stack + "\n\n")
		}
	}
	return left.String()
}

// sockets counts the process's open sockets, where the system tells.
func sockets() int {
	files, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		return 0
	}
	n := 0
	for _, file := range files {
		if target, err := os.Readlink(file); err == nil && strings.HasPrefix(target, "socket:[") && !standard(file) {
			n++
		}
	}
	return n
}

// standard reports whether a file is standard input or output, which may be a
// socket too.
func standard(file string) bool {
	switch filepath.Base(file) {
	case "0", "1", "2":
		return true
	}
	return false
}

// TestLeftovers shows that the check finds what is left, and when nothing is.
func TestLeftovers(t *testing.T) {
	for _, network := range []mock.Network{mock.Loopback, mock.InMemory} {
		srv, err := mock.New(mock.Options{Network: network})
		if err != nil {
			t.Fatal(err)
		}
		dial(t, srv).expect(greeting)
		left := leftovers(t.Context(), 0)
		for _, want := range []string{"mock.(*Server).accept", "mock.(*session).serve"} {
			if !strings.Contains(left, want) {
				t.Errorf("network %d: %s is not found in\n%s", network, want, left)
			}
		}
		if network == mock.Loopback && sockets() == 0 && runtime.GOOS == "linux" {
			t.Error("no open socket is found")
		}
		srv.Close()
		if left := running(); strings.Contains(left, "mock.(*session)") {
			t.Errorf("network %d: behind Close\n%s", network, left)
		}
	}
}
