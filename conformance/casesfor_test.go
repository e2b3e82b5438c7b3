package conformance_test

import (
	"slices"

	"github.com/seed-55a66e92/postern/conformance"
)

// casesFor returns the cases of the catalogue whose ids begin with that letter.
func casesFor(letter string) []conformance.Case {
	return slices.DeleteFunc(conformance.Catalogue(), func(c conformance.Case) bool { return c.ID[:1] != letter })
}
