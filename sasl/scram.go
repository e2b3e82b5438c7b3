package sasl

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/base64"
	"hash"
	"slices"
	"strings"
)

// SCRAM is RFC 5802, with SHA-256 in RFC 7677. The password does not leave: each
// side proves that it has something of it, the server too. The messages are
//
//	C: n,,n=USER,r=NONCE
//	S: r=NONCE+NONCE,s=SALT,i=ITERATIONS
//	C: c=BINDING,r=NONCE+NONCE,p=PROOF
//	S: v=SIGNATURE
//	C:
//
// where SMTP has no place for the last one of the server in its final reply
// (RFC 4954, Section 4), hence the empty answer. A mechanism whose name ends in
// -PLUS binds the exchange to the TLS connection.

// SCRAMOptions are what a SCRAM mechanism allows. The zero value is what
// [Default] has.
type SCRAMOptions struct {
	// MinIterations is how many iterations a server has to ask for, so that it
	// learns little of the password. Zero means 4096 (RFC 7677, Section 4).
	MinIterations int

	// MaxIterations is how many it may ask for, as they keep this side busy. Zero
	// means 2,000,000: a second or two.
	MaxIterations int

	// Bindings are the types of channel binding that may be used, the preferred
	// one first; see [Conn.ChannelBinding]. Nil means tls-exporter in TLS 1.3 and
	// tls-unique in older versions, then tls-server-end-point; on the server
	// side, any.
	Bindings []string

	// Prepare brings user name and password into the form that both sides compute
	// with. Nil means SASLprep (RFC 4013) for what is not ASCII, and what SASLprep
	// does not allow as it is.
	Prepare func(string) (string, error)

	// SaltKey is what the salts of unknown users are made of, on the server side, so
	// that they have one each that stays the same. Any 32 random octets do; keep them
	// for as long as the accounts. Zero means a key of its own:
	// then these salts change with every start, and differ between mechanisms that
	// were not made together, such as a name and the same name with -PLUS.
	SaltKey Secret

	// InsecureNonce is the nonce of this side, of printable ASCII without a comma. It is
	// for examples that have to come out as they are printed: who sends the same nonce
	// twice takes an old answer for a new one. Empty means a random one each time.
	InsecureNonce string
}

// SCRAM returns the SCRAM mechanism of that name, such as SCRAM-SHA-256 or
// SCRAM-SHA-256-PLUS, with hash function h. Those of [Default] need no call; it
// is for other options or another hash:
//
//	strict := sasl.SCRAM("SCRAM-SHA-256", sha256.New, sasl.SCRAMOptions{MinIterations: 100_000})
//	registry := sasl.Default().Without(strict.Name).With(strict)
//
// On the server side, unknown users are asked with a salt of their own: see
// SaltKey.
func SCRAM(name string, h func() hash.Hash, o SCRAMOptions) Mechanism {
	return newSCRAM(name, h, o).mechanism()
}

func scramMechanisms() []Mechanism {
	o := SCRAMOptions{SaltKey: randomKey()}
	var mechanisms []Mechanism
	for name, h := range map[string]func() hash.Hash{
		"SCRAM-SHA-1": sha1.New, "SCRAM-SHA-256": sha256.New, "SCRAM-SHA-512": sha512.New,
	} {
		mechanisms = append(mechanisms, SCRAM(name, h, o), SCRAM(name+plusSuffix, h, o))
	}
	return mechanisms
}

const plusSuffix = "-PLUS"

// A scram is a SCRAM mechanism. It does not change.
type scram struct {
	name string // without -PLUS
	plus bool
	hash func() hash.Hash
	opts SCRAMOptions

	nonce  func() string
	bind   func(c *Conn, typ string) ([]byte, error)
	derive deriver
}

func newSCRAM(name string, h func() hash.Hash, o SCRAMOptions) *scram {
	bare, plus := strings.CutSuffix(name, plusSuffix)
	o.MinIterations = cmp.Or(o.MinIterations, defaultIterations)
	o.MaxIterations = cmp.Or(o.MaxIterations, 2_000_000)
	if o.Prepare == nil {
		o.Prepare = prepare
	}
	if o.SaltKey.IsZero() {
		o.SaltKey = randomKey()
	}
	nonce := newNonce
	if o.InsecureNonce != "" {
		nonce = func() string { return o.InsecureNonce }
	}
	return &scram{
		name: bare, plus: plus, hash: h, opts: o,
		nonce:  nonce,
		bind:   (*Conn).ChannelBinding,
		derive: deriveKeys,
	}
}

