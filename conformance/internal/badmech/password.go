package badmech

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"fmt"
	"strings"

	"github.com/seed-55a66e92/postern/sasl"
)

// A spoken client says its messages one after the other, whatever the challenges are.
type spoken struct {
	name     string
	initial  []byte
	messages []string
	said     int
	check    func(n int, challenge []byte) error
}

func (c *spoken) Start() (string, []byte, error) { return c.name, c.initial, nil }

func (c *spoken) Next(challenge []byte) ([]byte, error) {
	if c.said >= len(c.messages) {
		return nil, errUnexpected
	}
	if c.check != nil {
		if err := c.check(c.said, challenge); err != nil {
			return nil, err
		}
	}
	c.said++
	return []byte(c.messages[c.said-1]), nil
}

// Format keeps what is said from being printed.
func (c *spoken) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.String()) }

func (c *spoken) String() string { return c.name + " client" }

func newPlain(m sasl.Mechanism, o Options) sasl.Mechanism {
	switch o.Defect {
	case ClaimConcealed:
		m.Traits |= sasl.Concealed
	case FetchInUsable:
		m.Usable = func(_ *sasl.Conn, c *sasl.Credentials) error {
			_, err := fetch(context.Background(), c, true)
			return err
		}
	}
	m.NewClient = func(ctx context.Context, _ *sasl.Conn, c *sasl.Credentials) (sasl.Client, error) {
		password, err := fetch(ctx, c, o.Defect == EmptyUser && c.Username == "")
		if err != nil {
			return nil, err
		}
		authz, authn := c.AuthzID, c.Username
		if o.Defect == SwapIdentities && authz != "" {
			authz, authn = authn, authz
		}
		message := authz + "\x00" + authn + "\x00" + password.Reveal()
		if o.Defect == Latin1 {
			message = latin1(message)
		}
		client := &spoken{name: m.Name, initial: []byte(message)}
		if o.Defect == SayTwice {
			client.messages = []string{message}
		}
		return client, nil
	}
	return m
}

// latin1 returns text in ISO 8859-1, as far as it goes.
func latin1(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r < 0x100 {
			b.WriteByte(byte(r))
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func newLogin(m sasl.Mechanism, o Options) sasl.Mechanism {
	m.NewClient = func(ctx context.Context, _ *sasl.Conn, c *sasl.Credentials) (sasl.Client, error) {
		password, err := fetch(ctx, c, false)
		if err != nil {
			return nil, err
		}
		client := &spoken{name: m.Name, messages: []string{c.Username, password.Reveal()}}
		switch o.Defect {
		case InitialUser:
			client.initial, client.said = []byte(c.Username), 1
		case ReadPrompts:
			client.check = func(n int, challenge []byte) error {
				if want := []string{"username:", "password:"}[n]; !strings.EqualFold(string(challenge), want) {
					return errUnexpected
				}
				return nil
			}
		}
		return client, nil
	}
	return m
}

func newCram(m sasl.Mechanism, o Options) sasl.Mechanism {
	m.NewClient = func(ctx context.Context, _ *sasl.Conn, c *sasl.Credentials) (sasl.Client, error) {
		password, err := fetch(ctx, c, false)
		if err != nil {
			return nil, err
		}
		return &cramClient{defect: o.Defect, user: c.Username, password: password}, nil
	}
	if o.Defect == CapitalMD5 {
		strict := m.NewServer
		m.NewServer = func(ctx context.Context, conn *sasl.Conn, d sasl.Directory) (sasl.Server, error) {
			server, err := strict(ctx, conn, d)
			return &tolerant{server}, err
		}
	}
	return m
}

// tolerant takes the digest of CRAM-MD5 in capital letters, too.
type tolerant struct{ sasl.Server }

func (s *tolerant) Next(response []byte) (challenge []byte, done bool, err error) {
	if response == nil {
		return s.Server.Next(nil)
	}
	user, digest, _ := strings.Cut(string(response), " ")
	return s.Server.Next([]byte(user + " " + strings.ToLower(digest)))
}

type cramClient struct {
	defect   Defect
	user     string
	password sasl.Secret
	answered bool
}

func (c *cramClient) Start() (string, []byte, error) { return "CRAM-MD5", nil, nil }

func (c *cramClient) Next(challenge []byte) ([]byte, error) {
	if c.answered || len(challenge) == 0 && c.defect != AnswerToNothing {
		return nil, errUnexpected
	}
	c.answered = true
	key := c.password.Reveal()
	if c.defect == CutPassword {
		key = key[:min(64, len(key))]
	}
	mac := hmac.New(md5.New, []byte(key))
	mac.Write(challenge)
	digest := fmt.Sprintf("%x", mac.Sum(nil))
	if c.defect == CapitalMD5 {
		digest = strings.ToUpper(digest)
	}
	return []byte(c.user + " " + digest), nil
}

// newNameless makes the mechanisms that send no name to sign in with.
func newNameless(m sasl.Mechanism, o Options) sasl.Mechanism {
	known := m.NewClient
	if m.Name == "ANONYMOUS" {
		known = sasl.Anonymous(o.Trace).NewClient
	}
	m.NewClient = func(ctx context.Context, conn *sasl.Conn, c *sasl.Credentials) (sasl.Client, error) {
		if o.Defect == AnyTrace {
			return &spoken{name: m.Name, initial: append([]byte{}, o.Trace...)}, nil
		}
		if _, err := known(ctx, conn, c); err != nil {
			return nil, err
		}
		message := c.AuthzID
		switch {
		case m.Name == "ANONYMOUS":
			message = o.Trace
		case o.Defect == UserForIdentity && message == "":
			message = c.Username
		}
		client := &spoken{name: m.Name, initial: append([]byte{}, message...)}
		if o.Defect == NilForEmpty && message == "" {
			client.initial = nil
			client.messages = []string{""}
		}
		return client, nil
	}
	return m
}
