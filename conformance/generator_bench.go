package conformance

// A GeneratorBench is where a case tries out a token generator.
type GeneratorBench struct{}
