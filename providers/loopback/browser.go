package loopback

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"runtime"
)

// OpenBrowser opens a page in the user's browser, by the command that the system
// has for that. Only https is opened, and http on loopback: the command would
// start other programs for other schemes. That it returns nil does not mean that
// somebody sees the page; print the URL as well. On some systems it returns only
// when the browser is closed: call it in a goroutine of its own.
func OpenBrowser(ctx context.Context, page string) error {
	u, err := url.Parse(page)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
		return errors.New("loopback: the page to open is not an https URL")
	}
	name, args := opener(runtime.GOOS)
	if err := exec.CommandContext(ctx, name, append(args, u.String())...).Run(); err != nil {
		return fmt.Errorf("loopback: opening a browser by %s: %w", name, err)
	}
	return nil
}

// opener returns the command that opens a URL.
func opener(system string) (string, []string) {
	switch system {
	case "darwin":
		return "open", nil
	case "windows":
		return "rundll32", []string{"url.dll,FileProtocolHandler"}
	}
	return "xdg-open", nil
}
