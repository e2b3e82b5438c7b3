// Package house holds no code, only tests: those that check the rules of the
// repository which neither the compiler nor a linter knows.
//
//   - layers_test.go: which package may import which, and what each module may
//     require
//   - source_test.go: what the source of every package has and has not
//   - state_test.go: that no package has state of its own
//   - text_test.go: what no file of the repository says, and what its documents
//     must say
//
// They read the files of all modules, not what the go command makes of them, so
// files of other systems and build tags are checked as well.
package house
