package smtp_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/seed-55a66e92/postern/mock"
	"github.com/seed-55a66e92/postern/smtp"
)

// Line endings and dots that lie across the edge of a block, of a buffer or of a
// chunk come out as anywhere else.
func TestBufferEdges(t *testing.T) {
	const tail = "\r\n.\r\n..\r.\n\r\r\n.x\n."
	const want = "\r\n.\r\n..\r\n.\r\n\r\n\r\n.x\r\n.\r\n"
	for _, edge := range []int{4 << 10, 16 << 10, 32 << 10, 256 << 10} {
		for form, change := range map[string]func(*smtp.Config){"DATA": func(*smtp.Config) {}, "BDAT": chunking} {
			t.Run(fmt.Sprint(form, " ", edge), func(t *testing.T) {
				s, c := startWith(t, mock.Options{Strict: true}, change)
				n := 0
				for before := edge - len(tail) - 2; before <= edge+2; before++ {
					lines := strings.Repeat(strings.Repeat("x", 62)+"\r\n", before/64) + strings.Repeat("y", before%64)
					for _, m := range []smtp.Message{
						smtp.Bytes([]byte(lines + tail)),
						smtp.Reader(iotest.HalfReader(strings.NewReader(lines + tail))),
					} {
						res, err := c.Send(t.Context(), envelope, m)
						if err != nil || res.Octets != int64(before+len(want)) {
							t.Fatalf("%d octets before the tail: %d octets, %v", before, res.Octets, err)
						}
						if n++; string(s.TakeMessages()[0].Data) != lines+want {
							t.Fatalf("%d octets before the tail: message %d differs", before, n)
						}
					}
				}
			})
		}
	}
}

// Memory that is kept from a message does not show in the next one.
func TestMessagesDoNotMix(t *testing.T) {
	for _, change := range []func(*smtp.Config){func(*smtp.Config) {}, chunking, chunksInGroup} {
		s, c := startWith(t, mock.Options{Strict: true}, change)
		var want []string
		for i, n := range []int{100000, 0, 10, 300000, 1, 70000, 5} {
			text := strings.Repeat(fmt.Sprintf("%07d\r\n", i), n/9)
			want = append(want, text)
			if _, err := c.Send(t.Context(), envelope, smtp.Bytes([]byte(text))); err != nil {
				t.Fatal(err)
			}
		}
		for i, m := range s.Messages() {
			if string(m.Data) != want[i] {
				t.Errorf("message %d has %d octets, %.40q; want %d", i, len(m.Data), m.Data, len(want[i]))
			}
		}
	}
}
