package google

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// A question is what is known of a request when its answer has to be explained.
type question struct {
	rows    []row         // what refusals mean; the first that matches
	names   []string      // what stands for what in their hints, in pairs
	secrets []sasl.Secret // what must stay out of errors
	option  string        // which of Options leads there; empty: TokenURL
}

// ofClient is the question of a client with a refresh token.
func ofClient(c Client, refreshToken sasl.Secret) *question {
	name := "the client"
	if c.ID != "" {
		name = "client " + shown(c.ID)
	}
	return &question{
		rows: refreshRefusals(), names: []string{"CLIENT", name},
		secrets: []sasl.Secret{c.Secret, refreshToken},
	}
}

// failure returns what an error of x/oauth2 amounts to. The secrets of the
// request are kept out of it, and so is every answer that is not an OAuth error:
// it may hold anything.
func (q *question) failure(err error) error {
	if known, ok := q.known(err); ok {
		return known
	}
	return notGoogle()
}

// notGoogle is the error for a good answer that holds no token.
func notGoogle() error {
	return &providers.Error{
		Kind: providers.Transient, Provider: provider,
		Description: "the answer is not that of an OAuth 2.0 server",
		Hint:        "look for a proxy or a captive portal between here and Google",
	}
}

// known returns what an error of a token source amounts to. It reports false for
// an error of the source's own making.
func (q *question) known(err error) (error, bool) {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		return q.refusal(newAnswer(refused)), true
	}
	var network *url.Error
	if errors.As(err, &network) {
		return providers.Unreachable(provider, network), true
	}
	return err, false
}

// An answer is one of Google that holds no token.
type answer struct {
	status              int // 0: unknown
	header              http.Header
	code, subtype, text string
}

// newAnswer reads what x/oauth2 has left of an answer. Its package jwt leaves
// the code to the reader.
func newAnswer(r *oauth2.RetrieveError) *answer {
	a := parseAnswer(r.Body)
	if r.ErrorCode != "" {
		a.code, a.text = r.ErrorCode, r.ErrorDescription
	}
	if r.Response != nil {
		a.status, a.header = r.Response.StatusCode, r.Response.Header
	}
	return a
}

// parseAnswer reads an error answer: that of OAuth (RFC 6749, Section 5.2), or
// that of Google's other interfaces, whose error is an object.
func parseAnswer(body []byte) *answer {
	var oauth struct {
		Code        string `json:"error"`
		Description string `json:"error_description"`
		Subtype     string `json:"error_subtype"`
	}
	if json.Unmarshal(body, &oauth) == nil {
		return &answer{code: oauth.Code, subtype: oauth.Subtype, text: oauth.Description}
	}
	var rpc struct {
		Error struct {
			Status  string `json:"status"`
			Message string `json:"message"`
			Details []struct {
				Reason string `json:"reason"`
			} `json:"details"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &rpc) != nil {
		return new(answer)
	}
	a := &answer{code: rpc.Error.Status, text: rpc.Error.Message}
	for _, d := range rpc.Error.Details {
		if d.Reason != "" {
			a.subtype = d.Reason
		}
	}
	return a
}

// refusal is the error for an answer that holds no token.
func (q *question) refusal(a *answer) error {
	var secrets []string
	for _, s := range q.secrets {
		secrets = append(secrets, s.Reveal())
	}
	e := &providers.Error{
		Provider:    provider,
		Code:        providers.Scrub(a.code, secrets...),
		Description: providers.Scrub(a.text, secrets...),
		Status:      a.status,
		RetryAfter:  providers.RetryAfter(a.header.Get("Retry-After")),
	}
	status := a.status
	if status == 0 {
		status = http.StatusBadRequest
	}
	e.Kind = providers.Classify(status, a.code)
	if e.Kind == providers.Transient {
		e.Description = cmp.Or(e.Description, "the server is out of order or busy")
		return e
	}
	for _, row := range q.rows {
		if row.matches(a) {
			e.Kind = row.kind
			e.Hint = strings.NewReplacer(append(q.names, "CLOCK", clock(a.header))...).Replace(row.hint)
			return e
		}
	}
	if a.code == "" {
		e.Description = "the answer is not that of Google's token server"
		e.Hint = "check Options." + cmp.Or(q.option, "TokenURL") + ", and look for a proxy between here and Google"
	}
	return e
}

// clock says how far the clock of this machine is from Google's.
func clock(header http.Header) string {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return "compare the clock of this machine with the time"
	}
	switch off := time.Since(date).Round(time.Second); {
	case off > 30*time.Second:
		return "the clock of this machine is " + off.String() + " fast: see to its time service"
	case off < -30*time.Second:
		return "the clock of this machine is " + (-off).String() + " slow: see to its time service"
	}
	return "the clock of this machine agrees with Google's by now"
}

// plainName matches what may be shown of identifiers, though they are as long as
// some tokens.
var plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,199}$`)

// shown returns an identifier as it may appear in an error.
func shown(id string) string {
	if plainName.MatchString(id) && !strings.HasPrefix(id, "ya29.") && !strings.HasPrefix(id, "GOCSPX-") && !strings.HasPrefix(id, "eyJ") {
		return id
	}
	return providers.Scrub(id)
}
