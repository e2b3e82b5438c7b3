package sasl_test

import (
	"errors"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"io/fs"
	"net/http"
	"net/http/httptest"
	netsmtp "net/smtp"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/seed-55a66e92/postern/sasl"
)

// attacks are the known attacks on a sign-in, and the tests that run them. A test
// is named by its directory and its name.
var attacks = []struct {
	attack string
	tests  string
}{
	{"1 mechanisms stripped before TLS", "smtp.TestPreTLSListDiscarded"},
	{"2 -PLUS stripped by who intercepts TLS", "sasl.TestYFlag sasl.TestYFlagInSpiteOfAnInventedName sasl.TestRequirements"},
	{"3 nothing offered but passwords in clear", "sasl.TestOnlyPlaintextOffered"},
	{"4 STARTTLS stripped, or commands injected behind it", "smtp.TestStrippedSTARTTLS smtp.TestInjectionBehindSTARTTLS"},
	{"5 loopback exemption abused", "smtp.TestLoopbackExemption"},
	{"6 unverified TLS taken for TLS", "smtp.TestUnverifiedTLSKeepsSecrets sasl.TestNegotiation"},
	{"7 success without proof", "sasl.TestEarly235 smtp.TestEarly235 interop.TestHostsRefuseSuccessWithoutProof"},
	{"8 fall back to a weaker mechanism", "sasl.TestNoWeakerMechanism sasl.TestFailedExchangeIsFinal sasl.TestNoMechanismAfterFailure sasl.TestMechanismRefused sasl.TestUnsupportedBinding"},
	{"9 iterations, salt and nonce of the server's choice", "sasl.TestHostileIterations sasl.TestSCRAMClientRefuses sasl.TestDerivationEndsWithItsContext sasl.TestKeysAreDerivedOnce"},
	{"10 endless and huge challenges", "sasl.TestOutsizeChallenges sasl.TestHostileServer smtp.TestChallengeLimits"},
	{"11 parser that panics or hangs", "sasl.TestServerMutations sasl.TestServerMutants sasl.TestShortMessages sasl.FuzzSCRAMServerFirst sasl.FuzzExchange"},
	{"12 injection", "sasl.TestInjection sasl.TestClientChecksItsFields sasl.TestRegistryPanics"},
	{"13 secrets in logs and errors", "sasl.TestNoSecretIsShown sasl.TestNoSecretInAnyValue sasl.TestEscapedTokenIsHidden smtp.TestSecretsStayHidden mock.TestRedaction"},
	{"14 secret to the wrong host", "sasl.TestWrongHost"},
	{"15 retry storm and lockout", "sasl.TestPasswordIsNeverRetried sasl.TestPasswordIsShownOnce sasl.TestPasswordCoolsDown sasl.TestPasswordCoolsDownThroughBegin sasl.TestTokenIsReplacedOnce sasl.TestCoolDown sasl.TestCoolDownIsShared smtp.TestRedialIsTheOnlyOne interop.TestHostsCoolDown"},
	{"16 stampede of renewals", "sasl.TestHundredConnections sasl.TestFiftyConnections sasl.TestLateRefusal smtp.TestFiftyConnectionsAndOneDyingToken"},
	{"17 TLS that ends before the server", "sasl.TestBindingMismatch"},
	{"18 user enumeration", "sasl.TestUnknownUserLooksAlike sasl.TestUnknownUserCostsTheSame sasl.TestServerTellsNothingOfUsers mock.TestNobodyIsEnumerated"},
	{"19 unbound authorization identity", "sasl.TestMayActAs"},
	{"20 success after the cancellation, garbage after success", "sasl.TestHostileServer smtp.TestLate235 smtp.TestGarbageAfter235"},
	{"21 confusion of mechanism names", "sasl.TestNameConfusion sasl.TestOffers sasl.TestRegistryPanics"},
	{"22 URL of the server followed", "sasl.TestOpenIDConfigurationIsNotFetched"},
}

