package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	netsmtp "net/smtp"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// A runningMock is "postern mock" in the background.
type runningMock struct {
	t      *testing.T
	ctx    context.Context // bounds every wait
	out    *watched
	stderr bytes.Buffer
	stop   context.CancelCauseFunc
	code   chan int
}

// watched is an output that somebody waits for.
type watched struct {
	mu      sync.Mutex
	text    strings.Builder
	changed chan struct{}
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.changed)
	w.changed = make(chan struct{})
	return w.text.Write(p)
}

func (w *watched) now() (string, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String(), w.changed
}

// mockPatience bounds what would otherwise hang. No test comes near it, on however
// slow a machine, unless something is wrong.
const mockPatience = 2 * time.Minute

func startMock(t *testing.T, args ...string) *runningMock {
	t.Helper()
	bounded, cancel := context.WithTimeout(t.Context(), mockPatience)
	t.Cleanup(cancel)
	ctx, stop := context.WithCancelCause(bounded)
	r := &runningMock{t: t, ctx: bounded, out: &watched{changed: make(chan struct{})}, stop: stop, code: make(chan int, 1)}
	a := &app{stdin: strings.NewReader(""), stdout: r.out, stderr: &r.stderr}
	go func() { r.code <- a.run(ctx, append([]string{"mock", "--listen", "127.0.0.1:0"}, args...)) }()
	t.Cleanup(func() { stop(nil) })
	r.until("\n\n")
	return r
}

// until waits until the output holds text.
func (r *runningMock) until(text string) string {
	r.t.Helper()
	for {
		out, changed := r.out.now()
		if strings.Contains(out, text) {
			return out
		}
		select {
		case <-changed:
		case code := <-r.code:
			r.t.Fatalf("exit code %d before %q\n%s%s", code, text, out, r.stderr.String())
		case <-r.ctx.Done():
			r.t.Fatalf("no %q in\n%s", text, out)
		}
	}
}

// end waits for the program's end and returns its exit code.
func (r *runningMock) end() int {
	r.t.Helper()
	select {
	case code := <-r.code:
		return code
	case <-r.ctx.Done():
		out, _ := r.out.now()
		r.t.Fatalf("the program does not end; it has said\n%s", out)
		return 0
	}
}

// dial connects to the server. What waits on the connection ends with the test.
func (r *runningMock) dial() net.Conn {
	r.t.Helper()
	server, _, _ := strings.Cut(r.item("server"), " ")
	conn, err := new(net.Dialer).DialContext(r.ctx, "tcp", strings.TrimPrefix(server, "smtp://"))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { conn.Close() })
	if deadline, bounded := r.ctx.Deadline(); bounded {
		conn.SetDeadline(deadline)
	}
	return conn
}

// item returns what the introduction says of a thing.
func (r *runningMock) item(name string) string {
	r.t.Helper()
	for line := range strings.Lines(r.until("\n\n")) {
		if rest, found := strings.CutPrefix(line, name+" "); found {
			return strings.TrimSpace(rest)
		}
	}
	r.t.Fatalf("no %q", name)
	return ""
}

// interrupt ends the program as SIGINT does, and returns all its output.
func (r *runningMock) interrupt() string {
	r.t.Helper()
	r.stop(&signalError{os.Interrupt})
	if code := r.end(); code != exitOK || r.stderr.Len() > 0 {
		r.t.Errorf("exit code %d, standard error %q", code, r.stderr.String())
	}
	out, _ := r.out.now()
	return out
}

func trusting(t *testing.T, caFile string) *tls.Config {
	t.Helper()
	octets, err := os.ReadFile(caFile)
	pool := x509.NewCertPool()
	if err != nil || !pool.AppendCertsFromPEM(octets) {
		t.Fatalf("%s: %q, %v", caFile, octets, err)
	}
	return &tls.Config{RootCAs: pool}
}

