package badtoken

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// An answer is one of the token endpoint or of the device authorization endpoint.
type answer struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	ExpiresIn    int    `json:"expires_in"`

	DeviceCode      string `json:"device_code"`
	UserCode        string `json:"user_code"`
	VerificationURI string `json:"verification_uri"`
	Interval        int    `json:"interval"`

	Error string `json:"error"`
}

// An Error is an answer without a token.
type Error struct {
	Status     int
	Code       string
	RetryAfter time.Duration

	answer    string
	temporary bool
}

func (e *Error) Error() string {
	text := fmt.Sprintf("the authority refuses: HTTP %d %s", e.Status, e.Code)
	if e.answer != "" {
		text += ": " + e.answer
	}
	return text
}

// Temporary reports whether it may be mended by time.
func (e *Error) Temporary() bool { return e.temporary }

func (e *Error) busy() bool { return e.Status == http.StatusTooManyRequests || e.Status >= 500 }

var (
	errNoAnswer   = errors.New("the authority does not answer")
	errNotOAuth   = errors.New("the answer is not one of OAuth")
	errorCodeForm = regexp.MustCompile(`^[a-z_]{1,40}$`)
)

// maxAnswer bounds an answer, in octets.
const maxAnswer = 1 << 20

// post sends a form and reads the answer.
func (g *Generator) post(ctx context.Context, endpoint string, fields map[string]string) (answer, error) {
	form := url.Values{"client_id": {g.cfg.ClientID}, "client_secret": {g.cfg.ClientSecret}}
	for name, value := range fields {
		form.Set(name, value)
	}
	if g.defect == LogRequests {
		g.logf("POST %s", form.Encode())
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := g.client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return answer{}, ctx.Err()
		}
		return answer{}, errNoAnswer
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return answer{}, errNoAnswer
	}
	g.logf("%s: HTTP %d", fields["grant_type"], resp.StatusCode)
	return g.read(resp, body)
}

// read makes an answer or an error of a response.
func (g *Generator) read(resp *http.Response, body []byte) (answer, error) {
	var a answer
	err := json.Unmarshal(body, &a)
	if resp.StatusCode == http.StatusOK && err == nil && a.AccessToken+a.DeviceCode != "" {
		return a, nil
	}
	e := &Error{Status: resp.StatusCode}
	if errorCodeForm.MatchString(a.Error) {
		e.Code = a.Error
	}
	seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
	e.RetryAfter = time.Duration(seconds) * time.Second
	e.temporary = e.busy() && g.defect != BusyIsPermanent || e.Code == "invalid_grant" && g.defect == RevokedIsTemporary
	switch {
	case g.defect == ErrorHoldsAnswer:
		e.answer = string(body)
	case e.Code == "" && !e.busy():
		return answer{}, errNotOAuth
	}
	return answer{}, e
}

// signIn runs the device flow (RFC 8628).
func (g *Generator) signIn(ctx context.Context) error {
	device, err := g.post(ctx, g.cfg.DeviceURL, map[string]string{"scope": g.cfg.Scope})
	if err != nil {
		return err
	}
	g.cfg.Show(device.VerificationURI, device.UserCode)
	interval := 5 * time.Second
	if device.Interval > 0 {
		interval = time.Duration(device.Interval) * time.Second
	}
	if g.defect == IgnoreInterval {
		interval = time.Second
	}
	for {
		select {
		case <-time.After(interval):
		case <-ctx.Done():
			return ctx.Err()
		}
		a, err := g.post(ctx, g.cfg.TokenURL, map[string]string{
			"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": device.DeviceCode,
		})
		if err == nil {
			g.setRefresh(a.RefreshToken)
			return nil
		}
		var refusal *Error
		if !errors.As(err, &refusal) {
			return err
		}
		switch {
		case refusal.Code == "authorization_pending", refusal.Code == "access_denied" && g.defect == PollOnDeclined:
		case refusal.Code == "slow_down":
			if g.defect != IgnoreSlowDown {
				interval += 5 * time.Second
			}
		default:
			return err
		}
	}
}
