package profile_test

import (
	"fmt"

	"github.com/seed-55a66e92/postern/providers/profile"
)

func ExampleProfile_Advise() {
	p := profile.Microsoft365()
	fmt.Println(p.Advise(432, "4.3.2", "Concurrent connections limit exceeded"))
	// Output:
	// More than three messages were being submitted for this mailbox at the same time: use at most three connections and 30 messages a minute.
}

// A provider that was chosen by name, on a network that blocks port 465.
func ExampleLookup() {
	p, ok := profile.Lookup("yandex")
	if !ok {
		fmt.Println("unknown provider")
		return
	}
	p.Addr = p.OtherAddrs[0]
	fmt.Println(p.Addr)
	fmt.Println("token for", p.Scopes, "and at most", p.Limits.Recipients, "recipients a message")
	// Output:
	// smtp://smtp.yandex.com:587
	// token for [mail:smtp] and at most 35 recipients a message
}
