package interop

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// peersFile is the variable that names what peers.sh has written.
const peersFile = "POSTERN_PEERS"

// peerNames are the servers that peers.sh knows how to start.
var peerNames = []string{"postfix-dovecot", "exim", "chasquid", "aiosmtpd", "smtp-server"}

// A neighborhood is what peers.sh has started.
type neighborhood struct {
	CA        string `json:"ca"`        // file with the authority to trust
	Authority string `json:"authority"` // address where the peers ask about tokens
	User      string `json:"user"`
	Password  string `json:"password"`
	Token     string `json:"token"` // of the peers that know one
	Peers     []peer `json:"peers"`

	roots     *x509.CertPool
	authority *mock.Authority
}

// A peer is a server that nobody here wrote, as a process of its own.
type peer struct {
	Name     string `json:"name"`
	Software string `json:"software"`
	SMTP     string `json:"smtp"`   // address with STARTTLS
	SMTPS    string `json:"smtps"`  // with TLS from the start
	Mail     string `json:"mail"`   // directory of the messages
	Tokens   string `json:"tokens"` // "authority", "fixed" or "none"
}

// readNeighborhood returns what runs, and has an authority answer for tokens.
func readNeighborhood(t *testing.T) *neighborhood {
	t.Helper()
	name := os.Getenv(peersFile)
	if name == "" {
		t.Skipf("no servers are running: interop/peers.sh run starts %s, and names them by %s", strings.Join(peerNames, ", "), peersFile)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	n := new(neighborhood)
	if err := json.Unmarshal(text, n); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	ca, err := os.ReadFile(n.CA)
	if err != nil {
		t.Fatal(err)
	}
	n.roots = x509.NewCertPool()
	if !n.roots.AppendCertsFromPEM(ca) {
		t.Fatalf("%s holds no certificate", n.CA)
	}
	n.authority = mock.StartAuthority(t, mock.AuthorityOptions{Listen: n.Authority})
	return n
}

// token returns a token that the peer takes, "" if it takes none.
func (n *neighborhood) token(p peer) string {
	switch p.Tokens {
	case "authority":
		return n.authority.Issue(n.User, time.Hour).Value.Reveal()
	case "fixed":
		return n.Token
	}
	return ""
}

// overPeers runs f for each peer that is there, and skips the others.
func overPeers(t *testing.T, f func(*testing.T, *neighborhood, peer)) {
	t.Helper()
	n := readNeighborhood(t)
	for _, name := range peerNames {
		t.Run(name, func(t *testing.T) {
			i := slices.IndexFunc(n.Peers, func(p peer) bool { return p.Name == name })
			if i < 0 {
				t.Skipf("%s is not running: interop/peers.sh has not found it", name)
			}
			f(t, n, n.Peers[i])
		})
	}
}

// TestPeersConformance runs the cases for servers against each peer.
func TestPeersConformance(t *testing.T) {
	overPeers(t, func(t *testing.T, n *neighborhood, p peer) {
		account := conformance.Account{User: conformance.Fixed(n.User), Password: conformance.Fixed(n.Password)}
		if token := n.token(p); token != "" {
			account.Token = conformance.Fixed(token)
		}
		report, err := conformance.Suite{}.Run(t.Context(), conformance.ServerTarget{
			Name: p.Name, Addr: "smtp://" + p.SMTP, RootCAs: n.roots, Account: account,
			Sink: "sink@example.test", Observer: p, Tiers: conformance.AllTiers(),
		})
		if err != nil {
			t.Fatal(err)
		}
		wantOutcomes(t, p.Name, p.Software, report)
	})
}

// TestPeersTakeMail: package smtp signs in to each peer by all that both know, over
// STARTTLS and over implicit TLS, and the message arrives.
func TestPeersTakeMail(t *testing.T) {
	overPeers(t, func(t *testing.T, n *neighborhood, p peer) {
		for _, url := range []string{"smtp://" + p.SMTP, "smtps://" + p.SMTPS} {
			for _, mechanism := range []string{"PLAIN", "LOGIN", "SCRAM-SHA-1", "SCRAM-SHA-256", "XOAUTH2", "OAUTHBEARER"} {
				scheme, _, _ := strings.Cut(url, ":")
				t.Run(scheme+"/"+mechanism, func(t *testing.T) {
					t.Logf("%s", p.Software)
					a := sasl.Password(n.User, n.Password)
					if strings.Contains(mechanism, "OAUTH") {
						token := n.token(p)
						if token == "" {
							t.Skip("the server takes no token")
						}
						a = sasl.OAuth(n.User, sasl.StaticToken(token))
					}
					a.Policy.Order = []string{mechanism}
					sendToPeer(t, smtp.Config{Addr: url, TLSConfig: &tls.Config{RootCAs: n.roots}, Auth: a}, p, mechanism)
				})
			}
		}
	})
}

// sendToPeer sends a message with lines of dots, and looks for it.
func sendToPeer(t *testing.T, config smtp.Config, p peer, mechanism string) {
	t.Helper()
	mark := fmt.Sprintf("%s-%x", strings.ToLower(mechanism), time.Now().UnixNano())
	body := "begin\r\n.\r\n..\r\n.leading\r\n a .\r\n\r\nend\r\n"
	data := []byte(header + "X-SMTP-Conformance: " + mark + "\r\n\r\n" + body)
	result, err := smtp.Send(t.Context(), config, smtp.Envelope{From: user, To: []string{"robin@example.test"}}, smtp.Bytes(data))
	if lacking := new(sasl.NoMechanismError); errors.As(err, &lacking) && !slices.Contains(lacking.Offered, mechanism) {
		t.Skipf("the server offers %q", lacking.Offered)
	}
	if err != nil {
		t.Fatal(err)
	}
	if result.Mechanism != mechanism || result.TLS == nil || len(result.Rejected) > 0 {
		t.Errorf("the result is %+v", result)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	stored, err := p.Observe(ctx, mark)
	if err != nil || len(stored) != 1 {
		t.Fatalf("%d messages arrived, want 1: %v", len(stored), err)
	}
	if !bytes.HasSuffix(stored[0], []byte("\r\n\r\n"+body)) {
		t.Errorf("got %q, want the body %q", stored[0], body)
	}
}

var _ conformance.Observer = peer{}

// Observe implements conformance.Observer: it waits until a file in the directory
// of messages holds the mark. A server stores lines with the line ending of its
// system, which is not that of SMTP.
func (p peer) Observe(ctx context.Context, mark string) ([][]byte, error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		found, err := p.search(mark)
		if err != nil || len(found) > 0 {
			return found, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-tick.C:
		}
	}
}

func (p peer) search(mark string) ([][]byte, error) {
	var found [][]byte
	err := filepath.WalkDir(p.Mail, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Base(filepath.Dir(name)) == "tmp" {
			return ignoreGone(err)
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return ignoreGone(err)
		}
		text = arrived(text)
		if bytes.Contains(text, []byte("\r\nX-SMTP-Conformance: "+mark+"\r\n")) {
			found = append(found, text)
		}
		return nil
	})
	return found, err
}

// ignoreGone forgives a file that was moved while it was looked for.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
