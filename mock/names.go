package mock

import (
	"fmt"
	"net"
	"strings"
)

// checkNames refuses names that no certificate could be good for.
func checkNames(field string, names []string) error {
	for i, name := range names {
		domain := strings.TrimPrefix(name, "*.")
		if net.ParseIP(name) == nil && (strings.HasPrefix(domain, "[") || !isClientName(domain)) {
			return fmt.Errorf("mock: %s[%d] %q is neither a DNS name nor an IP address", field, i, name)
		}
	}
	return nil
}
