package mock

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
)

// deviceLife is how long a user has to enter a code.
const deviceLife = 15 * time.Minute

// A device is a client without a browser that waits for a user (RFC 8628).
type device struct {
	*authorization
	userCode string
	expiry   time.Time
	interval time.Duration // at least so long between two polls
	polled   time.Time
	decided  bool
	denied   bool
	used     bool
}

// ApproveDevice plays the user who enters a code that a device has shown. The
// consent has to name the user.
func (a *Authority) ApproveDevice(userCode string, c Consent) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	d := a.deviceWith(userCode)
	switch {
	case d == nil:
		return errors.New("mock: no device waits with that user code")
	case c.User == "" && !c.Deny:
		return errors.New("mock: the consent names no user; nobody else has signed in")
	case c.User != "" && !a.isUser(c.User):
		return errors.New("mock: the user is not in AuthorityOptions.Users")
	}
	d.user, d.decided, d.denied = c.User, true, c.Deny
	d.scopes = a.ticked(d.scopes, c)
	return nil
}

// DenyDevice is ApproveDevice with a Consent that denies.
func (a *Authority) DenyDevice(userCode string) error {
	return a.ApproveDevice(userCode, Consent{Deny: true})
}

// deviceWith returns the device that waits with a user code, nil if there is none.
// How a user writes it does not matter (RFC 8628, Section 6.1).
func (a *Authority) deviceWith(userCode string) *device {
	letters := func(code string) string { return strings.ToUpper(strings.NewReplacer("-", "", " ", "").Replace(code)) }
	for _, d := range a.devices.values {
		if letters(d.userCode) == letters(userCode) && !d.decided && time.Now().Before(d.expiry) {
			return d
		}
	}
	return nil
}

// deviceAuthorization is the endpoint of RFC 8628, Section 3.1.
func (a *Authority) deviceAuthorization(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	fields, refusal := a.startDevice(r)
	a.mu.Unlock()
	switch {
	case refusal == nil:
		answer(w, http.StatusOK, faultOf(r).replace(fields))
	case r.PathValue("tenant") != "":
		a.microsoftError(w, refusal)
	default:
		a.standardError(w, refusal)
	}
}

func (a *Authority) startDevice(r *http.Request) (map[string]any, *oauthError) {
	if refusal := repeated(r.PostForm); refusal != nil {
		return nil, refusal
	}
	auth := &authorization{manner: routeDialect(r), tenant: r.PathValue("tenant"), offline: true}
	if r.URL.Path == "/device/code" {
		auth.manner = GoogleOAuth
	}
	var refusal *oauthError
	if auth.client, refusal = a.deviceClient(r, auth.manner); refusal != nil {
		return nil, refusal
	}
	auth.scopes = strings.Fields(r.PostForm.Get("scope"))
	switch {
	case len(auth.scopes) == 0 && auth.manner == GenericOAuth:
		auth.scopes = []string{a.opts.Scope}
	case len(auth.scopes) == 0:
		return nil, &oauthError{http.StatusBadRequest, "invalid_request", 900144, "The parameter scope is missing."}
	case len(r.PostForm.Get("scope")) > maxScope:
		return nil, tooManyScopes()
	case auth.manner == GoogleOAuth && slices.ContainsFunc(auth.scopes, isNotForDevices):
		return nil, &oauthError{http.StatusBadRequest, "invalid_scope", 0, "Invalid device flow scope."}
	case auth.manner == MicrosoftOAuth && resources(auth.scopes) > 1:
		return nil, &oauthError{http.StatusBadRequest, "invalid_scope", 28000, "The scope is of more than one resource."}
	case auth.manner == MicrosoftOAuth:
		auth.offline = slices.Contains(auth.scopes, "offline_access")
	}
	d := &device{authorization: auth, userCode: newUserCode(), expiry: time.Now().Add(deviceLife), interval: a.opts.DeviceInterval}
	code := "device." + random(60)
	a.devices.put(code, d)
	return d.prompt(code, "https://"+r.Host+"/device"), nil
}

