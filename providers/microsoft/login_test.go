package microsoft_test

import (
	"context"

	"github.com/seed-55a66e92/postern/mock"
)

// browse is a browser in which the user decides so.
func browse(a *mock.Authority, c mock.Consent) func(context.Context, string) error {
	return func(ctx context.Context, url string) error { return a.Browse(ctx, url, c) }
}