func (s *scram) mechanism() Mechanism {
	m := Mechanism{
		Name:      s.fullName(),
		Rank:      s.rank(),
		Traits:    Concealed | Mutual,
		Usable:    usableWithPassword,
		NewClient: s.newClient,
		NewServer: s.newServer,
	}
	if s.plus {
		m.Traits |= Binds
		m.Usable = s.usableWithBinding
	}
	return m
}

func (s *scram) fullName() string {
	if s.plus {
		return s.name + plusSuffix
	}
	return s.name
}

// rank places channel binding above every hash. Hashes that Default does not
// have stand below those that it has.
func (s *scram) rank() int {
	rank := map[string]int{
		"SCRAM-SHA-512": RankSCRAMSHA512, "SCRAM-SHA-256": RankSCRAMSHA256, "SCRAM-SHA-1": RankSCRAMSHA1,
	}[s.name]
	rank = cmp.Or(rank, RankSCRAMSHA1-10)
	if s.plus {
		rank += RankSCRAMSHA1PLUS - RankSCRAMSHA1
	}
	return rank
}

func (s *scram) usableWithBinding(c *Conn, credentials *Credentials) error {
	if err := usableWithPassword(c, credentials); err != nil {
		return err
	}
	_, _, err := s.binding(c, "")
	return err
}

// binding returns the preferred channel binding of the connection that is not
// the one refused.
func (s *scram) binding(c *Conn, refused string) (typ string, data []byte, err error) {
	if c.TLS == nil {
		_, err := c.ChannelBinding("")
		return "", nil, err
	}
	var reasons []error
	for _, typ := range s.bindings(c.TLS) {
		if typ == refused {
			continue
		}
		data, err := s.bind(c, typ)
		if err == nil {
			return typ, data, nil
		}
		reasons = append(reasons, err)
	}
	if refused != "" || len(reasons) == 0 {
		return "", nil, errNoBinding
	}
	return "", nil, join(reasons...)
}

func (s *scram) bindings(state *tls.ConnectionState) []string {
	switch {
	case s.opts.Bindings != nil:
		return s.opts.Bindings
	case state.Version >= tls.VersionTLS13:
		return []string{bindingExporter, bindingEndPoint}
	}
	return []string{bindingUnique, bindingEndPoint}
}

// offersBinding reports whether any SCRAM mechanism with channel binding is on
// offer.
func offersBinding(c *Conn) bool {
	return slices.ContainsFunc(c.Offered, func(name string) bool {
		return isBoundSCRAM(upper(name))
	})
}

// newNonce returns 18 random octets in base64, which holds no comma.
func newNonce() string {
	var nonce [18]byte
	rand.Read(nonce[:]) // never fails
	return base64.StdEncoding.EncodeToString(nonce[:])
}

// scramHints are what an Authenticator gives a SCRAM client along with the
// credentials.
type scramHints struct {
	cache   *scramCache
	refused string // the channel binding that the server has refused just now

	offerHidden func() bool // see [Authenticator.bindingHidden]; nil without Authenticator
	pinned      bool        // the policy wants no mechanism that proves less
}

// bindingHidden reports whether the server has to hear that it did not offer
// channel binding. Without an Authenticator, the mechanism knows only its own name
// with -PLUS.
func (h *scramHints) bindingHidden(c *Conn, plus string) bool {
	if h.offerHidden != nil {
		return h.offerHidden()
	}
	return !c.Offers(plus)
}

// isBoundSCRAM reports whether a mechanism is SCRAM with channel binding.
func isBoundSCRAM(name string) bool {
	return strings.HasPrefix(name, "SCRAM-") && strings.HasSuffix(name, plusSuffix)
}

func (s *scram) newServer(ctx context.Context, conn *Conn, d Directory) (Server, error) {
	return &scramServer{scram: s, ctx: ctx, conn: conn, directory: d}, nil
}
