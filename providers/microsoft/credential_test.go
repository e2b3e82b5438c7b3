package microsoft_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/providers/microsoft"
	"github.com/seed-55a66e92/postern/sasl"
)

// file returns PEM of a certificate and its key.
func file(t *testing.T, key any, public any, from, to time.Time) (certificate, private []byte) {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mailer"}, NotBefore: from, NotAfter: to}
	der, err1 := x509.CreateCertificate(rand.Reader, template, template, public, key)
	text, err2 := x509.MarshalPKCS8PrivateKey(key)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text})
}

func TestCertificate(t *testing.T) {
	const form = "; the certificate is one file in PEM: the certificate (BEGIN CERTIFICATE) and its RSA key (BEGIN PRIVATE KEY) without a password"
	key, err1 := rsa.GenerateKey(rand.Reader, 2048)
	other, err2 := rsa.GenerateKey(rand.Reader, 2048)
	curve, err3 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	certificate, private := file(t, key, key.Public(), now.Add(-time.Hour), now.Add(time.Hour))
	expired, _ := file(t, key, key.Public(), now.Add(-48*time.Hour), time.Date(2020, 5, 17, 0, 0, 0, 0, time.UTC))
	early := time.Date(2100, 1, 2, 3, 4, 5, 0, time.UTC)
	future, _ := file(t, key, key.Public(), early, early.Add(time.Hour))
	issuer, foreignKey := file(t, other, other.Public(), now.Add(-time.Hour), time.Date(2020, 5, 17, 0, 0, 0, 0, time.UTC))
	curved, curveKey := file(t, curve, curve.Public(), now.Add(-time.Hour), now.Add(time.Hour))
	rsaKey := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	sealed := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")})
	legacy := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"DEK-Info": "DES-EDE3-CBC,00"}, Bytes: []byte("x")})
	tests := []struct {
		name string
		file [][]byte
		want string
	}{
		{"certificate first", [][]byte{certificate, private}, ""},
		{"key first", [][]byte{private, certificate}, ""},
		{"older form of key", [][]byte{certificate, rsaKey}, ""},
		{"chain, whose issuer has expired", [][]byte{issuer, certificate, private}, ""},
		{"no key", [][]byte{certificate}, "microsoft: there is no private key for the certificate" + form},
		{"no certificate", [][]byte{private}, "microsoft: there is no certificate in the PEM file" + form},
		{"nothing", nil, "microsoft: there is no certificate in the PEM file" + form},
		{"no PEM", [][]byte{[]byte("leaked")}, "microsoft: there is no certificate in the PEM file" + form},
		{"expired", [][]byte{expired, private}, "microsoft: the certificate has expired on 2020-05-17: make another and upload it to the app registration"},
		{"not yet good", [][]byte{future, private}, "microsoft: the certificate is not good before 2100-01-02T03:04:05Z: see to the clock of this machine"},
		{"key of another", [][]byte{certificate, foreignKey}, "microsoft: the private key is not the RSA key of the certificate" + form},
		{"elliptic curve", [][]byte{curved, curveKey}, "microsoft: the private key is not the RSA key of the certificate" + form},
		{"two keys", [][]byte{certificate, private, private}, "microsoft: the PEM file of the certificate cannot be read" + form},
		{"encrypted", [][]byte{certificate, sealed}, "microsoft: the key of the certificate is encrypted" + form},
		{"encrypted, long ago", [][]byte{certificate, legacy}, "microsoft: the key of the certificate is encrypted" + form},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := new(entra).options()
			o.Credential = microsoft.Certificate(bytes.Join(tt.file, nil))
			_, err := microsoft.NewApp(o)
			wantMisconfigured(t, err, tt.want)
		})
	}
}

func TestCredentialConstruction(t *testing.T) {
	for want, c := range map[string]microsoft.Credential{
		"microsoft: Options.Credential is empty: an application that signs in as itself proves who it is by a secret, a certificate or an assertion":                                      {},
		"microsoft: the function that returns the client secret is nil":                                                                                                                   microsoft.SecretFunc(nil),
		"microsoft: the function that returns the assertion is nil":                                                                                                                       microsoft.Assertion(nil),
		"microsoft: the environment variable AZURE_FEDERATED_TOKEN_FILE is not set; see whether the pod has the label azure.workload.identity/use and a service account with a client id": microsoft.WorkloadIdentity(),
		"microsoft: an Identity is named by one field: a client id, an object id or a resource id":                                                                                        microsoft.FederatedIdentity(microsoft.Identity{ClientID: "a", ObjectID: "b"}),
	} {
		o := new(entra).options()
		o.Credential = c
		_, err := microsoft.NewApp(o)
		wantMisconfigured(t, err, want)
	}
}

