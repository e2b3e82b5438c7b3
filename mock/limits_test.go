package mock_test

import (
	"testing"

	"github.com/seed-55a66e92/postern/mock"
)

// TestLIMITS lists the limits of RFC 9422 and keeps them.
func TestLIMITS(t *testing.T) {
	o := plain()
	o.Limits = mock.Limits{MailMax: 2, RcptMax: 3, RcptDomainMax: 2}
	c := dial(t, mock.Start(t, o))
	c.dialogue(`
		S: 220 mock.test ESMTP
		C: EHLO client.test
		S: 250-mock.test
		S: 250-PIPELINING
		S: 250 LIMITS MAILMAX=2 RCPTMAX=3 RCPTDOMAINMAX=2
		C: MAIL FROM:<>
		S: 250 Sender ok
		C: RCPT TO:<a@one.test>
		S: 250 Recipient ok
		C: RCPT TO:<b@ONE.test>
		S: 250 Recipient ok
		C: RCPT TO:<c@two.test>
		S: 250 Recipient ok
		C: RCPT TO:<d@two.test>
		S: 452 Too many recipients
		C: RSET
		S: 250 Reset
		C: MAIL FROM:<>
		S: 250 Sender ok
		C: RCPT TO:<a@one.test>
		S: 250 Recipient ok
		C: RCPT TO:<b@two.test>
		S: 250 Recipient ok
		C: RCPT TO:<c@three.test>
		S: 452 Too many recipient domains
		C: RSET
		S: 250 Reset
		C: MAIL FROM:<>
		S: 421 Too many transactions in this session, closing connection`)
	c.expectEnd()
}

// TestLIMITSListed lists no limit that there is not.
func TestLIMITSListed(t *testing.T) {
	for line, l := range map[string]mock.Limits{
		"250-PIPELINING\r\n250 LIMITS RCPTMAX=7\r\n": {RcptMax: 7},
		"250 PIPELINING\r\n":                         {Connections: 3},
	} {
		o := plain()
		o.Limits = l
		c := dial(t, mock.Start(t, o))
		c.expect(greeting)
		c.send("EHLO client.test\r\n")
		c.expect("250-mock.test\r\n" + line)
	}
}
