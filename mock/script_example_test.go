package mock_test

import (
	"fmt"
	"log"
	"net/smtp"
	"strings"
	"testing"

	"github.com/seed-55a66e92/postern/mock"
)

// A test of a client that has to cope with a refused recipient. Where the client
// leaves the script, the test fails at that step.
func ExampleStep() {
	_ = func(t *testing.T) {
		srv := mock.Start(t, mock.Options{TLS: mock.NoTLS, Script: mock.Seq(
			mock.Hello("SIZE 1000000"),
			mock.Envelope("from@example.test", "to@example.test"),
			mock.ExpectCommand("RCPT", "nobody@example.test"), mock.Reply(550, "5.1.1", "No such user"),
			mock.ExpectData(mock.Containing("Subject: hello")), mock.Reply(250, "2.0.0", "Queued"),
			mock.Bye(),
		)})
		deliver(srv.Addr(), "from@example.test", "to@example.test", "nobody@example.test")
	}
}

// deliver stands for the code under test.
func deliver(addr, from string, to ...string) {}

// A program asks Err where the client has left the script.
func ExampleServer_Err() {
	script, err := mock.ParseDialogue("hello.smtp", strings.NewReader(`
S: 220 mock.test ESMTP
C: EHLO client.example
S: 250 mock.test
C: QUIT
S: 221 2.0.0 Bye
CLOSE
`))
	if err != nil {
		log.Fatal(err)
	}
	srv, err := mock.New(mock.Options{Script: script})
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()

	c, err := smtp.Dial(srv.Addr())
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	if err := c.Hello("client.example"); err != nil {
		log.Fatal(err)
	}
	if err := c.Quit(); err != nil {
		log.Fatal(err)
	}
	srv.Close()
	fmt.Println(srv.Err())
	// Output:
	// <nil>
}
