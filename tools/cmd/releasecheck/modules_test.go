package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

func TestBottomUp(t *testing.T) {
	for _, test := range []struct {
		name string
		// One module a line: its path, then what it requires.
		modules string
		want    []string // nil: an error
	}{
		{"core alone", "core x/text", []string{"core"}},
		{"already ordered", "core\np core\ncmd core p", []string{"core", "p", "cmd"}},
		{"turned round", "cmd p core\np core\ncore", []string{"core", "p", "cmd"}},
		{"circle", "core p\np core", nil},
		{"none", "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			ordered, err := bottomUp(parseModules(t, test.modules))
			if (err == nil) != (test.want != nil) {
				t.Fatalf("error %v, want order %v", err, test.want)
			}
			var got []string
			for _, m := range ordered {
				got = append(got, m.Path)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("order %v, want %v", got, test.want)
			}
		})
	}
}

func parseModules(t *testing.T, text string) []moduleDir {
	t.Helper()
	var modules []moduleDir
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		m := moduleDir{Path: words[0], File: new(modfile.File)}
		for _, required := range words[1:] {
			m.File.Require = append(m.File.Require, &modfile.Require{Mod: module.Version{Path: required}})
		}
		modules = append(modules, m)
	}
	return modules
}

// A copy to be published loses the replace directives for our modules and no
// others: a command with a foreign one must still be refused.
func TestDropReplaces(t *testing.T) {
	const (
		before = `module example.com/core/cmd

go 1.26.0

require (
	example.com/core v0.0.1
	example.org/other v1.2.3
)

replace example.com/core => ..

replace example.org/other => ../../other
`
		after = `module example.com/core/cmd

go 1.26.0

require (
	example.com/core v0.1.0
	example.org/other v1.2.3
)

replace example.org/other => ../../other
`
	)
	name := filepath.Join(t.TempDir(), "go.mod")
	if err := os.WriteFile(name, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	r := &release{Modules: []moduleDir{{Path: "example.com/core"}}, Version: "v0.1.0"}
	if err := r.dropReplaces(name); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != after {
		t.Errorf("got\n%s\nwant\n%s", got, after)
	}
}
