package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed-55a66e92/postern/conformance"
)

// An output is a report that is to be written.
type output struct {
	kind, file string
}

// writers are the kinds of reports.
func reportWriter(kind string) func(io.Writer, ...*conformance.Report) error {
	switch kind {
	case "json":
		return conformance.WriteJSON
	case "junit":
		return conformance.WriteJUnit
	case "html":
		return conformance.WriteHTML
	case "badge":
		return conformance.WriteBadge
	}
	return nil
}

// parseOutputs reads the values of --report, each KIND=FILE. A directory that is not
// there shows before the run, not after it.
func parseOutputs(values []string) ([]output, error) {
	var outputs []output
	for _, value := range values {
		kind, file, found := strings.Cut(value, "=")
		o := output{kind, file}
		switch {
		case !found || file == "":
			return nil, fmt.Errorf("%q is not KIND=FILE, such as json=out.json", value)
		case reportWriter(kind) == nil:
			return nil, fmt.Errorf("%q is no kind of report; there are json, junit, html and badge", kind)
		case slices.ContainsFunc(outputs, func(other output) bool { return other.file == file }):
			return nil, fmt.Errorf("%s is there twice", file)
		}
		if file != "-" {
			if info, err := os.Stat(filepath.Dir(file)); err != nil || !info.IsDir() {
				return nil, fmt.Errorf("there is no directory %s", filepath.Dir(file))
			}
			if info, err := os.Stat(file); err == nil && info.IsDir() {
				return nil, fmt.Errorf("%s is a directory", file)
			}
		}
		outputs = append(outputs, o)
	}
	return outputs, nil
}

// writeReports makes all reports, looks for secrets in them, and only then writes
// them.
func (a *app) writeReports(outputs []output, scan *conformance.SecretScan, reports ...*conformance.Report) error {
	made := make([][]byte, len(outputs))
	for i, o := range outputs {
		var text bytes.Buffer
		if err := reportWriter(o.kind)(&text, reports...); err != nil {
			return failf(conformBroken, "--report %s: %w", o.kind, err)
		}
		if err := scan.Text(text.String()); err != nil {
			return err
		}
		made[i] = text.Bytes()
	}
	for i, o := range outputs {
		if err := a.writeReport(o, made[i]); err != nil {
			return failf(conformUsage, "--report %s: %s", o.kind, err)
		}
	}
	return nil
}

// writeReport writes a file as a whole or not at all.
func (a *app) writeReport(o output, text []byte) error {
	if o.file == "-" {
		_, err := a.stdout.Write(text)
		return err
	}
	if info, err := os.Stat(o.file); err == nil && !info.Mode().IsRegular() { // a pipe, or the like
		return os.WriteFile(o.file, text, 0o644)
	}
	temporary, err := os.CreateTemp(filepath.Dir(o.file), ".postern-*")
	if err != nil {
		return err
	}
	_, err = temporary.Write(text)
	err = errors.Join(err, temporary.Chmod(0o644), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), o.file)
	}
	if err != nil {
		_ = os.Remove(temporary.Name()) // the first failure is the one to tell
	}
	return err
}
