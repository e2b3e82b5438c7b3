package smtp

import (
	"cmp"
	"encoding/json"
	"time"
)

// A Report is what [Verify] found out. It holds no secret; as JSON it has the same
// names in every version of this package.
type Report struct {
	Server      string        // host:port as dialled, or the path of a unix socket; "" if the Config names none
	Mode        TLSMode       // how the connection was to be encrypted
	Username    string        // who was to sign in, "" if nobody
	OK          bool          // no step failed
	Connections int           // how many were made; see [Dial]
	Took        time.Duration // all together
	Steps       []Step        // in the order in which they were, or would have been, taken
}

// A Step is one step of a [Report]. Facts that it does not have are zero.
type Step struct {
	Name    string        // one of the constants below
	Outcome Outcome       //
	Took    time.Duration // 0 if it was skipped
	Summary string        // one line for a person: what was found, or why it was skipped
	Err     error         // why it failed; typed, as from [Dial]
	Advice  string        // what a person can do about that, or about what will fail soon; "" if nothing is known

	Addresses  []string         // StepDNS
	Attempts   []DialAttempt    // StepTCP
	TLS        *TLSFacts        // StepTLS, even if it failed because of the certificate
	Reply      *Reply           // the last one; of a sign-in no challenge
	Extensions []string         // StepEHLO and StepEHLOTLS: "SIZE 35882577"
	Mechanisms []MechanismFacts // StepMechanisms: all of the registry
	Dialogue   []string         // StepAuth and StepRcpt: each line and its reply
}

// Steps of a [Report]. One that a configuration has no use for is not in it.
const (
	StepConfig     = "config"     // all that can be checked without a connection
	StepDNS        = "dns"        // resolving the host name
	StepTCP        = "tcp"        // making the connection
	StepGreeting   = "greeting"   // the server's first reply
	StepEHLO       = "ehlo"       // what it offers at first
	StepSTARTTLS   = "starttls"   // asking for encryption
	StepTLS        = "tls"        // the handshake
	StepEHLOTLS    = "ehlo-tls"   // what the server offers after STARTTLS
	StepMechanisms = "mechanisms" // choosing one
	StepToken      = "token"      // fetching an access token
	StepAuth       = "auth"       // signing in
	StepMail       = "mail"       // VerifyOptions.From
	StepRcpt       = "rcpt"       // VerifyOptions.To
	StepRset       = "rset"       // taking both back
)

// An Outcome is how a [Step] ended.
type Outcome string

const (
	OutcomeOK      Outcome = "ok"
	OutcomeFailed  Outcome = "failed"
	OutcomeSkipped Outcome = "skipped"
)

// TLSFacts are what is known of a connection's TLS and of the server's
// certificate.
type TLSFacts struct {
	Version     string    `json:"version,omitempty"` // "TLS 1.3"; "" if there was no handshake to the end
	CipherSuite string    `json:"cipher_suite,omitempty"`
	ServerName  string    `json:"server_name"`            // what the certificate has to be for
	Verified    bool      `json:"verified"`               // the certificate was checked, and is
	NotVerified string    `json:"not_verified,omitempty"` // why it is not
	Subject     string    `json:"subject,omitempty"`
	Names       []string  `json:"names,omitempty"` // names and addresses that it is for
	Issuer      string    `json:"issuer,omitempty"`
	NotBefore   time.Time `json:"not_before,omitzero"`
	NotAfter    time.Time `json:"not_after,omitzero"`
}

// MechanismFacts are what negotiation made of a mechanism.
type MechanismFacts struct {
	Name    string `json:"name"`
	Chosen  bool   `json:"chosen"`            // it runs first
	Skipped string `json:"skipped,omitempty"` // why it cannot run; "" if it can
}

// Step returns the step with that name, nil if the report has none.
func (r *Report) Step(name string) *Step {
	for i := range r.Steps {
		if r.Steps[i].Name == name {
			return &r.Steps[i]
		}
	}
	return nil
}

// Failed returns the step that failed first, nil if none did.
func (r *Report) Failed() *Step {
	for i := range r.Steps {
		if r.Steps[i].Outcome == OutcomeFailed {
			return &r.Steps[i]
		}
	}
	return nil
}

// MarshalJSON implements json.Marshaler. Times are in milliseconds.
func (r Report) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Server      string  `json:"server"`
		Mode        string  `json:"tls_mode"`
		Username    string  `json:"username,omitempty"`
		OK          bool    `json:"ok"`
		Connections int     `json:"connections"`
		Took        float64 `json:"took_ms"`
		Steps       []Step  `json:"steps"`
	}{r.Server, r.Mode.String(), r.Username, r.OK, r.Connections, milliseconds(r.Took), r.Steps})
}

// MarshalJSON implements json.Marshaler. An error is its text and its [Class].
func (s Step) MarshalJSON() ([]byte, error) {
	type attempt struct {
		Addr  string  `json:"addr"`
		Took  float64 `json:"took_ms"`
		Error string  `json:"error,omitempty"`
	}
	type reply struct {
		Code     int      `json:"code"`
		Enhanced string   `json:"enhanced,omitempty"`
		Lines    []string `json:"lines"`
	}
	out := struct {
		Name       string           `json:"name"`
		Outcome    Outcome          `json:"outcome"`
		Took       float64          `json:"took_ms"`
		Summary    string           `json:"summary,omitempty"`
		Error      string           `json:"error,omitempty"`
		Class      string           `json:"class,omitempty"`
		Advice     string           `json:"advice,omitempty"`
		Addresses  []string         `json:"addresses,omitempty"`
		Attempts   []attempt        `json:"attempts,omitempty"`
		TLS        *TLSFacts        `json:"tls,omitempty"`
		Reply      *reply           `json:"reply,omitempty"`
		Extensions []string         `json:"extensions,omitempty"`
		Mechanisms []MechanismFacts `json:"mechanisms,omitempty"`
		Dialogue   []string         `json:"dialogue,omitempty"`
	}{
		Name: s.Name, Outcome: s.Outcome, Took: milliseconds(s.Took), Summary: s.Summary, Advice: s.Advice,
		Addresses: s.Addresses, TLS: s.TLS, Extensions: s.Extensions, Mechanisms: s.Mechanisms, Dialogue: s.Dialogue,
	}
	if s.Err != nil {
		out.Error, out.Class = s.Err.Error(), Classify(s.Err).String()
	}
	for _, a := range s.Attempts {
		out.Attempts = append(out.Attempts, attempt{a.Addr, milliseconds(a.Duration), textOf(a.Err)})
	}
	if r := s.Reply; r != nil {
		out.Reply = &reply{r.Code, r.Enhanced.String(), r.Lines}
	}
	return json.Marshal(out)
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return cmp.Or(err.Error(), "failed")
}
