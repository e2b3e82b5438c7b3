package conformance

// A ServerBench is where a case tries out a server.
type ServerBench struct{}