// deviceClient returns the client of a device. Microsoft has it authenticate when
// it asks for tokens.
func (a *Authority) deviceClient(r *http.Request, manner Dialect) (string, *oauthError) {
	id := r.PostForm.Get("client_id")
	if _, known := a.opts.Clients[id]; known && manner != GenericOAuth {
		return id, nil
	}
	return a.authenticate(r)
}

// isNotForDevices reports whether Google gives a scope to devices only through a
// browser: all but a few.
func isNotForDevices(scope string) bool {
	switch scope {
	case "openid", "email", "profile", "https://www.googleapis.com/auth/drive.appdata", "https://www.googleapis.com/auth/drive.file",
		"https://www.googleapis.com/auth/youtube", "https://www.googleapis.com/auth/youtube.readonly":
		return false
	}
	return true
}

// newUserCode returns eight consonants: easy to type, and no words (RFC 8628,
// Section 6.1).
func newUserCode() string {
	const consonants = "BCDFGHJKLMNPQRST"
	code := []byte(random(8)) // hexadecimal
	for i, c := range code {
		code[i] = consonants[strings.IndexByte("0123456789abcdef", c)]
	}
	return string(code[:4]) + "-" + string(code[4:])
}

// prompt is what the device tells the user (RFC 8628, Section 3.2).
func (d *device) prompt(code, address string) map[string]any {
	fields := map[string]any{
		"device_code": code, "user_code": d.userCode, "verification_uri": address,
		"expires_in": int(deviceLife / time.Second), "interval": int((d.interval + time.Second - 1) / time.Second),
	}
	switch d.manner {
	case GoogleOAuth: // observed: the name is of a draft of the RFC
		delete(fields, "verification_uri")
		fields["verification_url"] = address
	case MicrosoftOAuth:
		fields["message"] = "To sign in, use a web browser to open the page " + address + " and enter the code " + d.userCode + " to authenticate."
	default:
		fields["verification_uri_complete"] = address + "?user_code=" + d.userCode
	}
	return fields
}

// devicePage is where a user would enter the code.
func (a *Authority) devicePage(w http.ResponseWriter, _ *http.Request) {
	writePage(w, http.StatusOK, textPage, notice{"Enter the code", "A test enters it by ApproveDevice."})
}

// deviceToken is the grant of RFC 8628, Section 3.4.
func (a *Authority) deviceToken(r *http.Request, client string, microsoft bool) (map[string]any, *oauthError) {
	value := r.PostForm.Get("device_code")
	d := a.devices.get(value)
	now := time.Now()
	bad := func(code string, number int, text string) (map[string]any, *oauthError) {
		return nil, &oauthError{http.StatusBadRequest, code, number, text}
	}
	switch {
	case value == "":
		return bad("invalid_request", 900144, "The parameter device_code is missing.")
	case d == nil, microsoft != (d.manner == MicrosoftOAuth), d.used:
		if microsoft {
			return bad("bad_verification_code", 70018, "The device code is unknown.")
		}
		return bad("invalid_grant", 0, "The device code is unknown.")
	case d.client != client:
		return bad("invalid_grant", 700005, "The device code was issued to another client.")
	case !now.Before(d.expiry):
		return bad("expired_token", 70020, "The device code has expired.")
	case !d.decided:
		return nil, d.pending(now)
	case d.denied && microsoft:
		return bad("authorization_declined", 65004, "User declined to consent to access the app.")
	case d.denied:
		return bad("access_denied", 0, "The user denied the request.")
	}
	d.used = true
	_, fields := a.enter(r, d.authorization)
	return fields, nil
}

// pending is the answer till the user has decided. Whoever asks too often has to
// wait five seconds more from then on (RFC 8628, Section 3.5); Microsoft bears it.
func (d *device) pending(now time.Time) *oauthError {
	early := !d.polled.IsZero() && now.Sub(d.polled) < d.interval
	d.polled = now
	if early && d.manner != MicrosoftOAuth {
		d.interval += 5 * time.Second
		return &oauthError{http.StatusBadRequest, "slow_down", 0, "The interval is longer now by five seconds."}
	}
	return &oauthError{http.StatusBadRequest, "authorization_pending", 70016, "OAuth 2.0 device flow error. Authorization is pending. Continue polling."}
}
