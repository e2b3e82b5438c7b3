package mock_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"strings"

	"github.com/seed-55a66e92/postern/mock"
)

// A fault by a seed: which of the actions happens, and when, is the same each time.
func ExamplePoint_Sometimes() {
	srv, err := mock.New(mock.Options{
		Network: mock.InMemory, TLS: mock.NoTLS,
		Faults: []mock.Fault{mock.At("NOOP").Sometimes(5, 0.5, mock.Reply(451, "4.3.0", "not now"), mock.Extra("250 twice"))},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	conn, err := srv.Dial(context.Background(), "", "")
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "NOOP\r\nNOOP\r\nQUIT\r\n")
	said, err := io.ReadAll(conn)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s", strings.ReplaceAll(string(said), "\r", ""))
	// Output:
	// 220 mock.test ESMTP
	// 451 4.3.0 not now
	// 250 2.0.0 Nothing done
	// 221 2.0.0 Bye
}
