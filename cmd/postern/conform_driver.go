package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/sasl"
)

// A commandDriver makes a client send by running a command.
type commandDriver struct {
	starttls, smtps []driverCommand
	statuses        map[int]conformance.Status
}

var _ conformance.Driver = (*commandDriver)(nil)

// A driverCommand is a command line with placeholders.
type driverCommand []string

// placeholders are what may stand in a command.
func placeholders() []string {
	return []string{
		"addr", "host", "port", "scheme", "starttls", "ca", "user", "password", "password-file",
		"token", "token-file", "mechanism", "from", "to", "message",
	}
}

// driver reads the flags.
func (o *conformClientOptions) driver() (*commandDriver, error) {
	if len(o.drivers)+len(o.smtpsDrivers) == 0 {
		return nil, errors.New("no client: give --driver 'COMMAND ...'")
	}
	d := &commandDriver{statuses: make(map[int]conformance.Status)}
	for _, f := range []struct {
		flag  string
		lines []string
		to    *[]driverCommand
	}{{"--driver", o.drivers, &d.starttls}, {"--smtps-driver", o.smtpsDrivers, &d.smtps}} {
		for _, line := range f.lines {
			c, err := parseDriver(line)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.flag, err)
			}
			*f.to = append(*f.to, c)
			if f.flag == "--driver" && (c.has("scheme") || c.has("starttls")) {
				d.smtps = append(d.smtps, c)
			}
		}
	}
	for _, text := range o.statuses {
		number, word, _ := strings.Cut(text, "=")
		n, err := strconv.Atoi(number)
		status := conformance.Status(word)
		known := []conformance.Status{
			conformance.Delivered, conformance.Partial, conformance.Temporary, conformance.Permanent,
			conformance.AuthFailed, conformance.Uncertain, conformance.Failed,
		}
		if err != nil || n < 0 || n > 255 || !slices.Contains(known, status) {
			return nil, fmt.Errorf("--map: %q is not of the form 67=auth; there are delivered, partial, temporary, permanent, auth, uncertain and failed", text)
		}
		d.statuses[n] = status
	}
	return d, nil
}

// parseDriver reads a command line, and looks for the program.
func parseDriver(line string) (driverCommand, error) {
	argv, err := splitWords(line)
	switch {
	case err != nil:
		return nil, err
	case len(argv) == 0:
		return nil, errors.New("it is empty")
	}
	c := driverCommand(argv)
	for _, found := range regexp.MustCompile(`\{([a-z-]+)\}`).FindAllStringSubmatch(strings.Join(argv, " "), -1) {
		if !slices.Contains(placeholders(), found[1]) {
			return nil, fmt.Errorf("%s stands for nothing; there are {%s}", found[0], strings.Join(placeholders(), "} {"))
		}
	}
	if !c.has("addr") && !c.has("port") {
		return nil, errors.New("the command has neither {addr} nor {port}, so that the client cannot know the server")
	}
	if _, err := exec.LookPath(argv[0]); err != nil {
		return nil, fmt.Errorf("the program %s: %w", argv[0], nameless(err))
	}
	return c, nil
}

func (c driverCommand) has(placeholder string) bool {
	return slices.ContainsFunc(c, func(word string) bool { return strings.Contains(word, "{"+placeholder+"}") })
}

// signsInBy reports whether the command can use that kind of credential.
func (c driverCommand) signsInBy(kind string) bool { return c.has(kind) || c.has(kind+"-file") }

// to returns the words of the command for these recipients. Of several, a word with
// {to} stands there for each, and so does an option before it.
func (c driverCommand) to(recipients []string) []string {
	var words []string
	for i, word := range c {
		if !strings.Contains(word, "{to}") {
			words = append(words, word)
			continue
		}
		for j, recipient := range recipients {
			if j > 0 && i > 0 && strings.HasPrefix(c[i-1], "-") && !strings.ContainsAny(c[i-1], "={") {
				words = append(words, c[i-1])
			}
			words = append(words, strings.ReplaceAll(word, "{to}", recipient))
		}
	}
	return words
}

// name is that of the first program.
func (d *commandDriver) name() string {
	return filepath.Base(append(d.starttls, d.smtps...)[0][0])
}

// choose returns the command that can do what is asked.
func (d *commandDriver) choose(cfg conformance.ClientConfig) (driverCommand, error) {
	commands, kind := d.starttls, "password"
	if cfg.TLS == conformance.ImplicitTLS {
		commands = d.smtps
	}
	if cfg.Token != nil {
		kind = "token"
	}
	for _, c := range commands {
		if c.signsInBy(kind) && c.has("mechanism") == (cfg.Mechanism != "") {
			return c, nil
		}
	}
	lacking := "a {" + kind + "}"
	if cfg.Mechanism != "" {
		lacking += " and a {mechanism}"
	}
	return nil, fmt.Errorf("there is no command with %s and %s: %w", cfg.TLS, lacking, errors.ErrUnsupported)
}