func TestAssertion(t *testing.T) {
	a := startEntra(t, mock.AuthorityOptions{}, "")
	gone := errors.New("the signer is gone")
	for name, tt := range map[string]struct {
		value sasl.Secret
		err   error
		kind  providers.Kind
		text  string
	}{
		"no assertion": {sasl.Secret{}, nil, providers.Misconfigured, "is empty"},
		"nonsense":     {sasl.NewSecret("nonsense"), nil, providers.Misconfigured, "AADSTS50027"},
		"an error":     {sasl.Secret{}, gone, providers.Transient, "the signer is gone"},
	} {
		o := usual(a)
		o.Credential = microsoft.Assertion(func(context.Context) (sasl.Secret, error) { return tt.value, tt.err })
		app, err := microsoft.NewApp(o)
		if err != nil {
			t.Fatal(err)
		}
		_, err = app.Token(t.Context(), sasl.TokenRequest{})
		if providers.KindOf(err) != tt.kind || err == nil || !strings.Contains(err.Error(), tt.text) || !errors.Is(err, tt.err) && tt.err != nil {
			t.Errorf("%s: %v, want %v with %q", name, err, tt.kind, tt.text)
		}
	}
}

// TestWorkloadIdentity shows what comes from the environment, and that the file is
// read each time.
func TestWorkloadIdentity(t *testing.T) {
	name := filepath.Join(t.TempDir(), "token")
	synctest.Test(t, func(t *testing.T) {
		a := startEntra(t, mock.AuthorityOptions{Network: mock.InMemory}, "")
		for variable, value := range map[string]string{
			"AZURE_FEDERATED_TOKEN_FILE": name, "AZURE_CLIENT_ID": clientID, "AZURE_TENANT_ID": tenant, "AZURE_AUTHORITY_HOST": a.URL() + "/",
		} {
			t.Setenv(variable, value)
		}
		app, err := microsoft.NewApp(microsoft.Options{HTTPClient: a.HTTPClient(), Credential: microsoft.WorkloadIdentity()})
		if err != nil {
			t.Fatal(err)
		}
		_, err = app.Token(t.Context(), sasl.TokenRequest{})
		if providers.KindOf(err) != providers.Misconfigured || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("without a file: %v", err)
		}
		for _, tt := range []struct {
			life time.Duration
			want string
		}{{-time.Hour, "AADSTS700024"}, {time.Hour, ""}} {
			time.Sleep(time.Hour) // the failure is forgotten
			token, err := a.FederatedToken("workload", "api://AzureADTokenExchange", tt.life)
			if err = errors.Join(err, os.WriteFile(name, []byte(token.Reveal()), 0o600)); err != nil {
				t.Fatal(err)
			}
			_, err = app.Token(t.Context(), sasl.TokenRequest{})
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("life %v: %v, want %q", tt.life, err, tt.want)
			}
		}
	})
}

