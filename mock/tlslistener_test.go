package mock_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/seed-55a66e92/postern/mock"
)

// serveTLS serves one sentence to whoever trusts the certificate, and returns a
// client.
func serveTLS(t *testing.T, n mock.Network, kind mock.Certificate) (*http.Client, string) {
	t.Helper()
	l, err := mock.ListenTLS(n, kind, "web.test")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		server.Serve(l)
	}()
	client := &http.Client{Transport: &http.Transport{DialContext: l.Dial, TLSClientConfig: &tls.Config{RootCAs: l.RootCAs()}}}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		server.Close()
		<-ended
	})
	return client, "https://" + l.Addr().String() + "/"
}

func TestListenTLS(t *testing.T) {
	for name, network := range map[string]mock.Network{"loopback": mock.Loopback, "memory": mock.InMemory} {
		t.Run(name, func(t *testing.T) {
			test := func(t *testing.T) {
				client, root := serveTLS(t, network, mock.Good)
				for _, url := range []string{root, "https://web.test/"} {
					resp, err := client.Get(url)
					if err != nil {
						t.Fatal(err)
					}
					body, err := io.ReadAll(resp.Body)
					resp.Body.Close()
					if string(body) != "hello" || err != nil {
						t.Errorf("%s: %q, %v", url, body, err)
					}
				}
			}
			if network == mock.Loopback {
				test(t)
				return
			}
			synctest.Test(t, test)
		})
	}
}

func TestListenTLSCertificates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, url := serveTLS(t, mock.InMemory, mock.SelfSigned)
		_, err := client.Get(url)
		var unknown x509.UnknownAuthorityError
		if !errors.As(err, &unknown) {
			t.Errorf("got %v, want that the certificate is not trusted", err)
		}
	})
	if _, err := mock.ListenTLS(mock.InMemory, mock.Good, "a b"); err == nil || !strings.Contains(err.Error(), `"a b"`) {
		t.Errorf("a bad name: %v", err)
	}
}