// Each attack has a test, and each test that is named is there.
func TestAttacks(t *testing.T) {
	tests := map[string]map[string]bool{} // by directory
	for i, a := range attacks {
		if number, _, _ := strings.Cut(a.attack, " "); number != strconv.Itoa(i+1) || a.tests == "" {
			t.Errorf("attack %d: %q, %q", i+1, a.attack, a.tests)
		}
		for test := range strings.FieldsSeq(a.tests) {
			dir, name, _ := strings.Cut(test, ".")
			if tests[dir] == nil {
				tests[dir] = testsIn(t, filepath.Join("..", dir))
			}
			if !tests[dir][name] && len(tests[dir]) > 0 {
				t.Errorf("attack %s: there is no test %s", a.attack, test)
			}
		}
	}
	if len(attacks) != 22 || len(tests["sasl"]) == 0 {
		t.Errorf("%d attacks, %d tests", len(attacks), len(tests["sasl"]))
	}
}

// testsIn returns the tests and fuzz targets of a directory: none if it is not
// there, as where this module was downloaded by itself.
func testsIn(t *testing.T, dir string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(gotoken.NewFileSet(), filepath.Join(dir, entry.Name()), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil {
				names[f.Name.Name] = true
			}
		}
	}
	return names
}

// A server that offers nothing but PLAIN and LOGIN gets no password unless TLS
// is verified, and not even then from who has pinned something better.
func TestOnlyPlaintextOffered(t *testing.T) {
	_, secret := never(t)
	for name, c := range map[string]struct {
		conn   *sasl.Conn
		policy sasl.Policy
	}{
		"in clear":       {plaintext("PLAIN", "LOGIN"), sasl.Policy{}},
		"unverified TLS": {unverified("PLAIN", "LOGIN"), sasl.Policy{}},
		"pinned":         {secure("PLAIN", "LOGIN"), sasl.Policy{Order: []string{"SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"}}},
		"RequireMutual":  {secure("PLAIN", "LOGIN"), sasl.Policy{RequireMutual: true}},
		"RequireBinding": {secure("PLAIN", "LOGIN"), sasl.Policy{RequireBinding: true}},
		"CRAM-MD5 too":   {plaintext("PLAIN", "LOGIN", "CRAM-MD5"), sasl.Policy{}},
		"nothing at all": {secure(), sasl.Policy{}},
	} {
		a := &sasl.Authenticator{Credentials: sasl.Credentials{Username: user, Password: secret}, Policy: c.policy}
		server := play()
		_, err := a.Authenticate(t.Context(), c.conn, server)
		if none := new(sasl.NoMechanismError); !errors.As(err, &none) {
			t.Errorf("%s: %v, want a NoMechanismError", name, err)
		}
		server.wantSent(t)
	}
}

// Credentials for one host are not shown to another, whatever it offers and
// whoever runs the exchange.
func TestWrongHost(t *testing.T) {
	generator, secret := never(t)
	for _, c := range []sasl.Credentials{
		{Username: user, Password: secret, Hosts: []string{"smtp.example.org", "mail.example.com"}},
		{Username: user, Token: generator, Hosts: []string{"example.com"}},
		{External: true, Hosts: []string{"smtp.example.com.example.org"}},
	} {
		a := &sasl.Authenticator{Credentials: c}
		conn := certified(sasl.Default().Names()...)
		server := play()
		_, err := a.Authenticate(t.Context(), conn, server)
		wantErrors(t, err, sasl.ErrWrongHost)
		server.wantSent(t)
		_, err = a.Begin(t.Context(), conn)
		wantErrors(t, err, sasl.ErrWrongHost)
		if !strings.Contains(err.Error(), `Credentials.Hosts does not name "smtp.example.com"`) {
			t.Errorf("error %v", err)
		}
		auth := sasl.NetSMTP(t.Context(), a, conn)
		_, _, err = auth.Start(&netsmtp.ServerInfo{Name: conn.Host, TLS: true})
		wantErrors(t, err, sasl.ErrWrongHost)
	}
}

