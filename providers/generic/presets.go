package generic

import (
	"net/url"
	"strings"

	"github.com/seed-55a66e92/postern/providers/profile"
)

// Yahoo returns the authority of Yahoo Mail, for [RefreshToken]. Yahoo has to approve
// a client before it may ask for the scope of mail, and as far as is known it sends
// browsers back to https alone, so [Login] is of no use with it.
func Yahoo() Server {
	return Server{
		Name:     "yahoo",
		TokenURL: "https://api.login.yahoo.com/oauth2/get_token",
		AuthURL:  "https://api.login.yahoo.com/oauth2/request_auth",
		Scopes:   profile.Yahoo().Scopes,
	}
}

// AOL returns the authority of AOL Mail. What is said of [Yahoo] holds for it, too,
// but a client of Yahoo's is not good for it.
func AOL() Server {
	return Server{
		Name:     "aol",
		TokenURL: "https://api.login.aol.com/oauth2/get_token",
		AuthURL:  "https://api.login.aol.com/oauth2/request_auth",
		Scopes:   profile.AOL().Scopes,
	}
}

// Fastmail returns the authority of Fastmail. Clients are registered by Fastmail
// and are public: they have no secret. One endpoint takes codes and refresh
// tokens. A client on a user's machine is registered with a redirect URI that begins
// with http://localhost, so [Login] needs LoginOptions.Listen to be "localhost:0" or
// the registered port.
func Fastmail() Server {
	return Server{
		Name:     "fastmail",
		TokenURL: "https://api.fastmail.com/oauth/refresh",
		AuthURL:  "https://api.fastmail.com/oauth/authorize",
		Scopes:   profile.Fastmail().Scopes,
	}
}

// Yandex returns the authority of Yandex Mail. The scopes are those that the client
// was registered with, which must have mail:smtp among them.
func Yandex() Server {
	return Server{
		Name:      "yandex",
		TokenURL:  "https://oauth.yandex.com/token",
		AuthURL:   "https://oauth.yandex.com/authorize",
		DeviceURL: "https://oauth.yandex.com/device/code",
		Scopes:    profile.Yandex().Scopes,
	}
}

// Zoho returns the authority of one of Zoho's data centers, by its domain, such as
// "zoho.eu"; zero means zoho.com. Zoho documents tokens for IMAP and POP and none
// for SMTP, so there are no Scopes: set those that Zoho has given the client.
func Zoho(domain string) Server {
	if domain == "" {
		domain = "zoho.com"
	}
	return Server{
		Name:       "zoho",
		TokenURL:   "https://accounts." + domain + "/oauth/v2/token",
		AuthURL:    "https://accounts." + domain + "/oauth/v2/auth",
		ClientAuth: ClientSecretPost,
		AuthParams: map[string]string{"access_type": "offline", "prompt": "consent"}, // else there is no refresh token
	}
}

// Keycloak returns the authority of a realm of Keycloak, whose root is a URL such as
// https://id.example.com. [Discover] with Server.Issuer finds the same and more.
// Keycloak can be set to replace refresh tokens: give Options.Cache a Store. What
// scopes a mail server wants is up to its configuration; the one here gets a
// refresh token that outlives the user's session.
func Keycloak(root, realm string) Server {
	issuer := strings.TrimSuffix(root, "/") + "/realms/" + url.PathEscape(realm)
	endpoint := issuer + "/protocol/openid-connect/"
	return Server{
		Name: "keycloak", Issuer: issuer,
		TokenURL: endpoint + "token", AuthURL: endpoint + "auth", DeviceURL: endpoint + "auth/device",
		Scopes: []string{"openid", "offline_access"},
	}
}
