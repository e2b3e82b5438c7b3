package conformance

import "context"

// eachTLSMode runs the control and then judge, with STARTTLS and with implicit TLS,
// as far as the client can.
func (b *ClientBench) eachTLSMode(ctx context.Context, judge func(Scene) Verdict) Verdict {
	lacking, tested := Verdict{}, false
	for _, mode := range []TLSMode{STARTTLSRequired, ImplicitTLS} {
		scene, v, ok := b.SignIn(ctx, Scene{TLS: mode})
		switch {
		case v.Outcome == Skip:
			lacking = v
			continue
		case !ok:
			return v
		}
		if v := judge(scene); v.Outcome != Pass {
			return v
		}
		tested = true
	}
	if !tested {
		return lacking
	}
	return pass()
}

// eachCredential runs the control of a scene and then judge, with a password and
// with a token, as far as the client can.
func (b *ClientBench) eachCredential(ctx context.Context, s Scene, judge func(Scene) Verdict) Verdict {
	lacking, tested := Verdict{}, false
	for _, isToken := range []bool{false, true} {
		s.Password, s.Token = b.Secret(secretLen), ""
		if isToken {
			s.Password, s.Token = "", b.Secret(secretLen)
		}
		v, ok := b.Control(ctx, s)
		switch {
		case v.Outcome == Skip:
			lacking = v
			continue
		case !ok:
			return v
		}
		if v := judge(s); v.Outcome != Pass {
			return v
		}
		tested = true
	}
	if !tested {
		return lacking
	}
	return pass()
}
