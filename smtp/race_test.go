//go:build race

package smtp_test

const raceDetector = true
