package mock_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"

	"github.com/seed-55a66e92/postern/mock"
)

// A client that signs a user in through a browser needs none in a test: Browse
// is the browser and the user.
func ExampleAuthority_Browse() {
	authority, err := mock.NewAuthority(mock.AuthorityOptions{Dialect: mock.GoogleOAuth})
	if err != nil {
		log.Fatal(err)
	}
	defer authority.Close()

	// The client listens on loopback and opens a browser.
	answers := make(chan url.Values, 1)
	client := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { answers <- r.URL.Query() }))
	defer client.Close()
	query := url.Values{
		"response_type": {"code"}, "client_id": {"app"}, "redirect_uri": {client.URL}, "state": {"xyz"},
		"scope": {"https://mail.google.com/"}, "access_type": {"offline"},
	}
	openURL := func(u string) error {
		return authority.Browse(context.Background(), u, mock.Consent{User: "you@example.test"})
	}
	if err := openURL("https://accounts.google.com/o/oauth2/auth?" + query.Encode()); err != nil {
		log.Fatal(err)
	}
	answer := <-answers
	fmt.Println(answer.Get("state"), answer.Get("scope"))

	fields, err := postForm(authority, "https://oauth2.googleapis.com/token", url.Values{
		"grant_type": {"authorization_code"}, "client_id": {"app"}, "redirect_uri": {client.URL}, "code": {answer.Get("code")},
	})
	fmt.Println(fields["refresh_token"] != nil, err)
	// Output:
	// xyz https://mail.google.com/
	// true <nil>
}

// A device shows a code, and the test enters it.
func ExampleAuthority_ApproveDevice() {
	authority, err := mock.NewAuthority(mock.AuthorityOptions{Dialect: mock.MicrosoftOAuth})
	if err != nil {
		log.Fatal(err)
	}
	defer authority.Close()

	const tenant = "https://login.microsoftonline.com/contoso/oauth2/v2.0/"
	prompt, err := postForm(authority, tenant+"devicecode", url.Values{"client_id": {"app"}, "scope": {"https://outlook.office.com/SMTP.Send"}})
	if err != nil {
		log.Fatal(err)
	}
	poll := url.Values{"grant_type": {"device_code"}, "client_id": {"app"}, "device_code": {fmt.Sprint(prompt["device_code"])}}
	for range 2 {
		fields, err := postForm(authority, tenant+"token", poll)
		fmt.Println(fields["error"], fields["access_token"] != nil, err)
		if err := authority.ApproveDevice(fmt.Sprint(prompt["user_code"]), mock.Consent{User: "you@example.test"}); err != nil {
			break // it has been entered
		}
	}
	// Output:
	// authorization_pending false <nil>
	// <nil> true <nil>
}

// What an administrator forbids is in tables.
func ExampleMicrosoftRefusals() {
	authority, err := mock.NewAuthority(mock.AuthorityOptions{Dialect: mock.MicrosoftOAuth, Network: mock.InMemory})
	if err != nil {
		log.Fatal(err)
	}
	defer authority.Close()
	if err := authority.Inject(mock.MicrosoftRefusals()[53003]); err != nil { // Conditional Access
		log.Fatal(err)
	}
	fields, err := postForm(authority, authority.TokenURL(), url.Values{
		"grant_type": {"refresh_token"}, "client_id": {"app"}, "refresh_token": {authority.Grant("you@example.test").Reveal()},
	})
	fmt.Println(fields["error"], fields["error_codes"], fields["suberror"], err)
	// Output:
	// invalid_grant [53003] message_only <nil>
}

// A machine of Google's has a metadata server, by plain HTTP.
func ExampleMachine() {
	authority, err := mock.NewAuthority(mock.AuthorityOptions{
		Machine: mock.Machine{ServiceAccount: "mailer@mock-project.iam.gserviceaccount.com"},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer authority.Close()

	// As GCE_METADATA_HOST leads Google's libraries there.
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet,
		"http://"+authority.MetadataHost()+"/computeMetadata/v1/instance/service-accounts/default/email", nil)
	if err != nil {
		log.Fatal(err)
	}
	r.Header.Set("Metadata-Flavor", "Google")
	resp, err := authority.HTTPClient().Do(r)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	email, err := io.ReadAll(resp.Body)
	fmt.Printf("%s %v\n", email, err)
	// Output:
	// mailer@mock-project.iam.gserviceaccount.com <nil>
}

// postForm posts a form to an authority and returns the fields of the answer.
func postForm(authority *mock.Authority, address string, form url.Values) (map[string]any, error) {
	resp, err := authority.HijackingClient().PostForm(address, form)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var fields map[string]any
	return fields, json.NewDecoder(resp.Body).Decode(&fields)
}
