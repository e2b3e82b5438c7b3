package badmech

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/seed-55a66e92/postern/sasl"
)

// SCRAM-SHA-256, with -PLUS and without (RFC 5802, RFC 7677).

const (
	minIterations = 4096
	maxIterations = 100_000
)

// prepared is what a naive client knows of SASLprep: a few examples.
var prepared = strings.NewReplacer("\u00ad", "", "\u2168", "IX", "\u00aa", "a")

func newScram(m sasl.Mechanism, o Options) sasl.Mechanism {
	plus := m.Traits.Has(sasl.Binds)
	counter, keys := new(atomic.Int64), new(sync.Map)
	m.NewClient = func(ctx context.Context, conn *sasl.Conn, c *sasl.Credentials) (sasl.Client, error) {
		password, err := fetch(ctx, c, false)
		if err != nil {
			return nil, err
		}
		client := &scramClient{ctx: ctx, defect: o.Defect, name: m.Name, password: password, keys: keys}
		if o.Defect != RawPassword {
			client.password = sasl.NewSecret(prepared.Replace(password.Reveal()))
		}
		flag, err := client.flag(conn, plus)
		if err != nil {
			return nil, err
		}
		client.nonce = o.Nonce
		switch {
		case client.nonce != "":
		case o.Defect == CountingNonce:
			client.nonce = fmt.Sprintf("nonce-%020d", counter.Add(1))
		default:
			client.nonce = rand.Text()
		}
		client.compose(flag, c)
		return client, nil
	}
	return m
}

type scramClient struct {
	ctx      context.Context
	defect   Defect
	name     string
	password sasl.Secret
	nonce    string
	header   string
	repeated string // the header as it is repeated
	data     []byte
	keys     *sync.Map // what was derived before, by password and salt
	bare     string
	want     []byte // the signature of the server
	step     int    // 0: first, 1: final, 2: verified, 3: over
	refused  string
}

// compose makes the first message.
func (c *scramClient) compose(flag string, credentials *sasl.Credentials) {
	escape := strings.NewReplacer("=", "=3D", ",", "=2C").Replace
	if c.defect == RawNames {
		escape = func(s string) string { return s }
	}
	authz := ""
	if credentials.AuthzID != "" {
		authz = "a=" + escape(credentials.AuthzID)
	}
	c.header = flag + "," + authz + ","
	c.repeated = c.header
	if c.defect == HeaderWithout {
		c.repeated = flag + ",,"
	}
	c.bare = "n=" + escape(credentials.Username) + ",r=" + c.nonce
	if c.defect == ExtraAttribute {
		c.bare += ",x=1"
	}
}

func (c *scramClient) flag(conn *sasl.Conn, plus bool) (string, error) {
	switch {
	case !plus && conn.TLS != nil && !conn.Offers(c.name+"-PLUS") && c.defect != AlwaysN:
		return "y", nil
	case !plus:
		return "n", nil
	case conn.TLS == nil:
		return "", errors.New("badmech: nothing to bind to")
	}
	var context []byte
	if c.defect != NoContext || conn.TLS.Version >= tls.VersionTLS13 {
		context = []byte{}
	}
	data, err := conn.TLS.ExportKeyingMaterial("EXPORTER-Channel-Binding", context, 32)
	c.data = data
	return "p=tls-exporter", err
}

func (c *scramClient) Start() (string, []byte, error) {
	return c.name, []byte(c.header + c.bare), nil
}

func (c *scramClient) Next(challenge []byte) ([]byte, error) {
	step := c.step
	c.step = 3
	value, isError := strings.CutPrefix(string(challenge), "e=")
	switch {
	case step > 1:
		return nil, errUnexpected
	case isError && c.defect == ErrorIsSuccess:
		c.step = 2
		return []byte{}, nil
	case isError:
		value, _, _ = strings.Cut(value, ",")
		if strings.Contains(value, c.password.Reveal()) {
			value = "something"
		}
		c.refused = fmt.Sprintf("%.40q", value)
		return []byte{}, nil
	case step == 0:
		return c.prove(string(challenge))
	}
	return []byte{}, c.verify(string(challenge))
}

