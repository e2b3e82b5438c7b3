package smtp_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/seed-55a66e92/postern/sasl"
	"github.com/seed-55a66e92/postern/smtp"
)

// Traces: hooks that make spans. The tracer here has the shape of OpenTelemetry's;
// with that module, Start is Start of its Tracer, Event is AddEvent, and a child
// with times of its own is Start with WithTimestamp and End with WithTimestamp.
func ExampleHooks() {
	server, network := mockOf("mail.example.com", "you@example.com", "token")
	defer server.Close()

	var tracer exampleTracer
	_, err := smtp.Send(context.Background(), network(smtp.Config{
		Addr:  "smtps://mail.example.com",
		Auth:  sasl.OAuth("you@example.com", sasl.StaticToken("token")),
		Hooks: tracing(&tracer),
	}), smtp.Envelope{From: "you@example.com", To: []string{"friend@example.com"}},
		smtp.Bytes([]byte("Subject: hi\r\n\r\n")))

	fmt.Println(err)
	fmt.Print(tracer.String())
	// Output:
	// <nil>
	// smtp.connect server.address=mail.example.com:465
	//   TLS
	//   greeting reply=220
	//   EHLO reply=250
	//   smtp.auth
	//     smtp.token renewal=false
	//     AUTH reply=235
	//   end mechanism=XOAUTH2
	// smtp.message recipients=1
	//   MAIL reply=250
	//   RCPT reply=250
	//   DATA reply=354
	//   . reply=250
	// QUIT reply=0
}

// tracing returns hooks that make spans of t. Spans that enclose others are in the
// context; those of commands are made when they are over, with their own times.
func tracing(t *exampleTracer) *smtp.Hooks {
	return &smtp.Hooks{
		Connect: func(ctx context.Context, c smtp.Connection) (context.Context, func(smtp.Connection, error)) {
			ctx, span := t.Start(ctx, "smtp.connect", time.Now(), "server.address", c.Server)
			return ctx, func(_ smtp.Connection, err error) { span.End(time.Now(), err) }
		},
		Auth: func(ctx context.Context, _ smtp.SignIn) (context.Context, func(smtp.SignIn, error)) {
			ctx, span := t.Start(ctx, "smtp.auth", time.Now())
			return ctx, func(s smtp.SignIn, err error) { span.End(time.Now(), err, "mechanism", s.Mechanism) }
		},
		Token: func(ctx context.Context, f smtp.TokenFetch) (context.Context, func(smtp.TokenFetch, error)) {
			// What the generator asks the authorization server is traced below this.
			ctx, span := t.Start(ctx, "smtp.token", time.Now(), "renewal", f.Renewal)
			return ctx, func(_ smtp.TokenFetch, err error) { span.End(time.Now(), err) }
		},
		Message: func(ctx context.Context, d smtp.Delivery) (context.Context, func(*smtp.Result, error)) {
			ctx, span := t.Start(ctx, "smtp.message", time.Now(), "recipients", len(d.To))
			return ctx, func(_ *smtp.Result, err error) { span.End(time.Now(), err) }
		},
		Handshake: func(ctx context.Context, h smtp.Handshake) {
			_, span := t.Start(ctx, "TLS", h.Start)
			span.End(h.Start.Add(h.Duration), h.Err)
		},
		Command: func(ctx context.Context, c smtp.Command) {
			name := c.Verb // not the line, which names people
			if name == "" {
				name = "greeting"
			}
			_, span := t.Start(ctx, name, c.Start, "reply", c.Reply.Code)
			span.End(c.Start.Add(c.Duration), c.Err)
		},
		Queue: func(ctx context.Context, q smtp.Queued) { // with a Pool
			_, span := t.Start(ctx, "smtp.queue", q.Start)
			span.End(q.Start.Add(q.Duration), q.Err)
		},
	}
}

// An exampleTracer writes spans down, each below the one it is in.
type exampleTracer struct{ strings.Builder }

type exampleSpan struct {
	tracer *exampleTracer
	depth  int
}

func (t *exampleTracer) Start(ctx context.Context, name string, _ time.Time, attrs ...any) (context.Context, exampleSpan) {
	outer, ok := ctx.Value(exampleSpan{}).(exampleSpan)
	span := exampleSpan{tracer: t}
	if ok {
		span.depth = outer.depth + 1
	}
	span.write(name, attrs)
	return context.WithValue(ctx, exampleSpan{}, span), span
}

// End would also note the time. An error is for its class: see [smtp.Classify].
func (s exampleSpan) End(_ time.Time, err error, attrs ...any) {
	if err != nil {
		attrs = append(attrs, "error.type", smtp.Classify(err))
	}
	if len(attrs) > 0 {
		s.write("end", attrs)
	}
}

func (s exampleSpan) write(name string, attrs []any) {
	s.tracer.WriteString(strings.Repeat("  ", s.depth) + name)
	for i := 0; i+1 < len(attrs); i += 2 {
		fmt.Fprintf(s.tracer, " %v=%v", attrs[i], attrs[i+1])
	}
	s.tracer.WriteByte('\n')
}

// Show how far a large message has come.
func ExampleHooks_progress() {
	server, network := mockOf("mail.example.com", "", "")
	defer server.Close()

	large := smtp.Bytes([]byte("Subject: photos\r\n\r\n" + strings.Repeat("0123456789\r\n", 4000)))
	_, err := smtp.Send(context.Background(), network(smtp.Config{
		Addr: "smtps://mail.example.com",
		Hooks: &smtp.Hooks{Progress: func(_ context.Context, p smtp.Progress) {
			fmt.Printf("%3d%%\n", 100*p.Sent/p.Total)
		}},
	}), smtp.Envelope{From: "you@example.com", To: []string{"friend@example.com"}}, large)
	fmt.Println(err)
	// Output:
	//  34%
	//  68%
	// 100%
	// <nil>
}

// Find out what is wrong with a server, an account or a token, before anybody
// needs them.
func ExampleVerify() {
	server, network := mockOf("mail.example.com", "you@example.com", "token")
	defer server.Close()

	report, err := smtp.Verify(context.Background(), network(smtp.Config{
		Addr: "smtps://mail.example.com",
		Auth: sasl.OAuth("you@example.com", sasl.StaticToken("an-old-token")),
	}), smtp.VerifyOptions{From: "you@example.com", To: []string{"friend@example.com"}})

	for _, step := range report.Steps {
		fmt.Printf("%-10s %s\n", step.Name, step.Outcome)
	}
	fmt.Println(smtp.Classify(err), "at", report.Failed().Name)
	fmt.Println(report.Failed().Advice)
	// Output:
	// config     ok
	// dns        skipped
	// tcp        ok
	// tls        ok
	// greeting   ok
	// ehlo       ok
	// mechanisms ok
	// token      ok
	// auth       failed
	// mail       skipped
	// rcpt       skipped
	// rset       skipped
	// auth at auth
	// The server refuses the credentials: check the user name and the token or password that go with it.
}
