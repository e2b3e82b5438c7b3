package profile

import "strings"

// An Advice is one row of a table from replies to advice. A zero Code, Enhanced
// or Text matches anything.
type Advice struct {
	Code     int    // reply code; 334 stands for an OAuth error challenge
	Enhanced string // enhanced status code (RFC 3463), such as "5.7.8"
	Text     string // part of the reply's text, in any case

	Say    string // what to do about it, in one or two sentences
	Source string // URL of the page that documents the reply
}

func (a *Advice) matches(code int, enhanced, text string) bool {
	return (a.Code == 0 || a.Code == code) &&
		(a.Enhanced == "" || a.Enhanced == enhanced) &&
		strings.Contains(strings.ToLower(text), strings.ToLower(a.Text))
}

// Advise returns what a reply of the server means and what to do about it, "" if
// there is nothing to say. enhanced is the enhanced status code, "" if the reply
// has none; text is the rest of the reply, all its lines. Code 334 asks about
// the error challenge of XOAUTH2 and OAUTHBEARER, with the decoded challenge as
// text.
//
// What the profile does not know is answered by the standards, and so is
// everything if p is nil. The advice holds nothing that the server said.
func (p *Profile) Advise(code int, enhanced, text string) string {
	if p != nil {
		if say := advise(p.Advice, code, enhanced, text); say != "" {
			return say
		}
	}
	return advise(general(), code, enhanced, text)
}

func advise(rows []Advice, code int, enhanced, text string) string {
	for i := range rows {
		if rows[i].matches(code, enhanced, text) {
			return rows[i].Say
		}
	}
	return ""
}
