package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// configure sets up the environment of a user who sees our proxy before the
// module cache and the configured GOPROXY.
func (r *release) configure(ctx context.Context) error {
	settings, err := r.settings(ctx)
	if err != nil {
		return err
	}
	proxies := []string{
		fileURL(r.Proxy),
		fileURL(filepath.Join(settings["GOMODCACHE"], "cache", "download")),
		settings["GOPROXY"],
	}
	r.env = []string{
		// The user's own settings would win over an empty variable below.
		"GOENV=off",
		"GOSUMDB=" + settings["GOSUMDB"],
		"GOTOOLCHAIN=" + settings["GOTOOLCHAIN"],
		"GOWORK=off",
		// Without -modcacherw the module cache below could not be removed.
		"GOFLAGS=-mod=mod -modcacherw",
		// Our modules come from the proxy, and no checksum database knows them
		// yet. GONOPROXY is empty because "none" makes go get look for all
		// prefixes of a path in the module cache first, and stop at core.
		"GOPROXY=" + strings.Join(proxies, ","),
		"GOPRIVATE=", "GONOPROXY=", "GONOSUMDB=" + r.Core,
		// A cache of our own: the v0.1.0 made here must never be taken for the
		// real one, nor an earlier run's for this run's.
		"GOMODCACHE=" + filepath.Join(r.Dir, "modcache"),
		"GOBIN=" + r.bin(),
	}
	return nil
}

// settings are those of the go command that the check goes by.
func (r *release) settings(ctx context.Context) (map[string]string, error) {
	out, err := r.goCommand(ctx, r.Dir, "env", "-json", "GOMODCACHE", "GOPROXY", "GOSUMDB", "GOTOOLCHAIN")
	if err != nil {
		return nil, err
	}
	var settings map[string]string
	if err := json.Unmarshal([]byte(out), &settings); err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	return settings, nil
}

// bin is where commands are installed.
func (r *release) bin() string { return filepath.Join(r.Dir, "bin") }

// goCommand runs the go command in dir and returns its standard output.
func (r *release) goCommand(ctx context.Context, dir string, args ...string) (string, error) {
	return r.command(ctx, dir, "go", args...)
}

// command runs a program in dir. Its error holds what the program wrote to
// standard error.
func (r *release) command(ctx context.Context, dir, name string, args ...string) (string, error) {
	var stderr strings.Builder
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), r.env...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, stderr.String())
	}
	return string(out), nil
}

// fileURL turns an absolute path into a URL that GOPROXY takes.
func fileURL(path string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
}
