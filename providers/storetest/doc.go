// Package storetest tells whether a [providers.Store] keeps its promises: nothing
// lost, nothing overwritten unseen, one holder of a lock at a time.
//
// A Store that lives in the memory of a process is tested by
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) providers.Store { return mystore.New() })
//	}
//
// and one that processes share, by
//
//	func TestStore(t *testing.T) {
//		storetest.RunShared(t, storetest.Shared{
//			New:  func(t *testing.T) string { return t.TempDir() },
//			Open: func(t *testing.T, place string) providers.Store { return mystore.Open(place) },
//		})
//	}
//
// which runs the test's binary again for the other processes, and kills some of
// them in the middle of their work.
//
// Each promise is a subtest, and nothing that a right Store does can make one
// fail, however slow it is. For each there is a Store in the tests of this
// package that breaks it and is found out.
package storetest
