package mock

import "strings"

// What a client does wrong within AUTH. That its credentials are refused, or that
// it gives up, is none of that.

// blamed records a refusal that is the client's fault, unless a fault has led the
// client there.
func (a *authDialogue) blamed(point string, r reply) reply {
	if !a.misread {
		a.violation("refused: %s, %d %s", point, r.code, strings.Join(r.lines, " "))
	}
	return r
}

// blameCommand records that the command must not come now, or that EHLO did not
// list what it asks for.
func (a *authDialogue) blameCommand(mechanism string) {
	told := a.wasTold("AUTH")
	switch a.bad.code {
	case 502, 530:
	case 504:
		told = a.wasToldMechanism(mechanism)
	default:
		told = false
	}
	if !told {
		a.blamed("AUTH", *a.bad)
	}
}

// judgeMechanism records that the client runs a mechanism that the server has and
// EHLO did not list.
func (a *authDialogue) judgeMechanism() {
	if !a.wasToldMechanism(a.mechanism.Name) {
		a.violation("AUTH %s, which EHLO did not list (RFC 4954, Section 4)", a.mechanism.Name)
	}
}

// judgeFarewell judges the response to an error challenge: a single %x01 in
// OAUTHBEARER, nothing in XOAUTH2, as its providers describe it.
func (a *authDialogue) judgeFarewell(response []byte) {
	switch {
	case !a.refused || a.misread:
	case a.mechanism.Name == "OAUTHBEARER" && string(response) != "\x01":
		a.violation("response to the error challenge of OAUTHBEARER is not %%x01 (RFC 7628, Section 3.2.3)")
	case a.mechanism.Name == "XOAUTH2" && len(response) > 0:
		a.violation("response to the error challenge of XOAUTH2 is not empty")
	}
	a.refused = false
}
