package mock

// What an authority keeps of what clients have begun: values by key, the oldest
// of which are forgotten when there are too many.
type kept[T any] struct {
	max    int
	values map[string]T
	order  []string // the keys, the oldest first
}

// Bounds of what clients begin: how many, and of the scopes of each, in octets.
const (
	maxBegun = 1_000
	maxScope = 2_000
)

func newKept[T any](limit int) *kept[T] { return &kept[T]{max: limit, values: make(map[string]T)} }

func (k *kept[T]) get(key string) T { return k.values[key] }

func (k *kept[T]) has(key string) bool {
	_, found := k.values[key]
	return found
}

func (k *kept[T]) put(key string, value T) {
	if !k.has(key) {
		k.order = append(k.order, key)
	}
	k.values[key] = value
	if len(k.order) > k.max {
		delete(k.values, k.order[0])
		k.order = k.order[1:]
	}
}

// keep bounds the grants that clients bring about: the refresh tokens of the
// oldest are forgotten.
func (a *Authority) keep(g *grant) {
	a.entered = append(a.entered, g)
	if len(a.entered) <= maxTokens {
		return
	}
	oldest := a.entered[0]
	a.entered[0], a.entered = nil, a.entered[1:]
	for _, used := range oldest.used {
		delete(a.grants, used)
	}
	delete(a.grants, oldest.current)
}
