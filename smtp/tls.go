package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"
)

// handshake starts TLS on the connection.
func (c *Client) handshake(ctx context.Context) error {
	config := &tls.Config{}
	if c.cfg.TLSConfig != nil {
		config = c.cfg.TLSConfig.Clone()
	}
	if config.ServerName == "" {
		config.ServerName = c.server.host
	}
	if config.GetClientCertificate != nil || len(config.Certificates) > 0 {
		// A resumed connection is not asked for a certificate, and nobody could
		// tell any more whether the server knows one.
		config.ClientSessionCache = nil
	}
	if config.MinVersion == 0 {
		config.MinVersion = tls.VersionTLS12 // RFC 8997
	}
	limit := c.conn.timeouts.TLS
	shaking, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c.recordClientCert(config)
	_ = c.conn.raw.SetDeadline(time.Time{}) // those of the commands before are not the handshake's
	h := Handshake{ServerName: config.ServerName, Start: time.Now()}
	t := tls.Client(c.conn.raw, config)
	if err := t.HandshakeContext(shaking); err != nil {
		if ctx.Err() == nil && shaking.Err() != nil {
			h.Err = &PhaseError{PhaseTLS, &timeoutError{limit}}
		} else {
			h.Err = c.conn.ioError(ctx, string(PhaseTLS), limit, c.plainAnswer(err))
		}
		c.conn.watch.shook(h)
		return c.conn.fail(h.Err)
	}
	state := t.ConnectionState()
	c.conn.upgrade(t)
	c.tls = &state
	// With InsecureSkipVerify, only VerifyConnection is called on every
	// connection, resumed ones too.
	c.verified = !config.InsecureSkipVerify || config.VerifyConnection != nil
	h.State, h.Verified = c.tls, c.verified
	c.conn.watch.shook(h)
	return nil
}

// withSessions returns c with a store of TLS sessions, unless it has one: what
// makes more than one connection, as a Dial that has to redial, resumes the
// session of the one before (RFC 8446, Section 2.2).
func (c Config) withSessions() Config {
	config := &tls.Config{}
	if c.TLSConfig != nil {
		config = c.TLSConfig.Clone()
	}
	if config.ClientSessionCache == nil {
		config.ClientSessionCache = tls.NewLRUClientSessionCache(sessions)
	}
	c.TLSConfig = config
	return c
}

// sessions is how many TLS sessions are kept: those of one server.
const sessions = 8

// plainAnswer explains the commonest reason for a failed handshake.
func (c *Client) plainAnswer(err error) error {
	var header tls.RecordHeaderError
	if errors.As(err, &header) && c.server.mode == TLSImplicit {
		return fmt.Errorf("the server does not speak TLS on this port (STARTTLS, smtp://, may be what it wants): %w", err)
	}
	return err
}

// recordClientCert makes config tell whether the client showed a certificate.
func (c *Client) recordClientCert(config *tls.Config) {
	choose := config.GetClientCertificate
	if choose == nil {
		certificates := config.Certificates
		choose = func(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			for i := range certificates {
				if info.SupportsCertificate(&certificates[i]) == nil {
					return &certificates[i], nil
				}
			}
			return new(tls.Certificate), nil // none: the server decides
		}
	}
	config.GetClientCertificate = func(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		certificate, err := choose(info)
		c.clientCert = err == nil && len(certificate.Certificate) > 0
		return certificate, err
	}
}
