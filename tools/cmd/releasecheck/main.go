// Command releasecheck does what a user will do after the next release, before
// that release exists.
//
//	GOWORK=off go -C tools run ./cmd/releasecheck
//
// A replace directive counts only in the main module, so tests inside the
// repository never see what a go.mod says to anybody else: a forgotten
// requirement, a module that cannot be fetched, a command that
// "go install" refuses. The check therefore publishes every module of go.work
// to a module proxy made of files, and then uses it from outside:
//
//  1. It copies each module, core first, then the providers, then the command,
//     drops our replace directives from the copy's go.mod and tidies it.
//  2. It zips the copy as version v0.1.0, as a module proxy would serve it.
//  3. From an empty module it runs "go get" for each library, then builds and
//     runs a program that imports all its packages. For core it also checks
//     that the program is built with nothing but what core may depend on.
//  4. From an empty directory it runs "go install" for each command.
//
// The user's module cache is not touched: it is the first place where other
// modules are looked for, followed by the configured GOPROXY, but what the
// check itself downloads and publishes goes to a temporary directory.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
)

func main() {
	root := flag.String("root", "..", "the repository, where go.work is")
	version := flag.String("version", "v0.1.0", "the version to publish")
	keep := flag.Bool("keep", false, "keep the temporary directory")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *root, *version, *keep); err != nil {
		fmt.Fprintln(os.Stderr, "releasecheck:", err)
		stop()
		os.Exit(1)
	}
}

// run checks the repository at root, as if all its modules were tagged version.
func run(ctx context.Context, root, version string, keep bool) error {
	modules, err := workspaceModules(root)
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "releasecheck-")
	if err != nil {
		return err
	}
	if keep {
		fmt.Println("keeping", tmp)
	} else {
		defer os.RemoveAll(tmp)
	}

	r := &release{
		Modules: modules,
		Core:    modules[0].Path, // bottom-up order: core depends on none of ours
		Version: version,
		Dir:     tmp,
		Proxy:   filepath.Join(tmp, "proxy"),
	}
	if err := r.configure(ctx); err != nil {
		return err
	}
	for _, m := range modules {
		fmt.Printf("publish %s@%s\n", m.Path, version)
		if err := r.publish(ctx, m); err != nil {
			return fmt.Errorf("publish %s: %w", m.Path, err)
		}
	}
	for _, m := range modules {
		if err := r.use(ctx, m); err != nil {
			return fmt.Errorf("use %s: %w", m.Path, err)
		}
	}
	fmt.Printf("%d modules can be used from outside the repository\n", len(modules))
	return nil
}
