package providers_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// TestKeyRotation shows that records stay readable while keys change, and come
// under the new key when they are saved.
func TestKeyRotation(t *testing.T) {
	inner := new(providers.MemoryStore)
	old, current := providers.GenerateKey("old"), providers.GenerateKey("current")
	before := providers.Encrypted(inner, providers.Keys(old))
	during := providers.Encrypted(inner, providers.Keys(current, old))
	after := providers.Encrypted(inner, providers.Keys(current))

	if _, err := before.Save(t.Context(), key, sasl.NewSecret(sealedText), ""); err != nil {
		t.Fatal(err)
	}
	wantMisconfigured(t, after, `there is no key "old"`)
	data, version, err := during.Load(t.Context(), key)
	if err != nil || data.Reveal() != sealedText {
		t.Fatalf("Load with the old key at hand = %q, %v", data.Reveal(), err)
	}
	if _, err := during.Save(t.Context(), key, data, version); err != nil {
		t.Fatal(err)
	}
	if data, _, err := after.Load(t.Context(), key); err != nil || data.Reveal() != sealedText {
		t.Errorf("Load with the new key = %q, %v", data.Reveal(), err)
	}
	wantMisconfigured(t, before, `there is no key "current"`)
}

const sealedText = "refresh-token-0123456789"

// wantMisconfigured loads a record that cannot be opened.
func wantMisconfigured(t *testing.T, s providers.Store, says string) {
	t.Helper()
	data, _, err := s.Load(t.Context(), key)
	if providers.KindOf(err) != providers.Misconfigured || !strings.Contains(err.Error(), says) || errors.Is(err, providers.ErrNotFound) {
		t.Errorf("Load = %q, %v; want a misconfiguration that says %q", data.Reveal(), err, says)
	}
	if err != nil && strings.Contains(err.Error(), sealedText) {
		t.Errorf("the error holds the record: %v", err)
	}
}

// TestTampering shows that a sealed record is of no use but as it was saved.
func TestTampering(t *testing.T) {
	k := providers.GenerateKey("k")
	tests := []struct {
		name   string
		tamper func(sealed string) string
		says   string
	}{
		{"an octet changed", func(s string) string {
			i := strings.Index(s, `"data":"`) + 20
			return s[:i] + flip(s[i]) + s[i+1:]
		}, "was changed"},
		{"another key named", func(s string) string { return strings.Replace(s, `"key":"k"`, `"key":"l"`, 1) }, "was changed"},
		{"in the clear", func(string) string { return sealedText }, "is not sealed"},
		{"cut off", func(s string) string { return s[:len(s)/2] }, "is not sealed"},
		{"empty", func(string) string { return "" }, "is not sealed"},
		{"no data", func(string) string { return `{"sealed":1,"key":"k"}` }, "was changed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inner := new(providers.MemoryStore)
			s := providers.Encrypted(inner, providers.Keys(k, providers.Key{ID: "l", Secret: k.Secret}))
			v, err := s.Save(t.Context(), key, sasl.NewSecret(sealedText), "")
			if err != nil {
				t.Fatal(err)
			}
			sealed, _, err := inner.Load(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(sealed.Reveal(), sealedText) {
				t.Fatal("the record is not sealed")
			}
			if _, err := inner.Save(t.Context(), key, sasl.NewSecret(tt.tamper(sealed.Reveal())), v); err != nil {
				t.Fatal(err)
			}
			wantMisconfigured(t, s, tt.says)
		})
	}
}

func flip(octet byte) string {
	if octet == 'A' {
		return "B"
	}
	return "A"
}

// TestExchangedRecords shows that a record is bound to its name.
func TestExchangedRecords(t *testing.T) {
	inner := new(providers.MemoryStore)
	s := providers.Encrypted(inner, providers.Keys(providers.GenerateKey("k")))
	if _, err := s.Save(t.Context(), "of somebody else", sasl.NewSecret(sealedText), ""); err != nil {
		t.Fatal(err)
	}
	sealed, _, err := inner.Load(t.Context(), "of somebody else")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := inner.Save(t.Context(), key, sealed, ""); err != nil {
		t.Fatal(err)
	}
	wantMisconfigured(t, s, "sealed under another name")
}

type keyFunc func(id string) (providers.Key, error)

func (f keyFunc) Key(_ context.Context, id string) (providers.Key, error) { return f(id) }

// TestKeyTrouble shows that a KeyProvider without the key is no Store without the
// record: a Cache would overwrite it.
func TestKeyTrouble(t *testing.T) {
	good := providers.GenerateKey("k")
	inner := new(providers.MemoryStore)
	if _, err := providers.Encrypted(inner, providers.Keys(good)).Save(t.Context(), key, sasl.NewSecret(sealedText), ""); err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]keyFunc{
		"not found": func(string) (providers.Key, error) { return providers.Key{}, providers.ErrNotFound },
		"too short": func(string) (providers.Key, error) {
			return providers.Key{ID: "k", Secret: sasl.NewSecret("pass")}, nil
		},
		"another id": func(string) (providers.Key, error) { return providers.GenerateKey("other"), nil },
		"no id":      func(string) (providers.Key, error) { return providers.Key{Secret: good.Secret}, nil },
	} {
		t.Run(name, func(t *testing.T) { wantMisconfigured(t, providers.Encrypted(inner, key), "key") })
	}
	down := errors.New("the keyring is locked")
	s := providers.Encrypted(inner, keyFunc(func(string) (providers.Key, error) { return providers.Key{}, down }))
	if _, err := s.Save(t.Context(), "new", sasl.NewSecret("x"), ""); !errors.Is(err, down) || providers.KindOf(err) != providers.Transient {
		t.Errorf("Save: %v, want the provider's error", err)
	}
}
