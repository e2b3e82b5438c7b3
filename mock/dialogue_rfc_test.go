package mock_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/seed-55a66e92/postern/mock"
)

// What a client says in the dialogues of the RFCs, as it goes over the wire.
const (
	talkD1 = "EHLO bar.com\r\nMAIL FROM:<Smith@bar.com>\r\nRCPT TO:<Jones@foo.com>\r\nRCPT TO:<Green@foo.com>\r\nRCPT TO:<Brown@foo.com>\r\nDATA\r\n" +
		"Blah blah blah...\r\n...etc. etc. etc.\r\n.\r\nQUIT\r\n"
	talkChunks = "EHLO ymir.claremont.edu\r\nMAIL FROM:<ned@ymir.claremont.edu> BODY=BINARYMIME\r\nRCPT TO:<gvaudre@cnri.reston.va.us>\r\n" +
		"BDAT 21\r\nSubject: part one\r\n\r\nBDAT 10 LAST\r\npart two\r\nQUIT\r\n"
)

// TestDialoguesOfRFCs plays the dialogues of the RFCs, cut in every manner. A
// client that says something else is found out.
func TestDialoguesOfRFCs(t *testing.T) {
	for file, says := range map[string]string{
		"rfc4954-no-initial.smtp": "EHLO client.example.com\r\nAUTH PLAIN\r\ndGVzdAB0ZXN0ADEyMzQ=\r\n",
		"rfc4954-cram.smtp":       "AUTH CRAM-MD5\r\ncmpzMyBlYzNhNTlmZWQzOTVhYmExZWM2MzY3YzRmNGI0MWFjMA==\r\n",
		"rfc4954-cancel.smtp":     "AUTH LOGIN\r\n*\r\n",
		"rfc5321-d1.smtp":         strings.Replace(talkD1, "\r\n...etc", "\r\n....etc", 1), // the RFC leaves the stuffed dot out
		"rfc5321-d2.smtp":         "EHLO bar.com\r\nMAIL FROM:<Smith@bar.com>\r\nRCPT TO:<Jones@foo.com>\r\nRCPT TO:<Green@foo.com>\r\nRSET\r\nQUIT\r\n",
		"rfc3030-chunks.smtp":     talkChunks,
	} {
		for _, f := range mock.AllFragments() {
			t.Run(file+"/"+f.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					o := scripted(mock.DialogueFile(filepath.Join("testdata", file)))
					o.Fragments = f
					if err := run(t, o, say(says)); err != nil {
						t.Error(err)
					}
					first, rest, _ := strings.Cut(says, "\r\n")
					wantScriptError(t, run(t, o, say(first+" \r\n"+rest)), "differs")
				})
			})
		}
	}
}

// TestFormatDialogue: the form is what it says, and files are in it.
func TestFormatDialogue(t *testing.T) {
	const text = "\n\n#  a \nS:220 x\r\nC:\n\n\n\nC~   *\nDELAY 90s \nCONTENT\n| \n|~ x\nCHUNK LAST \nS \"a\"\n\n"
	const want = "#  a\nS: 220 x\nC:\n\nC~   *\nDELAY 1m30s\nCONTENT\n|\n|~ x\nCHUNK LAST\nS \"a\"\n"
	if got, err := mock.FormatDialogue("x", text); got != want || err != nil {
		t.Errorf("got\n%s\nwant\n%s\n%v", got, want, err)
	}
	if _, err := mock.FormatDialogue("x", "C: a\nWHAT\n"); err == nil || !strings.HasPrefix(err.Error(), "mock: x:2: ") {
		t.Errorf("%v", err)
	}
	files, err := filepath.Glob("testdata/*.smtp")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := mock.FormatDialogue(file, string(text)); got != string(text) || err != nil {
			t.Errorf("%s: %v, formatted\n%s", file, err, got)
		}
	}
}

// FuzzFormatDialogue: what was formatted means the same, and stays as it is when
// formatted again.
func FuzzFormatDialogue(f *testing.F) {
	f.Add("S:220 x\nC~ *\n\n\nCONTENT\n| a\nCHUNK\nDELAY 60s\n")
	f.Fuzz(func(t *testing.T, text string) {
		once, err := mock.FormatDialogue("fuzz.smtp", text)
		if err != nil || len(text) > 10_000 {
			return
		}
		twice, err := mock.FormatDialogue("fuzz.smtp", once)
		if err != nil || twice != once {
			t.Errorf("%q\n%q, %v", once, twice, err)
		}
	})
}

// TestRecordDialogue makes a script of a session, and plays it.
func TestRecordDialogue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := mock.Start(t, mock.Options{Network: mock.InMemory, TLS: mock.NoTLS, InsecureAuth: true, Mechanisms: []string{"PLAIN", "LOGIN"}})
		say(wholeSession)(dial(t, srv))
		srv.Close()
		text := srv.Transcript().Dialogue()
		if strings.Contains(text, b64("secret")) || !strings.Contains(text, "C~ *\n") || !strings.Contains(text, "CHUNK LAST\n") {
			t.Errorf("recorded\n%s", text)
		}
		if again, err := mock.FormatDialogue("recorded", text); again != text || err != nil {
			t.Errorf("%v: formatted\n%s", err, again)
		}
		step, err := mock.ParseDialogue("recorded", strings.NewReader(text))
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if err := run(t, scripted(step), say(wholeSession)); err != nil {
			t.Error(err)
		}
		wantScriptError(t, run(t, scripted(step), say(strings.Replace(wholeSession, "RSET", "NOOP", 1))), "line differs")
	})
}
