package smtp

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
)

// A Message is a message to send, header and body, as octets. Open returns it
// from its start, more than once; that is what makes a retry honest.
//
// Line endings may be CRLF, LF or CR: they are sent as CRLF, and the last line is
// ended if it is not. Nothing else is changed. NUL is refused. A message with
// octets above 127 needs a server with 8BITMIME (RFC 6152), and one with lines of
// more than 998 octets (RFC 5321, Section 4.5.3.1.6) is sent with a warning in
// the Result: it is for whatever makes the message to encode them. Where
// Envelope.Binary is set, none of this applies: the octets are sent as they are.
//
// A message that is not what it was when it was first read gets no end, and so
// nobody gets it.
//
// Close is called once or more. It ends a Read that waits, if the source can do
// that, when a context ends or, while the content goes by DATA, when the server
// speaks up or is gone; a source that cannot holds up the end of its Send.
//
// A Message may know its envelope better than its header does: one that also
// has the method
//
//	Envelope() (Envelope, error)
//
// is asked by [EnvelopeOf].
type Message interface {
	Open() (io.ReadCloser, error)
}

// Bytes returns a Message of the octets in b, which are not copied.
func Bytes(b []byte) Message { return bytesMessage(b) }

type bytesMessage []byte

func (m bytesMessage) Open() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(m)), nil
}

func (m bytesMessage) inMemory() ([]byte, error) { return m, nil }

// A memoryMessage is in memory as a whole.
type memoryMessage interface{ inMemory() ([]byte, error) }

// File returns a Message that reads the named file, which has to be a regular one:
// it is read more than once. What comes through a pipe is for [Reader].
func File(name string) Message { return fileMessage(name) }

type fileMessage string

func (m fileMessage) Open() (io.ReadCloser, error) {
	info, err := os.Stat(string(m)) // first, because to open a named pipe may wait for ever
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrMessage, err)
	case info.IsDir():
		return nil, fmt.Errorf("%w: %s is a directory", ErrMessage, string(m))
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%w: %s is no regular file: open it and use Reader", ErrMessage, string(m))
	}
	f, err := os.Open(string(m))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	return f, nil
}

// Reader returns a Message that reads r, once: a second Open returns
// [ErrConsumed]. Its size cannot be declared, and whether it holds 8-bit octets
// shows only while it is sent. Prefer another kind where there is one.
func Reader(r io.Reader) Message { return &readerMessage{r: r} }

type readerMessage struct {
	mu sync.Mutex
	r  io.Reader
}

func (m *readerMessage) Open() (io.ReadCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.r == nil {
		return nil, ErrConsumed
	}
	r := m.r
	m.r = nil
	if rc, ok := r.(io.ReadCloser); ok {
		return rc, nil
	}
	return io.NopCloser(r), nil
}

func (m *readerMessage) readOnce() {}

// A onceMessage can be opened only once.
type onceMessage interface{ readOnce() }

// WriterTo returns a Message of what w writes. It is rendered at the first Open
// and kept in memory.
func WriterTo(w io.WriterTo) Message { return &renderedMessage{w: w} }

type renderedMessage struct {
	w      io.WriterTo
	once   sync.Once
	octets []byte
	err    error
}

func (m *renderedMessage) Open() (io.ReadCloser, error) {
	octets, err := m.inMemory()
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(octets)), nil
}

func (m *renderedMessage) inMemory() ([]byte, error) {
	m.once.Do(func() {
		m.err = errPanickedWriter // unless it returns
		var b bytes.Buffer
		if _, err := m.w.WriteTo(&b); err != nil {
			m.err = fmt.Errorf("%w: %w", ErrMessage, err)
			return
		}
		m.octets, m.err = b.Bytes(), nil
	})
	return m.octets, m.err
}

var errPanickedWriter = fmt.Errorf("%w: what writes it panicked", ErrMessage)
