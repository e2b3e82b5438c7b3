package providers

import (
	"context"
	"fmt"
	"sync"
)

// locks are mutexes by name within one process. Waiting for one ends with a
// context. The zero value is ready for use.
type locks struct {
	mu    sync.Mutex
	named map[string]*namedLock
}

type namedLock struct {
	taken chan struct{} // of one element, which is in it while the lock is held
	users int           // who hold it or wait for it
}

// lock waits for the lock of that name. Only the first call of unlock counts.
func (l *locks) lock(ctx context.Context, name string) (unlock func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("providers: waiting for a lock: %w", err)
	}
	m := l.enter(name)
	select {
	case m.taken <- struct{}{}:
		return sync.OnceFunc(func() {
			<-m.taken
			l.leave(name, m)
		}), nil
	case <-ctx.Done():
		l.leave(name, m)
		return nil, fmt.Errorf("providers: waiting for a lock: %w", ctx.Err())
	}
}

func (l *locks) enter(name string) *namedLock {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.named[name]
	if m == nil {
		m = &namedLock{taken: make(chan struct{}, 1)}
		if l.named == nil {
			l.named = make(map[string]*namedLock)
		}
		l.named[name] = m
	}
	m.users++
	return m
}

func (l *locks) leave(name string, m *namedLock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m.users--
	if m.users == 0 {
		delete(l.named, name)
	}
}
