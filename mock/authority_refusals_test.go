package mock_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
)

// Each refusal of the tables is one as its route has it.
func TestRefusals(t *testing.T) {
	a := mock.StartAuthority(t, mock.AuthorityOptions{Network: mock.InMemory})
	replay := func(name string, f mock.AuthorityFault, path string) map[string]any {
		f.Times = 1
		if err := a.Inject(f); err != nil {
			t.Fatal(err)
		}
		resp, fields := post(t, a.HTTPClient(), a.URL()+path, refreshForm(a.Grant("you@example.test")))
		if resp.StatusCode != f.Status || fields["error"] != f.Error || (resp.Header.Get("Retry-After") != "") != (f.RetryAfter > 0) {
			t.Errorf("%s: %s %v", name, resp.Status, fields)
		}
		for field, want := range f.Fields {
			if fields[field] != want {
				t.Errorf("%s: %s is %v", name, field, fields[field])
			}
		}
		return fields
	}
	for number, f := range mock.MicrosoftRefusals() {
		fields := replay(fmt.Sprint(number), f, "/contoso/oauth2/v2.0/token")
		description, _ := fields["error_description"].(string)
		if codes, _ := fields["error_codes"].([]any); len(codes) != 1 || codes[0] != float64(number) || !strings.HasPrefix(description, fmt.Sprintf("AADSTS%d: %s Trace ID: ", number, f.Description)) {
			t.Errorf("%d: %v", number, fields)
		}
	}
	for name, f := range mock.GoogleRefusals() {
		if fields := replay(name, f, "/token"); fields["error_description"] != f.Description || f.Description == "" {
			t.Errorf("%s: %v", name, fields)
		}
	}
	if n, m := len(mock.MicrosoftRefusals()), len(mock.GoogleRefusals()); n != 43 || m != 17 {
		t.Errorf("%d and %d refusals", n, m)
	}
}
