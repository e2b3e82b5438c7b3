package microsoft

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/seed-55a66e92/postern/providers"
	"github.com/seed-55a66e92/postern/sasl"
)

// A mark is what the record of an application has in place of a user's grant: whose
// token it holds. A Cache leaves a record alone whose mark is not its own.
type mark struct {
	Application string `json:"application"`
}

// mark returns the mark of an application.
func (s *settings) mark() sasl.Secret {
	return newMark("application %s in tenant %s at %s, for %s", s.ClientID, s.Tenant, s.host(), s.Scope)
}

// mark returns the mark of a managed identity, of whichever machine.
func (id Identity) mark(scope string) sasl.Secret {
	return newMark("managed identity %s, for %s", cmp.Or(id.ClientID, id.ObjectID, id.ResourceID, "of the system"), scope)
}

func newMark(format string, names ...any) sasl.Secret {
	text, err := json.Marshal(mark{strings.ToLower(fmt.Sprintf(format, names...))})
	if err != nil { // a string always marshals
		return sasl.Secret{}
	}
	return sasl.NewSecret(string(text))
}

// markedBy returns the application that a record is of, empty if of none.
func markedBy(kept sasl.Secret) string {
	var m mark
	if json.Unmarshal([]byte(kept.Reveal()), &m) != nil { // a refresh token, say
		return ""
	}
	return providers.Scrub(m.Application)
}
