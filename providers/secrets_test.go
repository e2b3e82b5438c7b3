package providers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// TestNoSecrets scans everything that a Cache says, with a Fetcher and a Store
// that are careless, for the secrets that it holds.
func TestNoSecrets(t *testing.T) {
	const refresh, rotated, access = "1//refresh-aaaa", "refresh-bbbb", "access-cccc"
	bubble(t, func(t *testing.T) {
		var mu sync.Mutex
		var said bytes.Buffer
		log := slog.New(slog.NewTextHandler(&said, nil))
		say := func(things ...any) {
			mu.Lock()
			defer mu.Unlock()
			for _, thing := range things {
				text, _ := json.Marshal(thing)
				fmt.Fprintf(&said, "%v %+v %#v %s\n", thing, thing, thing, text)
				log.Info("said", "thing", thing)
			}
		}
		careless := errors.New("POST grant=" + refresh + "&rotated=" + rotated + "&token=" + access)
		encoded := errors.New("POST " + url.Values{"grant": {refresh}}.Encode())
		var failure error
		fetch := func(_ context.Context, req providers.Request) (providers.Response, error) {
			token := sasl.Token{Value: sasl.NewSecret(access), Expiry: time.Now().Add(time.Hour)}
			return providers.Response{Token: token, Grant: sasl.NewSecret(rotated)}, failure
		}
		s := &brokenStore{Store: new(providers.MemoryStore), save: careless}
		cache := providers.NewCache(providers.FetcherFunc(fetch), providers.CacheOptions{
			Store: s, Key: key, Grant: sasl.NewSecret(refresh), Events: func(e providers.Event) { say(e, e.Err) },
		})
		want(t, cache, sasl.TokenRequest{}, access)
		synctest.Wait()
		say(cache.Status(), cache.Close())

		s.set(func(s *brokenStore) { s.save = nil })
		cache = providers.NewCache(providers.FetcherFunc(fetch), providers.CacheOptions{
			Store: s, Key: key, Grant: sasl.NewSecret(refresh), Events: func(e providers.Event) { say(e, e.Err) },
		})
		want(t, cache, sasl.TokenRequest{}, access)
		for _, failure = range []error{careless, encoded, fmt.Errorf("%w: %w", sasl.ErrNoOtherToken, careless), &providers.Error{Kind: providers.Blocked, Err: careless}} {
			time.Sleep(2 * time.Hour)
			_, err := cache.Token(t.Context(), rejection(access))
			say(err)
			if providers.KindOf(err) != providers.KindOf(failure) || errors.Is(err, sasl.ErrNoOtherToken) != errors.Is(failure, sasl.ErrNoOtherToken) {
				t.Errorf("%v: lost what kind of failure %v is", err, failure)
			}
		}
		if strings.Contains(said.String(), "providers: providers:") {
			t.Errorf("a prefix comes twice:\n%s", said.String())
		}
		grant, err := providers.Inspect(t.Context(), s, key)
		synctest.Wait()
		say(cache.Status(), grant, err)

		for _, secret := range []string{"refresh-aaaa", rotated, access} {
			if strings.Contains(said.String(), secret) {
				t.Errorf("%s was told to somebody:\n%s", secret, said.String())
			}
		}
	})
}

// TestSealedFiles shows that an encrypted Store leaves nothing in the clear on
// the disk.
func TestSealedFiles(t *testing.T) {
	const refresh = "refresh-aaaa"
	dir := t.TempDir() + "/tokens"
	secret := providers.GenerateKey("k1")
	s := providers.Encrypted(openFiles(t, dir), providers.Keys(secret))
	if err := providers.SaveGrant(t.Context(), s, key, providers.Response{Grant: sasl.NewSecret(refresh)}); err != nil {
		t.Fatal(err)
	}
	if status, err := providers.Inspect(t.Context(), s, key); err != nil || !status.Grant {
		t.Fatalf("Inspect = %+v, %v", status, err)
	}
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		if bytes.Contains(text, []byte(refresh)) || bytes.Contains(text, []byte(secret.Secret.Reveal())) {
			t.Errorf("%s holds a secret in the clear", path)
		}
		return err
	})
	if err != nil || files == 0 {
		t.Errorf("%d files: %v", files, err)
	}
}
