package smtp

import "context"

// With returns hooks that call those of h and then those of other. Spans of h are
// around those of other. Either may be nil.
func (h *Hooks) With(other *Hooks) *Hooks {
	switch {
	case h == nil:
		return other
	case other == nil:
		return h
	}
	return &Hooks{
		Queue:     both(h.Queue, other.Queue),
		Connect:   nest(h.Connect, other.Connect),
		Lookup:    both(h.Lookup, other.Lookup),
		Dial:      both(h.Dial, other.Dial),
		Handshake: both(h.Handshake, other.Handshake),
		Auth:      nest(h.Auth, other.Auth),
		Token:     nest(h.Token, other.Token),
		Message:   nest(h.Message, other.Message),
		Command:   both(h.Command, other.Command),
		Progress:  both(h.Progress, other.Progress),
		State:     both(h.State, other.State),
	}
}

// both returns a hook that calls a and b.
func both[T any](a, b func(context.Context, T)) func(context.Context, T) {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return func(ctx context.Context, event T) {
		a(ctx, event)
		b(ctx, event)
	}
}

// A span is a hook that spans something.
type span[B, E any] = func(context.Context, B) (context.Context, func(E, error))

// nest returns a hook whose span is that of inner within that of outer.
func nest[B, E any](outer, inner span[B, E]) span[B, E] {
	switch {
	case outer == nil:
		return inner
	case inner == nil:
		return outer
	}
	return func(ctx context.Context, begin B) (context.Context, func(E, error)) {
		ctx, endOuter := enter(ctx, outer, begin)
		ctx, endInner := enter(ctx, inner, begin)
		return ctx, func(end E, err error) {
			endInner(end, err)
			endOuter(end, err)
		}
	}
}

// enter calls a hook, which may be nil. What it returns is not.
func enter[B, E any](ctx context.Context, hook span[B, E], begin B) (context.Context, func(E, error)) {
	if hook == nil {
		return ctx, func(E, error) {}
	}
	within, end := hook(ctx, begin)
	if within == nil {
		within = ctx
	}
	if end == nil {
		end = func(E, error) {}
	}
	return within, end
}
