package mock

// The steps below are made of others, for what most scripts have in common.

// Hello says the greeting, wants EHLO, and answers it with these capabilities.
func Hello(capabilities ...string) Step {
	return Seq(greet(), HelloAgain(capabilities...))
}

// HelloAgain wants EHLO, as behind [UpgradeTLS], and answers it with these
// capabilities.
func HelloAgain(capabilities ...string) Step {
	answer := leaf("reply 250 to EHLO", func(p *player) error {
		p.said(250)
		r := reply{code: 250, lines: append([]string{p.srv.opts.Hostname}, capabilities...)}
		p.send(r.format(false))
		return nil
	})
	answer.acts = true
	return Seq(ExpectCommand("EHLO", "*"), answer)
}

func greet() Step {
	s := leaf("greeting", func(p *player) error {
		p.say("220 " + p.srv.opts.Hostname + " ESMTP")
		return nil
	})
	s.acts = true
	return s
}

// UpgradeTLS begins TLS, with the certificate that Options.Certificate says. In
// clear, the client must not have said any more.
func UpgradeTLS() Step {
	s := leaf("TLS handshake", func(p *player) error {
		if err := p.inClear(); err != nil {
			return err
		}
		return p.secure()
	})
	s.mute = true
	return s
}

// ExpectTLSFailure begins TLS and wants the client to refuse it. That is the end
// of the connection. As the first step with [ImplicitTLS], it is about the
// handshake that the connection begins with.
func ExpectTLSFailure() Step {
	s := leaf("TLS handshake that fails", func(p *player) error {
		if err := p.inClear(); err != nil {
			return err
		}
		if p.handshake() {
			return &mismatch{reason: "the client has accepted the handshake", final: true}
		}
		p.over = true
		return nil
	})
	s.noTLS, s.mute = true, true
	return s
}

// inClear sends what is to be sent before TLS, and checks that nothing waits.
func (p *player) inClear() error {
	p.flush()
	p.progress++
	if n := p.in.Buffered(); n > 0 {
		return &mismatch{reason: plural(n, "octet") + " in clear before TLS", final: true}
	}
	return nil
}

// ExpectSTARTTLS wants STARTTLS, answers 220 and begins TLS.
func ExpectSTARTTLS() Step {
	return Seq(Expect("STARTTLS"), Send("220 2.0.0 Ready to start TLS"), UpgradeTLS())
}

// SignIn is [ExpectAuth], answered by 235.
func SignIn(mechanism string, initial ...Matcher) Step {
	return Seq(ExpectAuth(mechanism, initial...), Send("235 2.7.0 Signed in"))
}

// Envelope wants MAIL, with whatever parameters, and RCPT for each recipient,
// and answers 250 to all. Addresses are without brackets.
func Envelope(from string, to ...string) Step {
	steps := []Step{ExpectCommand("MAIL", from, "*"), Send("250 2.1.0 Sender ok")}
	for _, recipient := range to {
		steps = append(steps, ExpectCommand("RCPT", recipient, "*"), Send("250 2.1.5 Recipient ok"))
	}
	return Seq(steps...)
}

// Bye wants QUIT, answers 221 and ends the connection.
func Bye() Step {
	return Seq(Expect("QUIT"), Send("221 2.0.0 Bye"), Drop())
}
