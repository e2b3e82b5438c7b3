// Package loopback receives what a browser brings back from a sign-in: the
// redirect of the authorization code grant to an address of this machine (RFC
// 8252, Section 7.3).
//
//	r, err := loopback.Listen(ctx, "")
//	if err != nil { ... }
//	defer r.Close()
//	page := ... the authorization URL, with r.URL() as redirect_uri and r.State() as state ...
//	fmt.Println("If no browser opens, go to", page)
//	go loopback.OpenBrowser(ctx, page) // it may return no sooner than the browser
//	answer, err := r.Wait(ctx)
//	if err != nil { ... }
//	code := answer.Get("code") // or answer.Get("error")
//
// Programs take the sign-in of a provider's package, such as that of
// providers/google. This package is for those who write one.
//
// Anybody on this machine can connect to the port. Only a request that brings the
// state counts, once; all others are turned away and change nothing. Bind the code
// to its request by PKCE (RFC 7636) all the same: a program of another user may
// come to see the address that the browser was sent to.
package loopback
