package badserver

import "bytes"

// maxMessage is the longest message, in octets.
const maxMessage = 1 << 20

func (x *session) data() {
	switch {
	case !x.open:
		x.say("DATA", 503, "5.5.1 MAIL first")
		return
	case x.to == 0:
		x.say("DATA", 554, "5.5.1 No valid recipients")
		return
	}
	x.say("DATA", 354, "Go ahead")
	x.flush()
	content, ok := x.content()
	x.forget()
	if x.Defect == LFEndsDiscards {
		_, _ = x.in.Discard(len(x.waiting())) // they are there
	}
	if !ok {
		x.over = true
		return
	}
	if x.objects(content) {
		x.say("EOD", 550, "5.5.2 Bare CR or LF, or NUL")
		x.over = true
		return
	}
	x.store(content)
	x.say("EOD", 250, "2.0.0 Queued")
}

// content reads a message to its end and takes the dots away.
func (x *session) content() ([]byte, bool) {
	octets := []byte("\r\n") // as if a line had just ended
	for {
		c, err := x.in.ReadByte()
		if err != nil || len(octets) > maxMessage {
			return nil, false
		}
		octets = append(octets, c)
		for _, end := range x.ends() {
			if content, found := bytes.CutSuffix(octets, []byte(end)); found {
				return x.unstuffed(append(content, "\r\n"...)), true
			}
		}
	}
}

// ends are what ends a message.
func (x *session) ends() []string {
	switch x.Defect {
	case LFEndsData, LFEndsDiscards:
		return []string{"\r\n.\r\n", "\n.\n"}
	case CREndsData:
		return []string{"\r\n.\r\n", "\r.\r"}
	}
	return []string{"\r\n.\r\n"}
}

// unstuffed returns a message without the CRLF before it and without the dots that
// were added.
func (x *session) unstuffed(octets []byte) []byte {
	if x.Defect != KeepsDots {
		octets = bytes.ReplaceAll(octets, []byte("\r\n."), []byte("\r\n"))
	}
	return octets[min(2, len(octets)):]
}
