package main

import (
	"context"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-55a66e92/postern/conformance"
	"github.com/seed-55a66e92/postern/sasl"
)

// accountFlags say who signs in to a server under test. Unlike those of "send", they
// take environment variables, which is how CI systems hand secrets over.
type accountFlags struct {
	user, userEnv             string
	passwordEnv, passwordFile string
	tokenEnv, tokenFile       string
	tokenCommand              string
	secondUser, secondUserEnv string
	tlsCA                     string
	unverified                bool

	// given reports whether a flag was given, maybe as "".
	given func(flag string) bool
}

func (o *accountFlags) flags() section {
	s := newSection("Sign-in (a user, and a password, a token or both)")
	s.flags.StringVar(&o.user, "user", "", "sign in as `NAME`")
	s.flags.StringVar(&o.userEnv, "user-env", "", "the name is in the environment variable `VAR`")
	s.flags.StringVar(&o.passwordEnv, "password-env", "", "the password is in the environment variable `VAR`")
	s.flags.StringVar(&o.passwordFile, "password-file", "", "the password is in `FILE`, which others must not be able to\nread (chmod 600)")
	s.flags.StringVar(&o.tokenEnv, "token-env", "", "the access token is in the environment variable `VAR`")
	s.flags.StringVar(&o.tokenFile, "token-file", "", "the access token is in `FILE`")
	s.flags.StringVar(&o.tokenCommand, "token-command", "", "the access token is the first line that `COMMAND` prints;\nno shell runs it")
	s.flags.StringVar(&o.secondUser, "second-user", "", "another account's `NAME`, for sign-ins that have to fail, so\nthat the first one is not locked")
	s.flags.StringVar(&o.secondUserEnv, "second-user-env", "", "that name is in the environment variable `VAR`")
	return s
}

func (o *accountFlags) tlsFlags() section {
	s := newSection("TLS")
	s.flags.StringVar(&o.tlsCA, "tls-ca", "", "trust the certificate authorities in this PEM `FILE`, too")
	s.flags.BoolVar(&o.unverified, "insecure-unverified-tls", false, "sign in although the certificate is not good: whoever has\nthe network can read the credentials")
	return s
}

// fill gives a target the account and what to trust. The scan learns all secrets.
func (o *accountFlags) fill(cmd *cobra.Command, a *app, t *conformance.ServerTarget, scan *conformance.SecretScan) error {
	ctx := cmd.Context()
	o.given = cmd.Flags().Changed
	for _, pair := range [][2]string{
		{"user", "user-env"},
		{"second-user", "second-user-env"},
		{"password-env", "password-file"},
		{"token-env", "token-file"},
		{"token-env", "token-command"},
		{"token-file", "token-command"},
	} {
		if o.given(pair[0]) && o.given(pair[1]) {
			return refuse(cmd, "--%s together with --%s: give one of them", pair[0], pair[1])
		}
	}
	var err error
	if t.RootCAs, err = rootCAs(ctx, o.tlsCA); err != nil {
		return recoded(err)
	}
	t.InsecureUnverifiedTLS = t.InsecureUnverifiedTLS || o.unverified
	if t.Account.User, err = o.named(cmd, "user", o.user, o.userEnv); err != nil {
		return err
	}
	if t.ThrowAway.User, err = o.named(cmd, "second-user", o.secondUser, o.secondUserEnv); err != nil {
		return err
	}
	password, err := o.password(ctx)
	if err != nil {
		return recoded(err)
	}
	token, err := o.token(ctx, a)
	if err != nil {
		return recoded(err)
	}
	t.Account.Password = scan.Watch(password)
	if token != nil {
		t.Account.Token = scan.Watch(token)
	}
	switch secret := password != nil || token != nil; {
	case secret && t.Account.User == nil:
		return refuse(cmd, "a password or a token without --user or --user-env")
	case !secret && t.Account.User != nil:
		return refuse(cmd, "--user without a password or a token: give --password-env, --password-file, --token-env, --token-file or --token-command")
	}
	return nil
}

// named returns the source of a name, nil if there is none.
func (o *accountFlags) named(cmd *cobra.Command, flag, value, variable string) (conformance.Source, error) {
	switch {
	case o.given(flag) && value == "":
		return nil, refuse(cmd, "--%s is empty", flag)
	case o.given(flag) && hasControl(value):
		return nil, refuse(cmd, "--%s holds a control character", flag)
	case o.given(flag):
		return conformance.Fixed(value), nil
	case o.given(flag + "-env"):
		return fromEnv(flag+"-env", variable)
	}
	return nil, nil
}

// fromEnv is conformance.FromEnv, but finds out now, and does not repeat a name that
// may be the secret.
func fromEnv(flag, variable string) (conformance.Source, error) {
	value, found := os.LookupEnv(variable)
	switch {
	case !found || value == "":
		return nil, failf(conformUsage, "--%s: there is no such environment variable, or it is empty (its name is not shown: it might be the secret)", flag)
	case strings.ContainsAny(value, "\r\n\x00"):
		return nil, failf(conformUsage, "--%s: the variable holds more than one line", flag)
	}
	return func(context.Context) (sasl.Secret, error) { return sasl.NewSecret(value), nil }, nil
}

func (o *accountFlags) password(ctx context.Context) (conformance.Source, error) {
	switch {
	case o.given("password-env"):
		return fromEnv("password-env", o.passwordEnv)
	case o.given("password-file"):
		value, err := readSecret(ctx, "--password-file", o.passwordFile)
		return conformance.Fixed(value), err
	}
	return nil, nil
}

func (o *accountFlags) token(ctx context.Context, a *app) (conformance.Source, error) {
	switch {
	case o.given("token-env"):
		return fromEnv("token-env", o.tokenEnv)
	case o.given("token-file"):
		value, err := readToken(ctx, "--token-file", o.tokenFile)
		return conformance.Fixed(value), err
	case o.given("token-command"):
		command, err := newCommandToken(ctx, o.tokenCommand, a.stderr)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context) (sasl.Secret, error) {
			token, err := command.Token(ctx, sasl.TokenRequest{})
			if err != nil {
				return sasl.Secret{}, failf(conformUsage, "%s", err)
			}
			return token.Value, nil
		}, nil
	}
	return nil, nil
}
