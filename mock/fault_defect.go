package mock

import "fmt"

// A Defect is a fault of the server itself.
type Defect int

const (
	// RefusedChunkIsRun makes the server leave the octets of a refused BDAT chunk
	// in its input and run them as commands, although RFC 3030, Section 2 wants
	// them discarded. Servers with that defect were shipped: whoever writes the
	// content of a message could sign its client's name to commands. A client is
	// safe if it sends no BDAT before MAIL and RCPT have been accepted, and no
	// further chunk behind one that may be refused.
	RefusedChunkIsRun Defect = iota + 1
)

func (o *Options) checkDefects() error {
	for i, d := range o.Defects {
		if d != RefusedChunkIsRun {
			return fmt.Errorf("mock: Options.Defects[%d] is unknown", i)
		}
	}
	return nil
}