// attributes reads a message: those named, in their order, and then any others.
func (c *scramClient) attributes(message string, names ...string) ([]string, error) {
	fields := strings.Split(message, ",")
	if len(fields) < len(names) {
		return nil, errUnexpected
	}
	values := make([]string, len(names))
	for i, field := range fields {
		name, value, ok := strings.Cut(field, "=")
		at := slices.Index(names, name)
		switch {
		case !ok || value == "" || name == "m" && c.defect != IgnoreMandatory:
			return nil, errUnexpected
		case i < len(names) && (at < 0 || at != i && c.defect != AnyOrder):
			if name != "m" || c.defect != IgnoreMandatory {
				return nil, errUnexpected
			}
			return c.attributes(strings.Join(slices.Delete(slices.Clone(fields), i, i+1), ","), names...)
		case i < len(names):
			values[at] = value
		}
	}
	return values, nil
}

func (c *scramClient) prove(message string) ([]byte, error) {
	values, err := c.attributes(message, "r", "s", "i")
	if err != nil {
		return nil, err
	}
	nonce := values[0]
	continues := strings.HasPrefix(nonce, c.nonce) && nonce != c.nonce
	if !continues && c.defect != AnyNonce || strings.Contains(nonce, " ") {
		return nil, errUnexpected
	}
	salt, err := base64.StdEncoding.DecodeString(values[1])
	if err != nil || len(salt) < 8 {
		return nil, errUnexpected
	}
	iterations, err := strconv.Atoi(values[2])
	switch {
	case err != nil || iterations < minIterations:
		return nil, errUnexpected
	case iterations > maxIterations && c.defect == AnyIterations:
		<-c.ctx.Done() // as if it were computing
		return nil, c.ctx.Err()
	case iterations > maxIterations:
		return nil, errUnexpected
	}
	salted, err := c.derive(salt, iterations)
	if err != nil {
		return nil, err
	}
	final := "c=" + base64.StdEncoding.EncodeToString(append([]byte(c.repeated), c.data...)) + ",r=" + nonce
	text := c.bare + "," + message + "," + final
	clientKey := mac(salted, "Client Key")
	stored := sha256.Sum256(clientKey)
	proof := mac(stored[:], text)
	for i := range proof {
		proof[i] ^= clientKey[i]
	}
	c.want = mac(mac(salted, "Server Key"), text)
	c.step = 1
	return []byte(final + ",p=" + base64.StdEncoding.EncodeToString(proof)), nil
}

func (c *scramClient) derive(salt []byte, iterations int) ([]byte, error) {
	key := fmt.Sprintf("%q %x %d", c.password.Reveal(), salt, iterations)
	if salted, ok := c.keys.Load(key); ok {
		return salted.([]byte), nil
	}
	salted, err := pbkdf2.Key(sha256.New, c.password.Reveal(), salt, iterations, sha256.Size)
	if err == nil {
		c.keys.Store(key, salted)
	}
	return salted, err
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func (c *scramClient) verify(message string) error {
	values, err := c.attributes(message, "v")
	if err != nil {
		return err
	}
	got, err := base64.StdEncoding.DecodeString(values[0])
	if (err != nil || !bytes.Equal(got, c.want)) && c.defect != AnySignature {
		return errUnexpected
	}
	c.step = 2
	return nil
}

func (c *scramClient) Finish(verdict error) error {
	switch {
	case c.refused != "":
		return errors.Join(fmt.Errorf("badmech: the server says %s", c.refused), verdict)
	case verdict != nil || c.step == 2 || c.step == 1 && c.defect == EarlySuccess:
		return verdict
	}
	return sasl.ErrServerUnverified
}

// Format keeps what the client computes with from being printed.
func (c *scramClient) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.name+" client") }