// A host is the same with a dot at its end and in capitals, and another one with
// letters that only look alike.
func TestSameHost(t *testing.T) {
	for host, same := range map[string]bool{
		"smtp.example.com.": true, "SMTP.Example.COM": true, "smtp.example.com..": false,
		"\u017fmtp.example.com": false, "smtp.example.com.example.org": false, ".smtp.example.com": false,
	} {
		a := sasl.Password(user, password)
		a.Credentials.Hosts = []string{host}
		_, err := a.Begin(t.Context(), secure("PLAIN"))
		if (err == nil) != same || !same && !errors.Is(err, sasl.ErrWrongHost) {
			t.Errorf("%q: %v", host, err)
		}
	}
	if conn := secure("\u017fCRAM-SHA-256"); conn.Offers("SCRAM-SHA-256") {
		t.Error("letters outside ASCII are taken for those within")
	}
	if _, ok := sasl.Default().Lookup("\u017fCRAM-SHA-256"); ok {
		t.Error("the registry takes letters outside ASCII for those within")
	}
}

// A longer name, a shorter one or one with -PLUS is another mechanism.
func TestNameConfusion(t *testing.T) {
	generator, secret := never(t)
	offered := []string{
		"PLAIN-CLIENTTOKEN", "PLAINX", "LOGIN2", "XOAUTH", "XOAUTH2-PLUS", "OAUTHBEARER10", "XLOGIN", "EXTERNALS",
		"SCRAM-SHA-256-PLUS-", "SCRAM-SHA-25", "SCRAM-SHA-1-PLUS-1", "SCRAM", "CRAM-MD", "PLAIN,LOGIN", "=PLAIN", " LOGIN", "",
	}
	for _, c := range []sasl.Credentials{
		{Username: user, Password: secret}, {Username: user, Token: generator}, {External: true},
	} {
		server := play()
		_, err := (&sasl.Authenticator{Credentials: c}).Authenticate(t.Context(), certified(offered...), server)
		if none := new(sasl.NoMechanismError); !errors.As(err, &none) {
			t.Errorf("%v: %v, want a NoMechanismError", c, err)
		}
		server.wantSent(t)
	}
	for offer, want := range map[string]string{"SCRAM-SHA-256": "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS": "SCRAM-SHA-256-PLUS"} {
		if got := begin(t, scramUser(boundTo(exporterAlone), sasl.SCRAMOptions{}), secure(offer)).Mechanism(); got != want {
			t.Errorf("%s is offered, %s is run", offer, got)
		}
	}
}

// What a server says of its authorization server is data.
func TestOpenIDConfigurationIsNotFetched(t *testing.T) {
	var requests atomic.Int64
	trap := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
	defer trap.Close()
	for _, mechanism := range []string{"XOAUTH2", "OAUTHBEARER"} {
		server := play(challenge(`{"status":"invalid_token","openid-configuration":"`+trap.URL+`"}`), finalCode(535))
		_, err := sasl.OAuth(user, sasl.StaticToken("t")).Authenticate(t.Context(), secure(mechanism), server)
		var refused *sasl.OAuthError
		if !errors.As(err, &refused) || refused.OpenIDConfiguration != trap.URL {
			t.Errorf("%s: %v, want an OAuthError that holds the URL", mechanism, err)
		}
		if strings.Contains(err.Error(), trap.URL) {
			t.Errorf("%s: the error invites to follow the URL: %v", mechanism, err)
		}
	}
	if n := requests.Load(); n > 0 {
		t.Errorf("%d requests", n)
	}
	for name := range importsIn(t, ".") {
		if name == "net/http" || name == "net/rpc" || name == "os/exec" {
			t.Errorf("the package imports %s", name)
		}
	}
}

// importsIn returns what the files of a package import, but for its tests.
func importsIn(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatal(err, files)
	}
	imports := map[string]bool{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(gotoken.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			imports[path] = true
		}
	}
	return imports
}
