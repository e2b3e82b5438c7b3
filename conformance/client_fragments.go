package conformance

import (
	"context"
	"slices"
	"strings"

	"github.com/seed-55a66e92/postern/mock"
)

func fragmentedReplies() Case {
	return Case{
		ID:    "C-REP-01",
		Title: "How replies are cut into packets makes no difference",
		Area:  AreaReplies,
		Refs:  []Ref{{RFC: 5321, Section: "4.2.1", Level: Must}},
		Needs: []Need{NeedTLS, NeedAuth},
		Tiers: []Tier{Passive},
		Procedure: "Control: each reply comes in one piece. Then the same session by line, by octet and in pieces of " +
			"other sizes; once all is well, once the recipient is refused by a reply of two lines.",
		Pass:      "The same commands and the same outcome, however the replies come.",
		Mutant:    "takes what one read returns for a reply",
		AlsoKills: []string{"C-AUT-08", "C-TMO-04"}, // where a reply takes several reads, too
		Since:     "v0.1.0",
		Client:    runFragmentedReplies,
	}
}

func runFragmentedReplies(ctx context.Context, b *ClientBench) Verdict {
	scene, v, ok := b.SignIn(ctx, Scene{})
	if !ok {
		return v
	}
	refused := scene
	refused.Server.Faults = []mock.Fault{mock.At("RCPT").Do(mock.Raw([]byte("550-5.1.1 No such user\r\n550 5.1.1 in this place\r\n")))}
	for _, s := range []Scene{scene, refused} {
		whole := b.Try(ctx, s)
		if v := uncut(whole, s.Server.Faults != nil); v.Outcome != Pass {
			return v
		}
		for _, f := range []mock.Fragments{mock.ByLine(), mock.ByOctet(), mock.AtRandom(1), mock.AtRandom(2)} {
			s.Server.Fragments = f
			t := b.Try(ctx, s)
			if problem := differs(t, whole); problem != "" {
				v := t.fail("the same as if replies came in one piece: "+whole.said(), problem+"; "+t.said())
				v.Reason = "replies came " + f.String()
				return v
			}
		}
	}
	return pass()
}

// uncut judges the attempt that the others are compared with.
func uncut(t *Trial, refused bool) Verdict {
	if !refused {
		v, ok := t.control()
		if ok {
			v = pass()
		}
		return v
	}
	t.fault = "RCPT"
	switch {
	case !t.answered("RCPT", 550):
		return t.notReached("RCPT")
	case !t.refused():
		return t.fail("an error, for the recipient was refused", t.said())
	}
	return pass()
}

// differs says what is not as in the other attempt, "" if all is.
func differs(t, whole *Trial) string {
	switch {
	case t.Crash != "":
		return t.Crash
	case t.Answer.Status != whole.Answer.Status, (t.Answer.Err == nil) != (whole.Answer.Err == nil):
		return "another outcome"
	case len(t.Messages) != len(whole.Messages):
		return "not as many messages"
	case !slices.Equal(t.lines(), whole.lines()):
		return "other commands: " + strings.Join(t.lines(), ", ")
	}
	return ""
}

// lines returns the commands of all sessions up to QUIT, which a client need not
// send.
func (t *Trial) lines() []string {
	var all []string
	for _, session := range t.Sessions {
		for _, c := range session.Commands {
			if c.Verb == "QUIT" {
				break
			}
			all = append(all, c.Line)
		}
	}
	return all
}