// TestMachines shows that every kind of host that MSAL knows is asked in its manner.
func TestMachines(t *testing.T) {
	const thumbprint = "0123456789abcdef0123456789abcdef01234567"
	for name, tt := range map[string]struct {
		env  map[string]string
		id   microsoft.Identity
		want string // the request
		head string // one of its headers
	}{
		"virtual machine": {nil, microsoft.Identity{}, "GET http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Foutlook.office365.com", "Metadata: true"},
		"by resource": {
			nil,
			microsoft.Identity{ResourceID: "/subscriptions/x"},
			"GET http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&msi_res_id=%2Fsubscriptions%2Fx&resource=https%3A%2F%2Foutlook.office365.com", "Metadata: true",
		},
		"App Service": {
			map[string]string{"IDENTITY_ENDPOINT": "http://127.0.0.1/msi", "IDENTITY_HEADER": "h"},
			microsoft.Identity{ClientID: "c"},
			"GET http://127.0.0.1/msi?api-version=2019-08-01&client_id=c&resource=https%3A%2F%2Foutlook.office365.com", "X-Identity-Header: h",
		},
		"Azure Arc": {
			map[string]string{"IDENTITY_ENDPOINT": "http://127.0.0.1/arc", "IMDS_ENDPOINT": "http://127.0.0.1"},
			microsoft.Identity{ClientID: "c"},
			"GET http://127.0.0.1/arc?api-version=2020-06-01&client_id=c&resource=https%3A%2F%2Foutlook.office365.com", "Metadata: true",
		},
		"Cloud Shell":      {map[string]string{"MSI_ENDPOINT": "http://127.0.0.1/shell"}, microsoft.Identity{}, "POST http://127.0.0.1/shell", "Metadata: true"},
		"Machine Learning": {map[string]string{"MSI_ENDPOINT": "http://127.0.0.1/ml", "MSI_SECRET": "s"}, microsoft.Identity{ClientID: "c"}, "GET http://127.0.0.1/ml?api-version=2017-09-01&clientid=c&resource=https%3A%2F%2Foutlook.office365.com", "Secret: s"},
	} {
		t.Run(name, func(t *testing.T) {
			for variable, value := range tt.env {
				t.Setenv(variable, value)
			}
			var asked, head string
			o := microsoft.Options{HTTPClient: &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
				asked = r.Method + " " + r.URL.String()
				key, _, _ := strings.Cut(tt.head, ":")
				head = key + ": " + r.Header.Get(key)
				return nil, errNoNetwork
			})}}
			app, err := microsoft.ManagedIdentity(o, tt.id)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := app.Token(t.Context(), sasl.TokenRequest{}); !errors.Is(err, errNoNetwork) {
				t.Errorf("error %v", err)
			}
			if asked != tt.want || head != tt.head {
				t.Errorf("%s with %s\nwant %s with %s", asked, head, tt.want, tt.head)
			}
		})
	}
	t.Run("Service Fabric", func(t *testing.T) {
		for variable, value := range map[string]string{"IDENTITY_ENDPOINT": "https://127.0.0.1:1/sf", "IDENTITY_HEADER": "h", "IDENTITY_SERVER_THUMBPRINT": thumbprint} {
			t.Setenv(variable, value)
		}
		a := startEntra(t, mock.AuthorityOptions{}, "")
		t.Setenv("IDENTITY_ENDPOINT", a.URL()+"/sf")
		o := microsoft.Options{HTTPClient: &http.Client{Transport: &http.Transport{}}}
		app, err := microsoft.ManagedIdentity(o, microsoft.Identity{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = app.Token(t.Context(), sasl.TokenRequest{})
		if err == nil || !strings.Contains(err.Error(), "did not match IDENTITY_SERVER_THUMBPRINT") {
			t.Errorf("a stranger's certificate: %v", err)
		}
		if _, err = microsoft.ManagedIdentity(o, microsoft.Identity{ClientID: "c"}); providers.KindOf(err) != providers.Misconfigured || err == nil {
			t.Errorf("a user-assigned identity: %v", err)
		}
	})
}

// Who issues the tokens of an identity is next door: no proxy leads there.
func TestMachineWithoutProxy(t *testing.T) {
	usual := http.DefaultTransport
	t.Cleanup(func() { http.DefaultTransport = usual })
	http.DefaultTransport = &http.Transport{
		Proxy:       func(*http.Request) (*url.URL, error) { return nil, errors.New("a proxy was asked for") },
		DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, errNoNetwork },
	}
	app, err := microsoft.ManagedIdentity(microsoft.Options{}, microsoft.Identity{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := app.Token(t.Context(), sasl.TokenRequest{}); !errors.Is(err, errNoNetwork) {
		t.Errorf("error %v, want that of the dialer", err)
	}
}

// Azure Arc names a file that proves that the program may ask. One that is not let
// in there is told so.
func TestAzureArc(t *testing.T) {
	t.Setenv("IDENTITY_ENDPOINT", "http://127.0.0.1/arc")
	t.Setenv("IMDS_ENDPOINT", "http://127.0.0.1")
	o := microsoft.Options{HTTPClient: &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: http.StatusUnauthorized, Body: http.NoBody, Request: r,
			Header: http.Header{"Www-Authenticate": {"Basic realm=/var/opt/azcmagent/tokens/none.key"}},
		}, nil
	})}}
	app, err := microsoft.ManagedIdentity(o, microsoft.Identity{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = app.Token(t.Context(), sasl.TokenRequest{})
	if providers.KindOf(err) != providers.Misconfigured || err == nil || !strings.Contains(err.Error(), "group himds") {
		t.Errorf("error %v, want Misconfigured with what to do", err)
	}
}
