// Package badserver is a submission server that is right until it is told not to
// be. Each [Defect] is the mutant of one case of package conformance: it shows that
// the case finds what it looks for, and that no other case takes it for something
// else.
//
// The server takes mail for its own domain from anybody, and for others from one
// account. Nobody should run it.
package badserver

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"sync"
	"time"
)

// A Defect is the one thing that a server does wrong.
type Defect string

// The defects. The zero Defect is none.
const (
	None                 Defect = ""
	Answers250ToAuth     Defect = "answers-250-to-auth"
	AuthInTransaction    Defect = "auth-in-transaction"
	Answers535ToCancel   Defect = "answers-535-to-cancel"
	Answers454ToBase64   Defect = "answers-454-to-base64"
	ChallengeNoSpace     Defect = "challenge-without-space"
	Answers454ToPassword Defect = "answers-454-to-password"
	RefusedIsSignedIn    Defect = "refused-is-signed-in" // after 535
	LFEndsCommands       Defect = "lf-ends-commands"
	LFEndsData           Defect = "lf-dot-lf-ends-data"
	LFEndsDiscards       Defect = "lf-dot-lf-ends-data-and-discards" // what came with it
	CREndsData           Defect = "cr-dot-cr-ends-data"
	KeepsDots            Defect = "keeps-dots"
	GreetingLF           Defect = "greeting-ends-in-lf"
	KeywordUnderscore    Defect = "keyword-with-underscore"
	EHLOKeeps            Defect = "ehlo-keeps-transaction"
	SplitsLines          Defect = "splits-long-commands"
	SplitsLongLines      Defect = "splits-commands-at-16-kib"
	ClosesOnEmptyAnswer  Defect = "closes-on-empty-answer" // to an OAUTHBEARER error challenge
	Reorders             Defect = "reorders-recipients"    // of a group
	IgnoresAuthzid       Defect = "ignores-authzid"
	HelpTwice            Defect = "answers-help-twice"
	Answers502ToRcpt     Defect = "answers-502-to-rcpt" // before the first MAIL
	RcptForgetsEHLO      Defect = "rcpt-forgets-ehlo"   // before MAIL
	NoServerProof        Defect = "no-server-proof"     // of SCRAM
	WrongServerProof     Defect = "wrong-server-proof"  // the same
	OpenRelay            Defect = "open-relay"
	RSETKeeps            Defect = "rset-keeps-transaction"
	NoHandshake          Defect = "no-handshake"
	KeepsBuffer          Defect = "keeps-buffer"               // of octets behind STARTTLS
	RunsAhead            Defect = "runs-what-follows-starttls" // in clear, before the handshake
	TLSKeeps             Defect = "tls-keeps-transaction"
	PlainInClear         Defect = "plain-in-clear"
	XOAUTH2OnLineOnly    Defect = "xoauth2-on-line-only"
	HangsOnEmptyAnswer   Defect = "hangs-on-empty-answer" // to an XOAUTH2 error challenge
)

// Domain is the server's own.
const Domain = "bad.test"

// A Server is a server with a defect. Its fields are not to be changed while it
// serves.
type Server struct {
	Defect                Defect
	Manner                Manner
	User, Password, Token string
	Without               []string // extensions that EHLO does not list

	certificate tls.Certificate
	roots       *x509.CertPool

	mu       sync.Mutex
	messages [][]byte
	asked    []string
}

// New returns a server.
func New(defect Defect) (*Server, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: Domain},
		DNSNames:     []string{Domain, "localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:    time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC), // a bubble's clock begins in 2000
		NotAfter:     time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	s := &Server{Defect: defect, User: "user@" + Domain, Password: "correct horse battery", Token: "ya29.a-token-that-is-good"}
	s.certificate = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
	s.roots = x509.NewCertPool()
	s.roots.AddCert(leaf)
	return s, nil
}

// RootCAs are the authorities that a client has to trust.
func (s *Server) RootCAs() *x509.CertPool { return s.roots }

// Messages returns the content of the messages that were accepted.
func (s *Server) Messages() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([][]byte(nil), s.messages...)
}

// Asked returns the names of those who tried to sign in.
func (s *Server) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.asked...)
}

func (s *Server) ask(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, name)
}

func (s *Server) store(content []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = append(s.messages, content)
}
