package providers_test

import (
	"testing"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/storetest"
)

func TestMemoryStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) providers.Store { return new(providers.MemoryStore) })
}

func TestFileStore(t *testing.T) {
	storetest.RunShared(t, storetest.Shared{
		New:  func(t *testing.T) string { return t.TempDir() + "/tokens" },
		Open: func(t *testing.T, place string) providers.Store { return openFiles(t, place) },
	})
}

func TestEncrypted(t *testing.T) {
	storetest.Run(t, func(*testing.T) providers.Store {
		return providers.Encrypted(new(providers.MemoryStore), providers.Keys(providers.GenerateKey("k1")))
	})
}

func openFiles(t *testing.T, dir string) *providers.FileStore {
	t.Helper()
	s, err := providers.NewFileStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
