package badclient

// A Defect is the one thing that a client does wrong.
type Defect string

// The defects. The zero Defect is none.
const (
	None Defect = ""

	// The sign-in.
	LongInitialResponse  Defect = "long-initial-response"  // any initial response is on the AUTH line
	CancelErrorChallenge Defect = "cancel-error-challenge" // "*" answers an XOAUTH2 error challenge
	HangOnErrorChallenge Defect = "hang-on-error-challenge"
	LogAUTH              Defect = "log-auth"        // as it is sent
	RetrySecret          Defect = "retry-secret"    // after a refusal, by another mechanism
	BelieveEarlySuccess  Defect = "believe-235"     // before the server has proved itself
	StrayCancel          Defect = "stray-cancel"    // "*" after a final reply
	IgnoreJunk           Defect = "ignore-junk"     // a challenge that is not base64 is answered as if it were empty
	AnswerAgain          Defect = "answer-again"    // a challenge too many gets the first response once more
	AllPermanent         Defect = "all-permanent"   // any refusal of a sign-in is for ever
	EmptyToken           Defect = "empty-token"     // is sent if there is no other
	AnyToken             Defect = "any-token"       // whatever is in it
	WaitForChallenge     Defect = "wait-for-334"    // XOAUTH2 is over only after an error challenge
	EmptyToBearerError   Defect = "empty-to-bearer" // an empty line answers an OAUTHBEARER error challenge
	NeedPasswordPrompt   Defect = "need-prompt"     // LOGIN wants to read "Password:"
	FirstListed          Defect = "first-listed"    // whatever it is
	NeedSpace            Defect = "need-space"      // behind 334
	ShortChallenge       Defect = "short-challenge" // of 512 octets at most
	OneMechanism         Defect = "one-mechanism"   // and no other if the server refuses it
	LoopTokens           Defect = "loop-tokens"     // as long as they are refused

	// TLS.
	ContinueInClear      Defect = "continue-in-clear" // if STARTTLS is not offered
	ClearAfterRefusal    Defect = "clear-after-refusal"
	AcceptAnyCertificate Defect = "accept-any-certificate"
	KeepPlaintext        Defect = "keep-plaintext"    // from before the handshake
	KeepCapabilities     Defect = "keep-capabilities" // the same
	TLSWithinTLS         Defect = "tls-within-tls"
	PipelineSTARTTLS     Defect = "pipeline-starttls" // EHLO goes with it

	ClearAfterHandshake Defect = "clear-after-handshake" // that has failed, on another connection

	// Greeting and EHLO.
	BadName        Defect = "bad-name"
	FallBackToHELO Defect = "fall-back-to-helo" // and do without TLS and a sign-in
	CaseSensitive  Defect = "case-sensitive"
	TalkFirst      Defect = "talk-first"     // before the greeting
	FirstLine      Defect = "first-line"     // of a greeting is all of it
	SilentEOF      Defect = "silent-eof"     // a connection that ends before the greeting is a success
	GreetingStays  Defect = "greeting-stays" // refused for ever, whatever the code

	// Replies.
	LastCodeWins      Defect = "last-code-wins" // in a reply of several codes
	ReadByRead        Defect = "read-by-read"   // what one read returns is a reply
	TextDecides       Defect = "text-decides"
	UnboundedReply    Defect = "unbounded-reply"
	UnboundedLine     Defect = "unbounded-line"
	IgnoreUnsolicited Defect = "ignore-unsolicited" // replies that nobody has asked for are kept for later
	AcceptTruncated   Defect = "accept-truncated"   // a reply that breaks off
	NeedText          Defect = "need-text"
	ExactCodes        Defect = "exact-codes"
	LooseCodes        Defect = "loose-codes" // three digits somewhere in front
	GoOnAfter421      Defect = "go-on-after-421"

	// Time.
	OneTimer     Defect = "one-timer" // for the whole session
	NoTimer      Defect = "no-timer"
	ShortTimer   Defect = "short-timer" // of 30 s if nobody says otherwise
	TimerPerRead Defect = "timer-per-read"
	NoTLSTimer   Defect = "no-tls-timer"
	IgnoreCancel Defect = "ignore-cancel"

	// The transaction.
	AnyAddress        Defect = "any-address"        // whatever is in it
	MissBufferEdge    Defect = "miss-buffer-edge"   // a dot at the start of a buffer is not doubled
	BareLineEnds      Defect = "bare-line-ends"     // go out as they are
	ContentAnyway     Defect = "content-anyway"     // without 354
	RejectedDelivered Defect = "rejected-delivered" // some were refused, and nobody is told
	AlwaysBody        Defect = "always-body"        // BODY=8BITMIME, whatever is offered
	FewRecipients     Defect = "few-recipients"     // too many of them are refused for ever
	BlankLine         Defect = "blank-line"         // before the last dot
	ResendRefused     Defect = "resend-refused"
	JustClose         Defect = "just-close" // without QUIT
	Raw8Bit           Defect = "raw-8-bit"
	BracketedNull     Defect = "bracketed-null" // sender
	ResendAfterEOF    Defect = "resend-after-eof"
	AlwaysPipeline    Defect = "always-pipeline"
	MatchByCode       Defect = "match-by-code"     // refusals belong to the last recipients
	ContentToNobody   Defect = "content-to-nobody" // if 354 comes although no recipient was accepted
	EOFWins           Defect = "eof-wins"          // over the refusals that came before it
)
