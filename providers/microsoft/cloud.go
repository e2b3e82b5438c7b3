package microsoft

import (
	"fmt"

	"github.com/seed-55a66e92/postern/providers/profile"
)

// A Cloud is one of the worlds that Microsoft keeps apart: each has login servers,
// scopes and mail servers of its own.
type Cloud uint8

// The clouds.
const (
	Worldwide Cloud = iota // GCC and personal accounts included
	GCCHigh                // the U.S. government
	DoD                    // the U.S. Department of Defense
	China                  // operated by 21Vianet
)

func (c Cloud) String() string {
	switch c {
	case Worldwide:
		return "worldwide"
	case GCCHigh:
		return "GCC High"
	case DoD:
		return "DoD"
	case China:
		return "China"
	}
	return fmt.Sprintf("Cloud(%d)", uint8(c))
}

// Profile returns what is known of the mail server of a cloud, for smtp.Config. It
// is nil for a Cloud that there is not. Personal accounts have another:
// [profile.Outlook].
func (c Cloud) Profile() *profile.Profile {
	switch c {
	case Worldwide:
		return profile.Microsoft365()
	case GCCHigh:
		return profile.Microsoft365GCCHigh()
	case DoD:
		return profile.Microsoft365DoD()
	case China:
		return profile.Microsoft365China()
	}
	return nil
}

// authority returns the login server of a cloud.
func (c Cloud) authority() string {
	switch c {
	case GCCHigh, DoD:
		return "https://login.microsoftonline.us"
	case China:
		return "https://login.partner.microsoftonline.cn"
	}
	return defaultAuthority
}

// exchangeResource returns what a token is for that an application shows in place
// of a secret.
func (c Cloud) exchangeResource() string {
	const worldwide = "api://AzureADTokenExchange"
	switch c {
	case GCCHigh, DoD:
		return worldwide + "USGov"
	case China:
		return worldwide + "China"
	}
	return worldwide
}
