package google

import (
	"os/exec"
	"runtime"
)

// browser returns the command that opens a URL on a system.
func browser(system, url string) (name string, args []string) {
	switch system {
	case "windows":
		return "rundll32", []string{"url.dll,FileProtocolHandler", url}
	case "darwin":
		return "open", []string{url}
	}
	return "xdg-open", []string{url}
}

// startBrowser opens a URL, which this package has made. Some systems' commands
// last as long as the browser does, so it is not waited for here.
func startBrowser(url string) error {
	name, args := browser(runtime.GOOS, url)
	cmd := exec.Command(name, args...)
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }() // so that the system can forget it
	return nil
}
