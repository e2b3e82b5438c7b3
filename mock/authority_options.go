package mock

import "time"

// AuthorityOptions says how an [Authority] behaves. The zero value is an
// authority on 127.0.0.1 that lets any client do what it knows the secrets for.
type AuthorityOptions struct {
	// Dialect is whose manners it has. Zero means [GenericOAuth]: nobody's.
	Dialect Dialect

	// Network is where it listens. Zero means [Loopback].
	Network Network

	// Listen is the address and port of an authority on [Loopback], as of a server
	// in Options. Zero means 127.0.0.1 and a port that is free.
	Listen string

	// Clients maps client identifiers to secrets; one with an empty secret is
	// public. Nil means that every client is welcome, with any secret. A client
	// sends them as parameters, or by Basic and then form-encoded, as RFC 6749,
	// Section 2.3.1 has it and golang.org/x/oauth2 does: what comes by Basic is
	// always decoded, and a secret with a "+" or a "%" that was not encoded is
	// refused.
	Clients map[string]string

	// Tenant is the one tenant of the Microsoft routes, besides "common",
	// "organizations" and "consumers". Zero means "contoso".
	Tenant string

	// Users maps the users that there are to their passwords. Nil means that every
	// user is known, by any password.
	Users map[string]string

	// Federated maps clients to the subjects elsewhere whose tokens they may show in
	// place of a secret, at Microsoft's route: of FederatedToken, or client IDs of
	// managed identities. Nil means that each client trusts every subject.
	Federated map[string][]string

	// Redirects are redirect URIs that clients have registered, each exactly as it
	// is written. Loopback needs no entry, whatever the port (RFC 8252, Section
	// 7.3): http://127.0.0.1 and http://[::1] with any path, http://localhost too,
	// and with MicrosoftOAuth that alone. Zero means that there are no others.
	Redirects []string

	// ServiceAccounts are Google's. Nil means all with an address in
	// .gserviceaccount.com, each of which may do everything that it asks for.
	ServiceAccounts []ServiceAccount

	// Machine is what the metadata servers of clouds know. Zero means a machine
	// without any identity.
	Machine Machine

	// DeviceInterval is how long a device has to wait between two questions whether
	// its user has decided. Zero means 5 seconds.
	DeviceInterval time.Duration

	// Scope is what a token needs for SMTP and what grants have by default. Zero
	// means what Dialect asks for.
	Scope string

	// TTL is how long access tokens live. Zero means one hour.
	TTL time.Duration

	// TokenLength is the length of access tokens, in octets. Zero means 60, or
	// with MicrosoftOAuth the length of a JWT with its claims. That is too long for
	// an initial response on a line of 512 octets (RFC 5321, Section 4.5.3.1.4), so
	// a client that sends one nevertheless, as net/smtp does, is told 500 5.5.6;
	// with 200 it gets by.
	TokenLength int

	// RotateRefresh makes refresh tokens good for one use, which brings the next.
	// If one is used twice, the whole family ends: the refresh token that is good,
	// and all access tokens of that consent (RFC 9700, Section 4.14.2). Zero means
	// that refresh tokens stay.
	RotateRefresh bool

	// RotateEvery is how many uses a refresh token is good for with RotateRefresh.
	// Zero means one.
	RotateEvery int

	// Faults are what goes wrong with requests. Zero means nothing; more can be
	// added by Inject.
	Faults []AuthorityFault

	// Names are further names that its certificate is good for, as of a server in
	// Options. Zero means none.
	Names []string
}