func sendTo(t *testing.T, cfg smtp.Config) error {
	t.Helper()
	env := smtp.Envelope{From: "you@example.com", To: []string{"friend@example.com"}}
	_, err := smtp.Send(t.Context(), cfg, env, smtp.Bytes([]byte(sentMessage)))
	return err
}

func TestMockCommand(t *testing.T) {
	checkGoroutines(t, func() {
		dir := t.TempDir()
		ca, store := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "inbox")
		r := startMock(t, "--ca", ca, "--store", store, "--fault", "RCPT/1@1=451 4.7.1 greylisted")
		server, _, _ := strings.Cut(r.item("server"), " ")
		secret := r.item("password")
		cfg := smtp.Config{Addr: server, TLSConfig: trusting(t, ca), Auth: sasl.Password("user@example.com", secret)}
		err := sendTo(t, cfg)
		var refused *smtp.ReplyError
		if !errors.As(err, &refused) || refused.Reply.Code != 451 || !strings.Contains(refused.Reply.String(), "greylisted") {
			t.Errorf("first message: %v", err)
		}
		if err := sendTo(t, cfg); err != nil {
			t.Errorf("second message: %v", err)
		}
		r.until(": stored as ")
		out := r.interrupt()
		for _, want := range []string{"1 S: 451 4.7.1 greylisted\n", "2 C: RCPT TO:<friend@example.com>\n", "2 C: AUTH "} {
			if !strings.Contains(out, want) {
				t.Errorf("%q is not in\n%s", want, out)
			}
		}
		_, dialogue, _ := strings.Cut(out, "\n\n")
		checkSecrets(t, dialogue, secret)
		files, err := filepath.Glob(filepath.Join(store, "*.eml"))
		if err != nil || len(files) != 1 {
			t.Fatalf("files %q, %v", files, err)
		}
		if got, err := os.ReadFile(files[0]); string(got) != sentMessage {
			t.Errorf("stored %q, %v", got, err)
		}
	})
}

func TestMockCommandOAuth(t *testing.T) {
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	r := startMock(t, "--ca", ca, "--oauth", "--persona", "microsoft365", "--condition", "smtpauthdisabled", "--implicit-tls")
	server, _, _ := strings.Cut(r.item("server"), " ")
	if !strings.HasPrefix(server, "smtps://127.0.0.1:") {
		t.Errorf("server %s", server)
	}
	config := trusting(t, ca)
	cfg := smtp.Config{Addr: server, TLSConfig: config, Auth: sasl.OAuth("user@example.com", sasl.StaticToken(r.item("access token")))}
	var refused *smtp.AuthError
	if err := sendTo(t, cfg); !errors.As(err, &refused) || refused.Reply.Code != 535 || !strings.Contains(refused.Error(), "5.7.139") {
		t.Errorf("%v", err)
	}
	endpoint, _, _ := strings.Cut(r.item("token URL"), " ")
	transport := &http.Transport{TLSClientConfig: config}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).PostForm(endpoint, url.Values{
		"grant_type": {"refresh_token"}, "client_id": {"any"}, "refresh_token": {r.item("refresh token")},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var fields map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&fields); err != nil || fields["access_token"] == nil {
		t.Errorf("%v, %v", fields, err)
	}
	r.interrupt()
}

func TestMockCommandNoTLS(t *testing.T) {
	r := startMock(t, "--no-tls", "--persona", "gmail", "--password-file", writeFile(t, "password", password+"\n"), "--user", testUser)
	if got := r.item("password"); !strings.HasPrefix(got, "the one in ") {
		t.Errorf("password %q", got)
	}
	server, _, _ := strings.Cut(r.item("server"), " ")
	auth := sasl.Password(testUser, password)
	if err := sendTo(t, smtp.Config{Addr: server, TLS: smtp.InsecureNoTLS, Auth: auth}); err != nil {
		t.Error(err)
	}
	checkSecrets(t, r.interrupt(), password)
}