// outputWait is how long a client that was stopped, or a child that it left behind,
// may hold on to its output.
const outputWait = time.Second

// Send implements conformance.Driver.
func (d *commandDriver) Send(ctx context.Context, cfg conformance.ClientConfig, msg conformance.Message) conformance.Answer {
	command, err := d.choose(cfg)
	if err != nil {
		return conformance.AnswerOf(err)
	}
	dir, err := os.MkdirTemp("", "postern-conform-")
	if err != nil {
		return conformance.AnswerOf(err)
	}
	defer os.RemoveAll(dir)
	values, err := valuesFor(ctx, dir, cfg, msg)
	if err != nil {
		return conformance.AnswerOf(err)
	}
	argv := command.to(msg.To)
	for i, word := range argv {
		argv[i] = values.Replace(word)
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin = bytes.NewReader(msg.Data)
	said := new(tail)
	out := io.MultiWriter(cfg.Log, said)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = outputWait
	return d.answer(cmd.Run(), said.String())
}

// valuesFor writes the files that a client needs, and returns what stands in place of
// the placeholders.
func valuesFor(ctx context.Context, dir string, cfg conformance.ClientConfig, msg conformance.Message) (*strings.Replacer, error) {
	host, port, err := net.SplitHostPort(cfg.Addr)
	if err != nil {
		return nil, err
	}
	token := ""
	if cfg.Token != nil {
		if token, err = cfg.Token(ctx); err != nil {
			return nil, err
		}
	}
	values := map[string]string{
		"addr": cfg.Addr, "host": host, "port": port, "scheme": "smtp", "starttls": "on",
		"user": cfg.Username, "password": cfg.Password, "token": token, "mechanism": cfg.Mechanism, "from": msg.From,
	}
	if cfg.TLS == conformance.ImplicitTLS {
		values["scheme"], values["starttls"] = "smtps", "off"
	}
	for name, content := range map[string][]byte{
		"ca": cfg.CAPEM, "password-file": []byte(cfg.Password + "\n"), "token-file": []byte(token + "\n"), "message": msg.Data,
	} {
		values[name] = filepath.Join(dir, name)
		if err := os.WriteFile(values[name], content, 0o600); err != nil {
			return nil, err
		}
	}
	var pairs []string
	for name, value := range values {
		pairs = append(pairs, "{"+name+"}", value)
	}
	return strings.NewReplacer(pairs...), nil
}

// answer returns what a client told by its exit status, and by the last line that it
// printed.
func (d *commandDriver) answer(err error, last string) conformance.Answer {
	code := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		code = exit.ExitCode()
	case err != nil && !errors.Is(err, exec.ErrWaitDelay): // which says that it went well, but left a child behind
		return conformance.Answer{Status: conformance.Failed, Err: err}
	}
	status, mapped := d.statuses[code]
	if !mapped {
		status = statusOf(code)
	}
	if status == conformance.Delivered {
		return conformance.Answer{Status: status}
	}
	problem := fmt.Errorf("exit status %d", code)
	if last != "" {
		problem = fmt.Errorf("exit status %d: %s", code, last)
	}
	return conformance.Answer{Status: status, Err: problem}
}

// statusOf returns what an exit status means by sysexits(3).
func statusOf(code int) conformance.Status {
	switch {
	case code == exitOK:
		return conformance.Delivered
	case code == exitTemporary:
		return conformance.Temporary
	case code == exitNoPermission:
		return conformance.AuthFailed
	case code >= exitUsage && code <= exitConfig:
		return conformance.Permanent
	}
	return conformance.Failed
}

// A tail keeps the end of what was written to it.
type tail struct{ octets []byte }

const maxTail = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.octets = append(t.octets, p[max(0, len(p)-maxTail):]...)
	t.octets = t.octets[max(0, len(t.octets)-maxTail):]
	return len(p), nil
}

// String returns the last line that is not empty.
func (t *tail) String() string {
	lines := strings.Split(strings.TrimSpace(string(t.octets)), "\n")
	return oneLine(lines[len(lines)-1])
}

// mechanismNames are those of the mechanisms that can be tested.
func mechanismNames() []string { return sasl.Default().Names() }

// mechanismTarget returns a mechanism of this program as what is tested.
func mechanismTarget(name string) (conformance.MechanismTarget, error) {
	m, ok := sasl.Default().Lookup(strings.ToUpper(name))
	if !ok {
		return conformance.MechanismTarget{}, fmt.Errorf("unknown mechanism %q; known are %s (of your own: see conformance.RunMechanism)", name, strings.Join(mechanismNames(), ", "))
	}
	return conformance.MechanismTarget{Mechanism: m}, nil
}
