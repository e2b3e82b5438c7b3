package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/mod/modfile"
)

// unreleased names the directories of go.work that hold nothing for users.
var unreleased = []string{"interop"}

// A moduleDir is one module of the repository.
type moduleDir struct {
	Path string // module path
	Dir  string // absolute
	File *modfile.File
}

// workspaceModules reads the released modules of root/go.work, each after the
// modules of the workspace that it requires.
func workspaceModules(root string) ([]moduleDir, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	name := filepath.Join(root, "go.work")
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	work, err := modfile.ParseWork(name, data, nil)
	if err != nil {
		return nil, err
	}

	var modules []moduleDir
	for _, use := range work.Use {
		if slices.Contains(unreleased, filepath.Base(use.Path)) {
			continue
		}
		m, err := readModule(filepath.Join(root, filepath.FromSlash(use.Path)))
		if err != nil {
			return nil, err
		}
		modules = append(modules, m)
	}
	return bottomUp(modules)
}

func readModule(dir string) (moduleDir, error) {
	name := filepath.Join(dir, "go.mod")
	data, err := os.ReadFile(name)
	if err != nil {
		return moduleDir{}, err
	}
	file, err := modfile.Parse(name, data, nil)
	if err != nil {
		return moduleDir{}, err
	}
	if file.Module == nil {
		return moduleDir{}, fmt.Errorf("%s: no module line", name)
	}
	return moduleDir{Path: file.Module.Mod.Path, Dir: dir, File: file}, nil
}

// bottomUp orders modules so that each comes after those that it requires.
func bottomUp(modules []moduleDir) ([]moduleDir, error) {
	var ordered []moduleDir
	rest := slices.Clone(modules)
	for len(rest) > 0 {
		i := slices.IndexFunc(rest, func(m moduleDir) bool { return !requiresAny(m, rest) })
		if i < 0 {
			return nil, fmt.Errorf("the modules of go.work require each other in a circle, %s among them", rest[0].Path)
		}
		ordered = append(ordered, rest[i])
		rest = slices.Delete(rest, i, i+1)
	}
	if len(ordered) == 0 {
		return nil, fmt.Errorf("go.work names no module")
	}
	return ordered, nil
}

// requiresAny reports whether m requires one of modules.
func requiresAny(m moduleDir, modules []moduleDir) bool {
	return slices.ContainsFunc(m.File.Require, func(r *modfile.Require) bool {
		return contains(modules, r.Mod.Path)
	})
}

func contains(modules []moduleDir, path string) bool {
	return slices.ContainsFunc(modules, func(m moduleDir) bool { return m.Path == path })
}
