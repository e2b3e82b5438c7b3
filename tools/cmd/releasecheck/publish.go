package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

// A release is a set of modules published as one version to a proxy of files.
type release struct {
	Modules []moduleDir
	Core    string // path of the core module, a prefix of all others
	Version string
	Dir     string // temporary directory that holds everything below
	Proxy   string // directory in GOPROXY's layout
	env     []string
}

// publish makes m available from the proxy. The modules of ours that m requires
// must have been published before.
func (r *release) publish(ctx context.Context, m moduleDir) error {
	dir := filepath.Join(r.Dir, "src", filepath.FromSlash(m.Path))
	if err := copyModule(dir, m.Dir); err != nil {
		return err
	}
	if err := r.dropReplaces(filepath.Join(dir, "go.mod")); err != nil {
		return err
	}
	if _, err := r.goCommand(ctx, dir, "mod", "tidy"); err != nil {
		return err
	}
	return r.zip(m.Path, dir)
}

// copyModule copies the files that would be in the zip of the module in from:
// none of nested modules, version control or vendored packages.
func copyModule(to, from string) error {
	checked, err := zip.CheckDir(from)
	if err != nil {
		return err
	}
	if err := checked.Err(); err != nil {
		return err
	}
	for _, name := range checked.Valid { // each starts with from
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		if err := copyFile(filepath.Join(to, rel), name); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(to, from string) (err error) {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

// dropReplaces edits the go.mod file name as a release does: requirements on
// our modules name the version released, and replace directives for them go.
func (r *release) dropReplaces(name string) error {
	m, err := readModule(filepath.Dir(name))
	if err != nil {
		return err
	}
	for _, rep := range m.File.Replace {
		if !contains(r.Modules, rep.Old.Path) {
			continue // a foreign replace is left for "go install" to refuse
		}
		if err := m.File.DropReplace(rep.Old.Path, rep.Old.Version); err != nil {
			return err
		}
	}
	for _, req := range m.File.Require {
		if !contains(r.Modules, req.Mod.Path) {
			continue
		}
		if err := m.File.AddRequire(req.Mod.Path, r.Version); err != nil {
			return err
		}
	}
	m.File.Cleanup()
	data, err := m.File.Format()
	if err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o644)
}

// zip writes the four files that make up a version to the proxy
// (https://go.dev/ref/mod#goproxy-protocol).
func (r *release) zip(path, dir string) error {
	escaped, err := module.EscapePath(path)
	if err != nil {
		return err
	}
	base := filepath.Join(r.Proxy, filepath.FromSlash(escaped), "@v")
	if err := os.MkdirAll(base, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(base, "list"), []byte(r.Version+"\n"), 0o644); err != nil {
		return err
	}
	info, err := json.Marshal(map[string]any{"Version": r.Version, "Time": time.Now().UTC()})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(base, r.Version+".info"), info, 0o644); err != nil {
		return err
	}
	if err := copyFile(filepath.Join(base, r.Version+".mod"), filepath.Join(dir, "go.mod")); err != nil {
		return err
	}
	out, err := os.Create(filepath.Join(base, r.Version+".zip"))
	if err != nil {
		return err
	}
	err = zip.CreateFromDir(out, module.Version{Path: path, Version: r.Version}, dir)
	return errors.Join(err, out.Close())
}