func TestMockCommandWrongUse(t *testing.T) {
	busy := mock.Start(t, mock.Options{})
	for name, test := range map[string]struct {
		args []string
		code int
		want string
	}{
		"address for all":      {[]string{"--listen", "0.0.0.0:2525"}, exitUsage, `--listen "0.0.0.0:2525" is no loopback address and port, such as 127.0.0.1:2525`},
		"address in use":       {[]string{"--listen", busy.Addr()}, exitUnavailable, "address already in use"},
		"two kinds of TLS":     {[]string{"--no-tls", "--implicit-tls"}, exitUsage, "give one of them"},
		"unknown persona":      {[]string{"--persona", "x"}, exitUsage, "known are any, aol,"},
		"tokens of nobody":     {[]string{"--persona", "icloud", "--oauth"}, exitUsage, "takes no tokens"},
		"unknown condition":    {[]string{"--persona", "gmail", "--condition", "x"}, exitUsage, "gmail knows [WebLoginRequired"},
		"condition of nobody":  {[]string{"--condition", "x"}, exitUsage, "--condition without --persona"},
		"no user":              {[]string{"--user", ""}, exitUsage, "--user is empty"},
		"fault without action": {[]string{"--fault", "RCPT"}, exitUsage, `--fault "RCPT": it is no POINT=ACTION`},
		"fault at no point":    {[]string{"--fault", "NOWHERE=drop"}, exitUsage, `--fault "NOWHERE=drop": unknown point "NOWHERE"`},
		"script and fault":     {[]string{"--script", "x", "--fault", "RCPT=drop"}, exitUsage, "a script says all that happens"},
		"no such script":       {[]string{"--script", "/nonexistent"}, exitNoInput, "no such file"},
		"no such file":         {[]string{"--password-file", "/nonexistent"}, exitNoInput, "no such file"},
		"argument":             {[]string{"now"}, exitUsage, "postern mock takes no arguments"},
	} {
		t.Run(name, func(t *testing.T) {
			got := invoke(t, "", append([]string{"mock"}, test.args...)...)
			if got.code != test.code || got.stdout != "" || !strings.Contains(got.stderr, test.want) || strings.Count(got.stderr, "\n") != 1 {
				t.Errorf("%+v", got)
			}
		})
	}
	t.Run("another file for the authority", func(t *testing.T) {
		name := writeFile(t, "notes", "mine\n")
		got := invoke(t, "", "mock", "--listen", "127.0.0.1:0", "--ca", name)
		if content, _ := os.ReadFile(name); got.code != exitConfig || string(content) != "mine\n" {
			t.Errorf("%+v, content %q", got, content)
		}
	})
}

func TestMockCommandScript(t *testing.T) {
	script := writeFile(t, "dialogue.smtp", "S: 220 mock.test ESMTP\nC: NOOP\nS: 250 2.0.0 Ok\nC: QUIT\nS: 221 2.0.0 Bye\nCLOSE\n")
	for said, code := range map[string]int{"NOOP\r\nQUIT\r\n": exitOK, "RSET\r\n": exitProtocol} {
		r := startMock(t, "--no-tls", "--script", script)
		conn := r.dial()
		if _, err := io.WriteString(conn, said); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, conn); err != nil && code == exitOK {
			t.Error(err)
		}
		conn.Close()
		r.stop(&signalError{os.Interrupt})
		if got := r.end(); got != code || code == exitProtocol && !strings.Contains(r.stderr.String(), "dialogue.smtp:2") {
			t.Errorf("client that says %q: exit code %d, want %d: %s", said, got, code, r.stderr.String())
		}
	}
	r := startMock(t, "--no-tls", "--script", writeFile(t, "dialogue.smtp", "S: 220 x\nC: NOOP one\nC: QUIT\n"))
	conn := r.dial()
	_, _ = io.WriteString(conn, "NOOP two\r\n")
	_, _ = io.Copy(io.Discard, conn) // the end is what is waited for, of whatever kind
	conn.Close()
	r.stop(&signalError{os.Interrupt})
	r.end()
	report := strings.Split(strings.TrimSpace(r.stderr.String()), "\n")
	if text := strings.Join(report, "\n"); len(report) < 8 || strings.ContainsAny(text, ";\t\u00a0") ||
		!slices.Contains(report, "last lines:") || !slices.Contains(report, "never reached:") {
		t.Errorf("report\n%s", text)
	}
	for name, text := range map[string]string{"dialogue.smtp:1: ": "what?\n"} {
		got := invoke(t, "", "mock", "--script", writeFile(t, "dialogue.smtp", text))
		if got.code != exitData || !strings.Contains(got.stderr, name) {
			t.Errorf("%+v", got)
		}
	}
}

