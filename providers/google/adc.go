package google

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"cloud.google.com/go/compute/metadata"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// DefaultOptions are what is seldom needed. The zero value is right for
// production.
type DefaultOptions struct {
	Options

	// ServiceAccount is who signs, for credentials that are not, or do not name,
	// the service account that the Workspace delegates to. Empty means the one that
	// the credentials name.
	ServiceAccount string
}

// Default returns a generator over the credentials that Google's own libraries
// would find (Application Default Credentials): the file that the variable
// GOOGLE_APPLICATION_CREDENTIALS names, else the one that gcloud has left in the
// home directory, else the service account of the machine. It makes no request
// yet; the error is for credentials that cannot sign in to a mailbox, and says
// what to do instead.
//
//   - A service account's key is a [Delegation], as of [ServiceAccountKey].
//   - The service account of the machine, credentials of another cloud, and those
//     that stand for a service account are a Delegation, as of [Keyless].
//   - A user's credentials are a generator as of [AuthorizedUserJSON], if they have
//     the scope https://mail.google.com/, which those of gcloud do not have by
//     themselves; with a ServiceAccount, they are the [Base] of a Delegation.
func Default(o DefaultOptions) (sasl.TokenGenerator, error) {
	file, err := defaultFile()
	if err != nil {
		return nil, err
	}
	if file == nil {
		return orNil(Keyless(o.ServiceAccount, attached(), KeylessOptions{Options: o.Options}))
	}
	f, err := parseCredentials(file)
	if err != nil {
		return nil, err
	}
	switch {
	case f.Type == typeKey && (o.ServiceAccount == "" || o.ServiceAccount == f.ClientEmail):
		return orNil(ServiceAccountKey(file, o.Options))
	case f.Type == typeUser && o.ServiceAccount == "":
		return mailUser(f, o.Options)
	case f.Type == typeImpersonated && o.ServiceAccount == "":
		// Whoever may create tokens of the account may sign as it.
		account, source, err := f.standIn(o.Options, 0)
		if err != nil {
			return nil, err
		}
		return orNil(Keyless(account, source, KeylessOptions{Options: o.Options, Delegates: f.Delegates}))
	}
	base, err := baseOf(file, o.Options, 0)
	if err != nil {
		return nil, err
	}
	return orNil(Keyless(o.ServiceAccount, base, KeylessOptions{Options: o.Options}))
}

// orNil keeps a nil pointer from becoming a generator that is not nil.
func orNil[G sasl.TokenGenerator](g G, err error) (sasl.TokenGenerator, error) {
	if err != nil {
		return nil, err
	}
	return g, nil
}

// DefaultBase returns a [Base] over the credentials that [Default] finds, for
// programs that say themselves who signs.
func DefaultBase(o Options) (Base, error) {
	file, err := defaultFile()
	if err != nil {
		return nil, err
	}
	if file == nil {
		return attached(), nil
	}
	return baseOf(file, o, 0)
}

// maxStandIns bounds how often credentials may stand for others.
const maxStandIns = 4

// baseOf returns the Base of credentials, which may stand for a service account.
func baseOf(file []byte, o Options, depth int) (Base, error) {
	f, err := parseCredentials(file)
	if err != nil {
		return nil, err
	}
	switch f.Type {
	case typeUser:
		return userBase(f, o)
	case typeKey:
		return keyBase(f, o)
	case typeExternal:
		return ExternalAccountBase(file, o)
	case typeImpersonated:
		account, source, err := f.standIn(o, depth)
		if err != nil {
			return nil, err
		}
		return ImpersonatedBase(account, source, o, f.Delegates...)
	}
	return nil, f.refuse(typeKey)
}

// standIn returns which service account credentials stand for, and with what.
func (f *credentialsFile) standIn(o Options, depth int) (account string, source Base, err error) {
	account, err = f.impersonated()
	switch {
	case err != nil:
		return "", nil, err
	case account == "" || f.Source == nil || depth >= maxStandIns:
		return "", nil, misconfigured("credentials of type " + typeImpersonated + " name a service account and hold source_credentials; these do not")
	}
	source, err = baseOf(f.Source, o, depth+1)
	return account, source, err
}

// mailUser is a user whose credentials may have a scope for mail.
func mailUser(f *credentialsFile, o Options) (sasl.TokenGenerator, error) {
	if err := f.useTokenURI(&o); err != nil {
		return nil, err
	}
	return orNil(newRefreshToken(f.client(), sasl.NewSecret(f.RefreshToken), mailScope, o))
}

// defaultFile returns the contents of the file of default credentials, nil if
// there is none.
func defaultFile() ([]byte, error) {
	path := os.Getenv("GOOGLE_APPLICATION_CREDENTIALS")
	wanted := path != ""
	if !wanted {
		path = gcloudFile()
	}
	if path == "" {
		return nil, nil
	}
	file, err := readCredentials(path)
	switch {
	case err == nil:
		return file, nil
	case !wanted && errors.Is(err, fs.ErrNotExist):
		return nil, nil
	}
	e := &providers.Error{Kind: providers.Misconfigured, Provider: provider, Description: "the default credentials cannot be read", Err: err}
	if wanted {
		e.Hint = "see what GOOGLE_APPLICATION_CREDENTIALS names"
	}
	return nil, e
}

// readCredentials reads a file, unless it is larger than any credentials are.
func readCredentials(path string) ([]byte, error) {
	const most = 1 << 20
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	file, err := io.ReadAll(io.LimitReader(f, most+1))
	if len(file) > most {
		return nil, errors.New("the file is larger than 1 MiB")
	}
	return file, err
}

// gcloudFile returns where gcloud leaves default credentials, "" if this user has
// no such place.
func gcloudFile() string {
	const name = "application_default_credentials.json"
	if runtime.GOOS == "windows" {
		if dir := os.Getenv("APPDATA"); dir != "" {
			return filepath.Join(dir, "gcloud", name)
		}
		return ""
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".config", "gcloud", name)
}

// attached is the service account of the machine, for who has found no file.
func attached() Base {
	return newMetadataBase(MetadataOptions{}, func(ctx context.Context) error {
		if metadata.OnGCEWithContext(ctx) {
			return nil
		}
		return &providers.Error{
			Kind: providers.Misconfigured, Provider: provider,
			Description: "there are no default credentials: no file, and no machine of Google Cloud",
			Hint: "set GOOGLE_APPLICATION_CREDENTIALS to the key file of a service account, " +
				"or have the user sign in with Login, which is the way for gmail.com",
		}
	})
}
