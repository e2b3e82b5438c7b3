package conformance

// A MechanismBench is where a case tries out a SASL mechanism.
type MechanismBench struct{}