func TestParseFault(t *testing.T) {
	for text, want := range map[string]string{
		"RCPT":                                "no POINT=ACTION",
		"RCPT/0=drop":                         `"0" is no number from 1`,
		"RCPT@x=drop":                         `"x" is no number from 1`,
		"during RCPT=drop":                    `write "before", "after" or nothing`,
		"RCPT=":                               `"" is no action`,
		"RCPT=drip":                           `"drip" is no action`,
		"RCPT=99 x":                           `"99" is no action`,
		"RCPT=drop now":                       `"now" behind an action`,
		"RCPT=wait":                           `write a time`,
		"RCPT=wait -5s":                       `write a time`,
		"RCPT=raw 250":                        `write octets in quotes`,
		"RCPT=250 ok then x":                  `"x" is no action`,
		"RCPT/1=451 4.7.1 x":                  "",
		"auth/2=535 no":                       "",
		"before MAIL@2=wait 1s":               "",
		`EOD=raw "25" then wait 1s then drop`: "",
		"CONNECT=554 5.3.2 a = b":             "",
	} {
		f, err := parseFault(text)
		if want == "" && err == nil {
			s, err := mock.New(mock.Options{Network: mock.InMemory, Faults: []mock.Fault{f}})
			if err != nil {
				t.Errorf("%s: %v", text, err)
				continue
			}
			s.Close()
		} else if err == nil || want == "" || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// What a fault says is what the server does.
func TestFaultOnTheWire(t *testing.T) {
	for text, want := range map[string]string{
		"CONNECT=421 4.3.2 busy, very then drop": "421 4.3.2 busy, very\r\n",
		"CONNECT=250 no code":                    "250 no code\r\n",
		`CONNECT=raw "22\x00" then drop`:         "22\x00",
	} {
		f, err := parseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		s := mock.Start(t, mock.Options{Network: mock.InMemory, Faults: []mock.Fault{f}})
		ctx, cancel := context.WithTimeout(t.Context(), mockPatience)
		defer cancel()
		conn, err := s.Dial(ctx, "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		got := make([]byte, len(want))
		if deadline, bounded := ctx.Deadline(); bounded {
			conn.SetDeadline(deadline)
		}
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
}

// The example of the help does what it says: the answer takes its time, and the
// command was run.
func TestFaultOfTheHelp(t *testing.T) {
	const text = "MAIL=wait 5s then 250 2.1.0 ok"
	if !strings.Contains(mockAbout, text) {
		t.Fatalf("%q is not in the help", text)
	}
	synctest.Test(t, func(t *testing.T) {
		f, err := parseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		s := mock.Start(t, mock.Options{Network: mock.InMemory, Faults: []mock.Fault{f}})
		conn, err := s.Dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		c, err := netsmtp.NewClient(conn, "mock.test")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		start := time.Now()
		if err := errors.Join(c.Mail("a@example.test"), c.Rcpt("b@example.test")); err != nil {
			t.Error(err)
		}
		if waited := time.Since(start); waited != 5*time.Second {
			t.Errorf("answered after %v", waited)
		}
	})
}
