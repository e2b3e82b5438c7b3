package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// coreModules are the modules that core's users may find in their programs,
// besides core itself.
var coreModules = []string{
	"github.com/emersion/go-sasl",
	"github.com/google/go-cmp",
	"github.com/xdg-go/stringprep", // SASLprep
	"golang.org/x/text",            // which it needs
}

// use does with the published m what its users do.
func (r *release) use(ctx context.Context, m moduleDir) error {
	packages, err := r.packages(ctx, m)
	if err != nil {
		return err
	}
	if len(packages.libraries) > 0 {
		if err := r.importAll(ctx, m.Path, packages.libraries); err != nil {
			return err
		}
	}
	for _, command := range packages.commands {
		if err := r.install(ctx, command); err != nil {
			return err
		}
	}
	return nil
}

// packages are the import paths of a module that a user may name.
type packages struct{ libraries, commands []string }

// packages lists the published copy of m.
func (r *release) packages(ctx context.Context, m moduleDir) (packages, error) {
	dir := filepath.Join(r.Dir, "src", filepath.FromSlash(m.Path))
	out, err := r.goCommand(ctx, dir, "list", "-f", "{{if .GoFiles}}{{.ImportPath}} {{.Name}}{{end}}", "./...")
	if err != nil {
		return packages{}, err
	}
	var p packages
	for line := range strings.Lines(out) {
		path, name, ok := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case !ok || slices.Contains(strings.Split(path, "/"), "internal"):
		case name == "main":
			p.commands = append(p.commands, path)
		default:
			p.libraries = append(p.libraries, path)
		}
	}
	return p, nil
}

// importAll gets the module path into an empty module, then builds and runs a
// program that imports all packages.
func (r *release) importAll(ctx context.Context, path string, packages []string) error {
	fmt.Printf("go get %s@%s\n", path, r.Version)
	dir, err := os.MkdirTemp(r.Dir, "user-")
	if err != nil {
		return err
	}
	if _, err := r.goCommand(ctx, dir, "mod", "init", "example.com/user"); err != nil {
		return err
	}
	if _, err := r.goCommand(ctx, dir, "get", path+"@"+r.Version); err != nil {
		return err
	}
	var program strings.Builder
	program.WriteString("package main\n\nimport (\n")
	for _, p := range packages {
		fmt.Fprintf(&program, "\t_ %q\n", p)
	}
	program.WriteString(")\n\nfunc main() {}\n")
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(program.String()), 0o644); err != nil {
		return err
	}
	if _, err := r.goCommand(ctx, dir, "run", "."); err != nil {
		return err
	}
	if path != r.Core {
		return nil
	}
	return r.checkBuild(ctx, dir)
}

// checkBuild fails if the program of the user's module in dir, which needs core
// alone, is built with a package of any module that core may not depend on. The
// build list may name more: old modules drag in what none of their packages that
// are used needs (https://go.dev/ref/mod#graph-pruning).
func (r *release) checkBuild(ctx context.Context, dir string) error {
	out, err := r.goCommand(ctx, dir, "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", ".")
	if err != nil {
		return err
	}
	for _, path := range strings.Fields(out) {
		if path != r.Core && !slices.Contains(coreModules, path) {
			return fmt.Errorf("core brings %s into its user's program; allowed are %s",
				path, strings.Join(coreModules, ", "))
		}
	}
	return nil
}

// install installs command from a directory without a module and asks it for
// its help.
func (r *release) install(ctx context.Context, command string) error {
	fmt.Printf("go install %s@%s\n", command, r.Version)
	dir, err := os.MkdirTemp(r.Dir, "install-")
	if err != nil {
		return err
	}
	if _, err := r.goCommand(ctx, dir, "install", command+"@"+r.Version); err != nil {
		return err
	}
	_, err = r.command(ctx, dir, filepath.Join(r.bin(), filepath.Base(command)), "--help")
	return err
}
