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
